"""From a run's answers to its report: what `swiftkit eval` ends with, and `swiftkit grade RUN` does
again, without a model, after the scorer or the gold has changed.

What a task is, evals/task.py says.
"""

from pathlib import Path

from swiftkit.errors import UsageError
from swiftkit.evals.dataset import select
from swiftkit.evals.gates import Gate
from swiftkit.evals.report.report import Report
from swiftkit.evals.report.write import check_gates, finish
from swiftkit.evals.results import Account, jobs_of
from swiftkit.evals.run_directory import Config, RunDir, sha256
from swiftkit.evals.task import load_task
from swiftkit.terminal import say


def grade(path: Path, data: Path | None = None, gates: tuple[Gate, ...] = ()) -> Report:
    """Score the answers of a run again and write its report; nothing is asked. `data` may stand
    in for the run's own data file, which has to be the same otherwise. Raises UsageError,
    DataError."""
    run = RunDir(path)
    config = run.recorded()
    if config is None:
        raise UsageError(
            f"{path} is no run: it has no config.json (give the folder that `swiftkit eval` named)"
        )
    task = load_task(config.task)
    samples = select(task.load(_data(config, data, path)), config.limit, config.sample, config.seed)
    jobs = jobs_of(samples, config.trials)
    check_gates(gates, task, jobs)
    with run.lock():
        account = Account(task, len(jobs))
        account.resume(jobs, run.responses())
        return finish(run, config, task, jobs, account, gates, 0.0)


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
