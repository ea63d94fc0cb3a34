"""Give SwanLab what it lacks beside ms-swift 4.6.0: numbers only, and a note of which run it is.

    external_plugins:
      - swiftkit/swift_plugins/swanlab_run.py

ms-swift puts texts among the metrics (elapsed_time, remaining_time, global_step/max_steps); swanlab
0.10.3 prints an error for each of them at each log. In local mode it prints another where its
dashboard is not installed, though it keeps the data all the same. And run.json learns which run
this is (training/record_run.py), so that its place is said at the end, a resumed training goes on
in it, and `swiftkit eval --training-run` adds to it. It also learns why a training fails, where the
exception says so (training/failure.py).

The one method that makes the callback is wrapped: before it, no run reports to SwanLab, and nothing
is imported.
"""

import os
import signal
from pathlib import Path
from typing import Any

from swift.arguments.sft_args import SwanlabArguments

from swiftkit.training import run_record
from swiftkit.training.failure import note_at_the_end
from swiftkit.training.swanlab import do_without_dashboard


def install() -> None:
    if getattr(SwanlabArguments, "swiftkit_run", False):
        return
    init_swanlab = SwanlabArguments._init_swanlab

    def init_and_adapt(arguments: Any) -> None:
        init_swanlab(arguments)
        from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

        _adapt(INTEGRATION_TO_CALLBACK["swanlab"], arguments)

    SwanlabArguments._init_swanlab, SwanlabArguments.swiftkit_run = init_and_adapt, True


def _adapt(callback: Any, arguments: Any) -> None:
    """Wrap the methods of a swanlab.integration.transformers.SwanLabCallback."""
    on_log, setup = callback.on_log, callback.setup

    def log_numbers(
        args: Any, state: Any, control: Any, model: Any = None, logs: Any = None, **kwargs: Any
    ) -> None:
        logged = (logs or {}).items()
        numbers = {name: value for name, value in logged if not isinstance(value, str)}
        on_log(args, state, control, model=model, logs=numbers, **kwargs)

    def set_up_and_note(args: Any, state: Any, model: Any = None) -> None:
        was_initialized = callback._trainer_initialized
        setup(args, state, model)
        if callback._trainer_initialized and not was_initialized:
            _finish_when_stopped()
            _note(arguments)

    callback.on_log, callback.setup = log_numbers, set_up_and_note
    do_without_dashboard()


def _note(arguments: Any) -> None:
    """Tell run.json which SwanLab run this is."""
    import swanlab

    path, run = os.environ.get(run_record.VARIABLE), swanlab.get_run()
    if not path or run is None:
        return
    workspace, url = arguments.swanlab_workspace or "", ""
    if run.mode == "online":
        workspace, url = run.path.strip("/").split("/")[0], run.url
    noted = run_record.SwanLab(
        id=run.id,
        mode=run.mode,
        project=arguments.swanlab_project,
        workspace=workspace,
        name=run.name,
        folder=str(Path(run.dir).absolute()),
        url=url,
    )
    run_record.note(Path(path), noted)


def _finish_when_stopped() -> None:
    """Let SwanLab write what is pending at SIGTERM (a SLURM requeue), as it does at Ctrl-C."""
    import swanlab

    handler_before = signal.getsignal(signal.SIGTERM)

    def finish(number: int, _: Any) -> None:
        signal.signal(number, handler_before)
        if swanlab.has_run():
            swanlab.finish(state="aborted")
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, finish)


install()
note_at_the_end()
