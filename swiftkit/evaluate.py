"""Evaluate a served model on a task: load, ask, score, report.

A task is a module of tasks/ with `load(path)`, `score(sample, response)`, `metrics(results)`, `SAMPLING` and
`HEADLINE`; one that asks several times for a sample also has `async converse(sample, ask) -> Response`, where
`ask(messages, tools)` is one request of the runner (converse.py). How samples are asked and a run is resumed is told in
session.py and rundir.py, how faults of the endpoint are met in client.py.
"""

import importlib
import pkgutil
import random
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from swiftkit import __version__, tasks
from swiftkit.client import Endpoint, base_url
from swiftkit.errors import DataError, EndpointError, UsageError
from swiftkit.gate import Gate
from swiftkit.records import Sample
from swiftkit.report import Outcome, Report, judge_all, make_report, markdown, score_line, summarize
from swiftkit.rundir import Config, RunDir, new_run, sha256
from swiftkit.session import Job, Session, say


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


def task_names() -> list[str]:
    """The tasks, one a file of tasks/."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(tasks.__path__))


def evaluate(options: Options) -> Report:
    """Run or resume an evaluation, with its files in `report.run`; EndpointError where nothing was scored."""
    task = _task(options.task)
    samples = select(task.load(options.data), options.limit, options.sample, options.seed)
    jobs = [Job(sample, trial) for sample in samples for trial in range(options.trials)]
    _check_gates(options.gates, task.metrics([(job.sample, job.trial, None) for job in jobs]))
    run = RunDir(options.run or new_run(options.task))
    config = run.agree(_config(options, task.SAMPLING))
    if options.trials > 1 and config.temperature == 0:
        say("note: at temperature 0 all trials of a sample may be equal (give --temperature)")
    start = time.perf_counter()
    session = Session(task, config, options.endpoint, run, jobs)
    session.run_all()
    return _finish(session, jobs, options.gates, time.perf_counter() - start)


def select(samples: list[Sample], limit: int | None, number: int | None, seed: int) -> list[Sample]:
    """A random `number`, or the first `limit`. Chains stay together: half a chain says nothing about chain_success."""
    if limit is None and number is None:
        return samples
    chains: dict[str, list[Sample]] = {}
    for sample in samples:
        chains.setdefault(sample.meta.get("chain", sample.id), []).append(sample)
    order = list(chains.values())
    if number is not None:
        random.Random(seed).shuffle(order)  # noqa: S311 - not a secret
    picked = [sample for chain in order for sample in chain]
    return picked[: min(size for size in (limit, number) if size is not None)]


def _task(name: str) -> Any:
    if name not in task_names():
        raise UsageError(f"no task {name!r} (there is: {', '.join(task_names())})")
    return importlib.import_module(f"swiftkit.tasks.{name.replace('-', '_')}")


def _config(options: Options, sampling: dict[str, Any]) -> Config:
    temperature = sampling["temperature"] if options.temperature is None else options.temperature
    return Config(
        task=options.task,
        data=str(options.data.absolute()),
        data_sha256=sha256(options.data),
        base_url=base_url(options.endpoint.url),
        model=options.model,
        trials=options.trials,
        temperature=temperature,
        max_tokens=options.max_tokens or sampling["max_tokens"],
        prompt=None if options.prompt is None else _read_prompt(options.prompt),
        limit=options.limit,
        sample=options.sample,
        seed=options.seed,
        swiftkit=__version__,
    )


def _read_prompt(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--prompt {path}: {error}", "unreadable_file", "give a UTF-8 text file") from error


def _check_gates(gates: tuple[Gate, ...], names: Collection[str]) -> None:
    """A metric's name is checked before the first request is made."""
    for gate in gates:
        if gate.metric not in names:
            raise UsageError(f"--gate {gate}: no metric {gate.metric!r} (this data has {', '.join(names)})")


def _finish(session: Session, jobs: list[Job], gates: tuple[Gate, ...], elapsed: float) -> Report:
    """Write scores.jsonl, report.json and report.md."""
    run = session.run
    outcomes = [Outcome(*job, session.responses[job.key], session.scores.get(job.key)) for job in jobs]
    metrics = summarize(session.task.metrics([(job.sample, job.trial, session.scores.get(job.key)) for job in jobs]))
    verdicts = judge_all(gates, metrics)
    report = make_report(session.config, outcomes, metrics, verdicts, elapsed)
    report = msgspec.structs.replace(report, run=str(run.path), resumed=session.counts.finished_before)
    with run.lock():
        run.write_lines("scores.jsonl", (score_line(outcome) for outcome in outcomes if outcome.score))
        run.write_json("report.json", report)
        run.write_text("report.md", markdown(report, outcomes))
    if not report.scored:
        again = f"see {run.path}/report.md; the same command with --run {run.path} asks again"
        raise EndpointError(f"no sample was scored, the first answer was: {outcomes[0].response.error} ({again})")
    return report
