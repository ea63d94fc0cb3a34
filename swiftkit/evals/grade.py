"""Score a run's answers again, without a model, after the scorer or the gold has changed."""

from pathlib import Path

from swiftkit.errors import UsageError
from swiftkit.evals.dataset import select
from swiftkit.evals.gates import Gate
from swiftkit.evals.report.report import EvalReport
from swiftkit.evals.report.write import check_gates, write_report
from swiftkit.evals.results import RunResults, jobs_of
from swiftkit.evals.run_directory import RunDirectory, data_sha256
from swiftkit.evals.task import load_task
from swiftkit.terminal import say


def grade(path: Path, data: Path | None = None, gates: tuple[Gate, ...] = ()) -> EvalReport:
    """Score the answers of a run again and write its report; nothing is asked.

    `data` may be another file, whose rows are matched by id. Raises UsageError, DataError.
    """
    directory = RunDirectory(path)
    config = directory.read_config()
    if config is None:
        fix = "give the folder that `swiftkit eval` named"
        raise UsageError(f"{path} is no run: it has no config.json ({fix})")
    task = load_task(config.task)
    file = data or Path(config.data)
    if data_sha256(file) != config.data_sha256:
        if data is None:
            fix = "give it as --data, if the questions are still the same"
            raise UsageError(f"{file} has changed since {path} was asked ({fix})")
        say(f"note: {file} is not the file that was asked; its rows are matched by id")
    loaded = task.samples(file, config.wire_format)
    samples = select(loaded, config.limit, config.sample, config.seed)
    jobs = jobs_of(samples, config.trials)
    check_gates(gates, task, jobs)
    with directory.lock():
        results = RunResults(task, jobs, directory.read_responses())
        return write_report(directory, config, results, gates)
