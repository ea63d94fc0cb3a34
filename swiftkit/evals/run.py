"""Evaluate a served model on a task: load, ask, score, report.

What a task is and how a report is made is told in evals/grade.py, how samples are asked and a run
is resumed in evals/runner.py and evals/run_directory.py, how faults of the endpoint are met in
client/client.py.
"""

import time
from pathlib import Path
from typing import NamedTuple

from swiftkit import __version__
from swiftkit.client.client import Endpoint
from swiftkit.errors import DataError
from swiftkit.evals.dataset import select
from swiftkit.evals.gates import Gate
from swiftkit.evals.report.report import Report
from swiftkit.evals.report.write import check_gates, finish
from swiftkit.evals.results import jobs_of
from swiftkit.evals.run_directory import Config, RunDir, new_run, sha256
from swiftkit.evals.runner import Session
from swiftkit.evals.task import Task, load_task
from swiftkit.files.hub import data_path
from swiftkit.terminal import say


class Options(NamedTuple):
    """The flags of `swiftkit eval`; None means the task's or the endpoint's own choice."""

    task: str
    data: Path
    endpoint: Endpoint
    model: str | None = None
    run: Path | None = None
    limit: int | None = None
    sample: int | None = None
    seed: int = 0
    trials: int = 1
    temperature: float | None = None
    max_tokens: int | None = None
    prompt: Path | None = None
    gates: tuple[Gate, ...] = ()


def evaluate(options: Options) -> Report:
    """Run or resume an evaluation, with its files in `report.run`; EndpointError where nothing was
    scored."""
    task = load_task(options.task)
    options = options._replace(data=data_path(str(options.data)))
    config = _config(options, task)
    samples = select(task.load(options.data), options.limit, options.sample, options.seed)
    jobs = jobs_of(samples, options.trials)
    check_gates(options.gates, task, jobs)
    run = RunDir(options.run or new_run(options.task))
    if options.trials > 1 and config.temperature == 0:
        say("note: at temperature 0 all trials of a sample may be equal (give --temperature)")
    start = time.perf_counter()
    with run.lock():
        session = Session(task, run.agree(config), options.endpoint, run, jobs)
        session.run_all()
        elapsed = time.perf_counter() - start
        return finish(run, session.config, task, jobs, session.account, options.gates, elapsed)


def _config(options: Options, task: Task) -> Config:
    sampling = task.sampling
    temperature = sampling.temperature if options.temperature is None else options.temperature
    return Config(
        task=options.task,
        data=str(options.data.absolute()),
        data_sha256=sha256(options.data),
        base_url=",".join(options.endpoint.urls),
        model=options.model,
        trials=options.trials,
        temperature=temperature,
        max_tokens=options.max_tokens or sampling.max_tokens,
        prompt=None if options.prompt is None else _read_prompt(options.prompt),
        limit=options.limit,
        sample=options.sample,
        seed=options.seed,
        swiftkit=__version__,
        settings=task.settings(),
    )


def _read_prompt(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"--prompt {path}: {error}", "unreadable_file", "give a UTF-8 text file"
        ) from error
