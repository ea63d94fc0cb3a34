"""The one file by whose gold two runs are compared, and their answers to its questions.

The data of two runs may differ in gold, or may have changed since. Then both are scored by that of
one file, if most of the answers of each are to its questions. Runs of earlier versions do not say
what was asked, so their data has to be this file's.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from swiftkit.errors import DataError, UsageError
from swiftkit.evals.answers import JournalAnswers, find_answers
from swiftkit.evals.dataset import select
from swiftkit.evals.run_directory import RunConfig, RunDirectory, data_sha256
from swiftkit.files.jsonl import decode_line
from swiftkit.records import Sample

_MOVED = "give its place by --data; both runs are scored again, by the same scorer"


def not_comparable(path_a: Path, path_b: Path, what: str) -> UsageError:
    fix = "evaluate both on the same file: their scores say nothing about each other"
    return UsageError(f"{path_a} and {path_b} are runs of different {what} ({fix})")


def common_file(a: RunConfig, b: RunConfig, moved: Path | None) -> tuple[Path, str]:
    """Return the file by whose gold both runs are scored, with its hash: of the files that they
    were asked from one that has not changed, and B's before A's."""
    files = [moved] if moved else [Path(b.data), Path(a.data)]
    found = [(file, data_sha256(file)) for file in files if file.exists()]
    if not found:
        raise DataError(f"{files[-1]}: not there", "unreadable_file", _MOVED)
    asked = (a.data_sha256, b.data_sha256)
    return next((each for each in found if each[1] in asked), found[0])


def answers_to(
    path: Path, config: RunConfig, samples: Sequence[Sample], file: Path, sha256: str
) -> JournalAnswers:
    is_same = config.data_sha256 == sha256
    return find_answers(RunDirectory(path), samples, file, is_same_data=is_same)


def gold_note(
    answers_a: JournalAnswers,
    answers_b: JournalAnswers,
    a: RunConfig,
    b: RunConfig,
    file: Path,
    sha256: str,
) -> str:
    """Return by whose gold the runs are scored, "" where it is that of both. Raises UsageError for
    answers that are not to the questions of this file."""
    is_changed = False
    for answers, config in ((answers_a, a), (answers_b, b)):
        if config.data_sha256 == sha256:
            continue
        is_changed = True
        if not answers.untold and answers.are_most_kept:
            continue
        if a.data_sha256 != b.data_sha256:
            data = f"data: {a.data} and {b.data}, whose contents differ"
            raise not_comparable(answers_a.directory.path, answers_b.directory.path, data)
        reason = f"{file}: not what the runs were made with"
        raise DataError(reason, "unreadable_file", _MOVED)
    if not is_changed:
        return ""
    note = f"note: the runs' data differ or have changed: both are scored by the gold of {file}"
    for name, answers in (("A", answers_a), ("B", answers_b)):
        if lost := answers.changed + answers.gone:
            note += f"; answers of {name} to other questions do not count: {lost}"
    return note


class _ReportedData(msgspec.Struct):
    """The part of report.json that says by whose gold it was scored."""

    data: str = ""
    data_sha256: str = ""


def report_note(paths: Sequence[Path], file: Path, sha256: str) -> str:
    """Return that the report of a run has another gold than `file`, because it was graded so."""
    decode = msgspec.json.Decoder(_ReportedData).decode
    for path in paths:
        report = path / "report.json"
        try:
            reported = decode_line(report.read_bytes(), str(report), decode)
        except (OSError, DataError):  # no report, or none that anybody can read
            continue
        if reported.data_sha256 not in ("", sha256):
            graded = f"the report of {path} was scored by {reported.data}"
            return f"note: {graded}; here both are scored by the gold of {file} (or give --data)"
    return ""


def asked_ids(
    answers: JournalAnswers, config: RunConfig, samples: Sequence[Sample], sha256: str
) -> set[str]:
    """Return the samples that a run asked; of data that has changed, those that it answered."""
    if config.data_sha256 != sha256:
        return set(answers.names.values())
    return {sample.id for sample in select(samples, config.limit, config.sample, config.seed)}
