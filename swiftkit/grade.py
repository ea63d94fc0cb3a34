"""From a run's answers to its report: what `swiftkit eval` ends with, and `swiftkit grade RUN` does again, without a
model, after the scorer or the gold has changed.

A task is a module of tasks/ with `load(path)`, `score(sample, response)`, `metrics(results)`, `SAMPLING` and
`HEADLINE`; one that asks several times for a sample also has `async converse(sample, ask) -> Response`, where
`ask(messages, tools)` is one request of the runner; one that is also decided by the environment has `settings()`, which
config.json records.
"""

import importlib
import pkgutil
import random
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec

from swiftkit import tasks
from swiftkit.account import Account, Job, jobs_of, results_of
from swiftkit.errors import EndpointError, UsageError
from swiftkit.gate import Gate
from swiftkit.progress import say
from swiftkit.questions import chain_of
from swiftkit.records import Response, Sample
from swiftkit.report import Outcome, Report, make_report, markdown, score_line, summarize
from swiftkit.rundir import Config, RunDir, sha256
from swiftkit.samples import Lazy, chosen

NOT_ASKED = "not asked yet"


def grade(path: Path, data: Path | None = None, gates: tuple[Gate, ...] = ()) -> Report:
    """Score the answers of a run again and write its report; nothing is asked. `data` may stand in for the run's own
    data file, which has to be the same otherwise. Raises UsageError, DataError."""
    run = RunDir(path)
    config = run.recorded()
    if config is None:
        raise UsageError(f"{path} is no run: it has no config.json (give the folder that `swiftkit eval` named)")
    task = load_task(config.task)
    samples = select(task.load(_data(config, data, path)), config.limit, config.sample, config.seed)
    jobs = jobs_of(samples, config.trials)
    check_gates(gates, task, jobs)
    with run.lock():
        account = Account(task, len(jobs))
        account.resume(jobs, run.responses())
        return finish(run, config, task, jobs, account, gates, 0.0)


def load_task(name: str) -> Any:
    if name not in task_names():
        raise UsageError(f"no task {name!r} (there is: {', '.join(task_names())})")
    return importlib.import_module(f"swiftkit.tasks.{name.replace('-', '_')}")


def task_names() -> list[str]:
    """The tasks, one a file of tasks/."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(tasks.__path__))


def select(samples: Sequence[Sample], limit: int | None, number: int | None, seed: int) -> Sequence[Sample]:
    """A random `number`, or the first `limit`. Chains stay together: half a chain says nothing about chain_success."""
    if limit is None and number is None:
        return samples
    chains: dict[str, list[int]] = {}
    for place, sample in enumerate(samples):
        chains.setdefault(chain_of(sample), []).append(place)
    order = list(chains.values())
    if number is not None:
        random.Random(seed).shuffle(order)  # noqa: S311 - not a secret
    picked = [place for chain in order for place in chain]
    return chosen(samples, picked[: min(size for size in (limit, number) if size is not None)])


def check_gates(gates: Sequence[Gate], task: Any, jobs: Sequence[Job]) -> None:
    """A metric's name is checked before the first request is made."""
    if not gates:
        return
    names: Collection[str] = task.metrics(results_of(jobs, lambda _: None))
    for gate in gates:
        if gate.metric not in names:
            raise UsageError(f"--gate {gate}: no metric {gate.metric!r} (this data has {', '.join(names)})")


def finish(
    run: RunDir, config: Config, task: Any, jobs: Sequence[Job], account: Account, gates: Sequence[Gate], elapsed: float
) -> Report:
    """Write scores.jsonl, report.json and report.md; EndpointError where nothing was scored."""
    outcomes = Lazy(len(jobs), lambda number: _outcome(jobs[number], account))
    metrics = summarize(task.metrics(results_of(jobs, lambda job: account.score(job.number))))
    report = make_report(config, outcomes, metrics, gates, account, elapsed)
    report = msgspec.structs.replace(report, run=str(run.path))
    run.write_lines("scores.jsonl", (score_line(outcome) for outcome in outcomes if outcome.score))
    run.write_json("report.json", report)
    run.write_text("report.md", markdown(report, outcomes))
    if not report.scored:
        again = f"see {run.path}/report.md; the same command with --run {run.path} asks again"
        raise EndpointError(f"no sample was scored, the first answer was: {outcomes[0].response.error} ({again})")
    return report


def _outcome(job: Job, account: Account) -> Outcome:
    score = account.score(job.number)
    error = "" if score else account.errors.get(job.number, NOT_ASKED)
    response = Response(job.sample.id, job.trial, error=error)  # its text is in the journal alone
    return Outcome(job.sample, job.trial, response, score)


def _data(config: Config, given: Path | None, run: Path) -> Path:
    """The data file to grade by."""
    path = given or Path(config.data)
    if sha256(path) != config.data_sha256:
        if given is None:
            raise UsageError(
                f"{path} has changed since {run} was asked (give it as --data, if the questions are still the same)"
            )
        say(f"note: {path} is not the file that was asked; its rows are matched by id")
    return path
