"""Score a run's answers again, without a model, after the scorer or the gold has changed."""

from pathlib import Path

import msgspec

from swiftkit.errors import DataError, UsageError
from swiftkit.evals.answers import find_answers
from swiftkit.evals.dataset import select
from swiftkit.evals.gates import Gate
from swiftkit.evals.report.report import EvalReport
from swiftkit.evals.report.write import check_gates, write_report
from swiftkit.evals.results import RunResults, jobs_of
from swiftkit.evals.run_directory import RunDirectory, data_sha256, stopped_by_disk
from swiftkit.evals.task import load_task
from swiftkit.files.jsonl import decode_line
from swiftkit.terminal import say


class _ReportedScores(msgspec.Struct):
    """The part of report.json that says how many answers it is made of."""

    scored: int


def grade(
    path: Path,
    data: Path | None = None,
    gates: tuple[Gate, ...] = (),
    junit: Path | None = None,
    *,
    force: bool = False,
) -> EvalReport:
    """Score the answers of a run again and write its report; nothing is asked.

    `data` may be another file; its rows have the answers to the same questions. A report of more
    scores is only replaced with `force`. Raises UsageError, DataError.
    """
    directory = RunDirectory(path)
    config = directory.read_config()
    if config is None:
        fix = "give the folder that `swiftkit eval` named"
        raise UsageError(f"{path} is no run: it has no config.json ({fix})")
    task = load_task(config.task)
    file = data or Path(config.data)
    sha256 = data_sha256(file)
    is_same = sha256 == config.data_sha256
    loaded = task.samples(file, config.wire_format)
    samples = select(loaded, config.limit, config.sample, config.seed)
    jobs = jobs_of(samples, config.trials)
    check_gates(gates, task, jobs)
    with directory.lock(), stopped_by_disk(lambda: "free some space, and grade it again"):
        # whoever names another file for an old run says that its rows are the same
        is_known = is_same or data is not None
        answers = find_answers(directory, samples, file, is_same_data=is_known)
        if not is_same and answers.untold:
            if data is None:
                fix = "give it as --data, if the questions are still the same"
                raise UsageError(f"{file} has changed since {path} was asked ({fix})")
            how = "by id, or by place where they have none"
            say(f"note: {file} is not the file that was asked; its rows are matched {how}")
        elif not is_same:
            say(answers.change_note(file, len(jobs)))
        elif answers.placed:
            say(answers.places_note())
        results = RunResults(task, jobs, answers.responses())
        if not force:
            _check_not_less(directory, results)
        graded = {"data": str(file.absolute()), "data_sha256": sha256}
        config = msgspec.structs.replace(config, **graded)
        return write_report(directory, config, results, gates, junit_file=junit)


def _check_not_less(directory: RunDirectory, results: RunResults) -> None:
    """Raise UsageError where the report that is there has more scores than these results."""
    file = directory.path / "report.json"
    try:
        decode = msgspec.json.Decoder(_ReportedScores).decode
        before = decode_line(file.read_bytes(), str(file), decode).scored
    except (OSError, DataError):  # no report, or none that anybody can read
        return
    scored = results.counts.scored
    if scored < before:
        reason = f"{directory.path}: {scored} answers are scored now, its report has {before}"
        fix = "give the data that was asked as --data; --force writes the smaller report"
        raise UsageError(f"{reason}: nothing is written ({fix})")
