"""Score completions that are in a file, as `swiftkit eval tool-call` scores and sums up its own.

A completion is paired with the row that it answers: by its id, and by what was asked, where a
journal of `swiftkit eval` says it (evals/identity.py); without an id, by the messages that
were asked, or by the one row whose texts stand in its prompt; in a file that says none of this, by
position, if there are as many lines as rows. Whatever has no partner is named.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import msgspec

from swiftkit.errors import DataError, UsageError
from swiftkit.evals.completions import Completion, question_texts, read_completions
from swiftkit.evals.dataset import read_rows
from swiftkit.evals.identity import SampleNames
from swiftkit.evals.report.report import read_ways, score_line
from swiftkit.evals.results import Key
from swiftkit.evals.run_directory import RunDirectory, data_sha256
from swiftkit.evals.scorer_error import SCORER_FAILED, score_or_error
from swiftkit.evals.stats import Estimate, summarize
from swiftkit.evals.tasks import tool_call
from swiftkit.files.jsonl import encode, write_atomically
from swiftkit.records import Sample, Score
from swiftkit.scoring.ending import CUT, ending_of
from swiftkit.scoring.gold import PARTS


class ScoredCompletion(NamedTuple):
    """A completion and the row that it answers; no score where the request or the scorer failed."""

    sample: Sample
    trial: int
    completion: Completion
    score: Score | None


class Pairing(NamedTuple):
    """`superseded`: lines of a journal that do not count (`_counting_lines`)."""

    pairs: list[ScoredCompletion]
    unmatched: list[Completion]
    unanswered: list[Sample]
    is_by_position: bool
    superseded: int = 0


class ScoreReport(msgspec.Struct, frozen=True):
    """completions = scored + errors + unmatched_completions. `value` and `parts` are means, and
    `scorer_errors` are those of `errors` that the scorer failed on; `cut` of the scored ended at
    the token limit (scoring/ending.py)."""

    data: str
    completions: int
    scored: int
    errors: int
    value: float
    exact: float
    parts: dict[str, float]
    metrics: dict[str, Estimate]
    unmatched_completions: list[str]
    unanswered_rows: list[str]
    read_as: dict[str, int] = {}
    scorer_errors: int = 0
    cut: int = 0

    @property
    def exit_status(self) -> int:
        """0; 1 if a completion or a row has no partner, or a request or the scorer had failed."""
        return int(bool(self.unmatched_completions or self.unanswered_rows or self.errors))


def pair_files(data: Path, file: Path, wire_format: str = "", mode: str = "") -> Pairing:
    """Score each completion with the row that it answers. Raises DataError, UsageError."""
    samples = tool_call.load(data, wire_format, mode)
    completions = read_completions(file)
    is_named = any(line.id or line.question or line.prompt for line in completions)
    is_by_position = not is_named and len(completions) == len(samples)
    matches = samples if is_by_position else _match(data, samples, completions, file)
    trials: Counter[str] = Counter()
    pairs, unmatched = [], []
    counting = _counting_lines(completions, matches)
    for number, (completion, sample) in enumerate(zip(completions, matches, strict=True)):
        if number not in counting:
            continue
        if sample is None:
            unmatched.append(completion)
            continue
        response, score = completion.response, None
        if not response.error:
            score, error = score_or_error(tool_call.score, sample, response)
            response = msgspec.structs.replace(response, error=error)
            completion = msgspec.structs.replace(completion, response=response)
        trial = trials[sample.id] if completion.trial is None else completion.trial
        pairs.append(ScoredCompletion(sample, trial, completion, score))
        trials[sample.id] += 1
    if not pairs:
        first, row = completions[0].id or "none", samples[0].id
        ids = f"the first id there is {first!r}, the first row here {row!r}"
        fix = "docs/scoring.md says how they are paired"
        raise UsageError(f"no completion of {file} answers a row of {data} ({ids}; {fix})")
    unanswered = [sample for sample in samples if sample.id not in trials]
    superseded = len(completions) - len(counting)
    return Pairing(pairs, unmatched, unanswered, is_by_position, superseded)


def _counting_lines(
    completions: Sequence[Completion], matches: Sequence[Sample | None]
) -> set[int]:
    """Return the lines that count: all but a journal's that `grade` would not count either
    (evals/answers.py), because the same trial of the sample was answered or failed once more."""
    best: dict[Key, tuple[bool, bool, int]] = {}
    counting = set()
    for number, (line, sample) in enumerate(zip(completions, matches, strict=True)):
        if line.trial is None or sample is None:
            counting.add(number)
            continue
        key, rank = (sample.id, line.trial), (not line.response.error, line.id == sample.id, number)
        best[key] = max(rank, best.get(key, rank))
    return counting | {number for _, _, number in best.values()}


def make_score_report(data: Path, pairing: Pairing) -> ScoreReport:
    pairs = pairing.pairs
    scores = [pair.score for pair in pairs if pair.score is not None]
    results = [(pair.sample, pair.trial, pair.score) for pair in pairs]
    parts = {part: _mean([score.parts[part] for score in scores]) for part in PARTS}
    unmatched = [f"{line.where} ({line.id or 'no id'})" for line in pairing.unmatched]
    return ScoreReport(
        data=str(data),
        completions=len(pairs) + len(unmatched),
        scored=len(scores),
        errors=len(pairs) - len(scores),
        value=_mean([score.value for score in scores]),
        exact=_mean([float(score.exact) for score in scores]),
        parts=parts,
        metrics=summarize(tool_call.metrics(results)),
        unmatched_completions=unmatched,
        unanswered_rows=[sample.id for sample in pairing.unanswered],
        read_as=read_ways(scores),
        cut=sum(
            pair.score is not None
            and CUT in (pair.completion.response.ended, ending_of(pair.completion.response))
            for pair in pairs
        ),
        scorer_errors=sum(
            pair.completion.response.error.startswith(SCORER_FAILED) for pair in pairs
        ),
    )


def write_scores(output: Path, pairing: Pairing) -> None:
    """Write a line for each scored completion, as in scores.jsonl, with the completion's place."""
    with write_atomically(output) as file:
        for sample, trial, completion, score in pairing.pairs:
            if score is not None:
                line = score_line(sample.id, trial, score) | {"completion": completion.where}
                file.write(encode(line) + b"\n")


def pairs_of_row(pairing: Pairing, row: str) -> list[ScoredCompletion]:
    """Return the completions of one row. Raises UsageError for a row that has none."""
    pairs = [pair for pair in pairing.pairs if pair.sample.id == row]
    if not pairs:
        ids = ", ".join(sorted({pair.sample.id for pair in pairing.pairs})[:5])
        reason = f"no completion answers such a row (rows with one: {ids}, ...)"
        raise UsageError(f"--explain {row}: {reason}")
    return pairs


def _mean(values: Sequence[float]) -> float:
    return round(fmean(values), 12) if values else 0.0


def _match(
    data: Path, samples: Sequence[Sample], completions: Iterable[Completion], file: Path
) -> list[Sample | None]:
    """Return the sample that each completion answers, if there is one."""
    by_id = {sample.id: sample for sample in samples}
    questions = SampleNames(samples, data, knows_places=_is_journal_on(data, file))
    by_question = _samples_by_question(data, samples)
    by_prompt: dict[str, Sample | None] = {}
    matches: list[Sample | None] = []
    for completion in completions:
        prompt = completion.prompt
        if completion.id:
            name = questions.name_of(completion.id, completion.asked)
            matches.append(None if name is None else by_id[name])
        elif prompt:
            if prompt not in by_prompt:
                by_prompt[prompt] = _sample_in_prompt(prompt, by_question)
            matches.append(by_prompt[prompt])
        else:
            matches.append(by_question.get(completion.question))
    return matches


def _is_journal_on(data: Path, file: Path) -> bool:
    """Return whether a file is the journal of a run on this data."""
    if not (file.parent / "config.json").is_file():
        return False
    try:
        config = RunDirectory(file.parent).read_config()
    except DataError:  # the config.json of something else
        return False
    return config is not None and config.data_sha256 == data_sha256(data)


def _samples_by_question(data: Path, samples: Iterable[Sample]) -> dict[tuple[str, ...], Sample]:
    """Return the sample of each question; none of rows that ask the same and expect other calls, or
    that ask several questions."""
    by_place: dict[str, Sample | None] = {}
    for loaded in samples:
        where = loaded.meta["where"]
        by_place[where] = None if where in by_place else loaded
    by_question: dict[tuple[str, ...], Sample] = {}
    ambiguous = set()
    for where, _, row in read_rows(data):
        sample = by_place.get(where)
        question = question_texts(row.get("messages") or [])
        if sample is None or not any(question):
            continue
        first = by_question.setdefault(question, sample)
        if first.target.calls != sample.target.calls:
            ambiguous.add(question)
    for question in ambiguous:
        del by_question[question]
    return by_question


def _sample_in_prompt(prompt: str, by_question: dict[tuple[str, ...], Sample]) -> Sample | None:
    """Return the row whose texts all stand in the prompt; of several the one with the most text."""
    longest, most, is_tie = None, -1, False
    for question, sample in by_question.items():
        length = sum(map(len, question))
        if length >= most and all(text.strip() in prompt for text in question):
            is_tie = length == most
            longest, most = sample, length
    return None if is_tie else longest
