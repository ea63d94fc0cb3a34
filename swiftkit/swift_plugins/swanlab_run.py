"""What SwanLab needs beside ms-swift 4.6.0: numbers only, and a note of which run it is.

    external_plugins:
      - swiftkit/swift_plugins/swanlab_run.py

ms-swift puts texts among the metrics (elapsed_time, remaining_time, global_step/max_steps); swanlab
0.10.3 prints an error for each of them at each log. In local mode it prints another where its
dashboard is not installed, though it keeps the data all the same. And run.json learns which run
this is (training/record_run.py), so that its place is said at the end, a resumed training goes on
in it, and `swiftkit eval --training-run` adds to it.

The one method that makes the callback is wrapped: before it, no run reports to SwanLab, and nothing
is imported.
"""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swift.arguments.sft_args import SwanlabArguments

from swiftkit.training import run_record
from swiftkit.training.swanlab import do_without_dashboard


def install() -> None:
    if getattr(SwanlabArguments, "swiftkit_run", False):
        return
    make = SwanlabArguments._init_swanlab

    def make_ours(arguments: Any) -> None:
        make(arguments)
        from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

        _adapt(INTEGRATION_TO_CALLBACK["swanlab"], arguments)

    SwanlabArguments._init_swanlab, SwanlabArguments.swiftkit_run = make_ours, True


def numbers(logs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Without the texts, which SwanLab cannot draw."""
    return {name: value for name, value in (logs or {}).items() if not isinstance(value, str)}


def _adapt(callback: Any, arguments: Any) -> None:
    """An object of swanlab.integration.transformers.SwanLabCallback."""
    on_log, setup = callback.on_log, callback.setup

    def log_numbers(
        args: Any, state: Any, control: Any, model: Any = None, logs: Any = None, **kwargs: Any
    ) -> None:
        on_log(args, state, control, model=model, logs=numbers(logs), **kwargs)

    def set_up_and_note(args: Any, state: Any, model: Any = None) -> None:
        fresh = not callback._trainer_initialized
        setup(args, state, model)
        if fresh and callback._trainer_initialized:
            _finish_when_stopped()
            _note(arguments)

    callback.on_log, callback.setup = log_numbers, set_up_and_note
    do_without_dashboard()


def _note(arguments: Any) -> None:
    import swanlab

    path, run = os.environ.get(run_record.VARIABLE), swanlab.get_run()
    if not path or run is None:
        return
    online = run.mode == "online"
    workspace = run.path.strip("/").split("/")[0] if online else arguments.swanlab_workspace or ""
    found = run_record.SwanLab(
        id=run.id,
        mode=run.mode,
        project=arguments.swanlab_project,
        workspace=workspace,
        name=run.name,
        folder=str(Path(run.dir).absolute()),
        url=run.url if online else "",
    )
    run_record.note(Path(path), found)


def _finish_when_stopped() -> None:
    """At SIGTERM (a SLURM requeue) what SwanLab has not written yet would be lost; SwanLab itself
    minds only Ctrl-C."""
    import swanlab

    before = signal.getsignal(signal.SIGTERM)

    def finish(number: int, _: Any) -> None:
        signal.signal(number, before)
        if swanlab.has_run():
            swanlab.finish(state="aborted")
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, finish)


install()
