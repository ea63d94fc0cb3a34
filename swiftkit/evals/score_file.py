"""Score completions that are in a file, as `swiftkit eval tool-call` scores and sums up its own.

A completion is paired with the row that it answers: by its id; without one, by the messages that
were asked, or by the one row whose texts stand in its prompt; in a file that says none of this, by
position, if there are as many lines as rows. Whatever has no partner is named.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import msgspec

from swiftkit.errors import UsageError
from swiftkit.evals.completions import Completion, question_texts, read_completions
from swiftkit.evals.dataset import identity_of
from swiftkit.evals.report.report import read_ways, score_line
from swiftkit.evals.stats import Estimate, summarize
from swiftkit.evals.tasks import tool_call
from swiftkit.files.jsonl import encode, read_objects, write_atomically
from swiftkit.records import Sample, Score
from swiftkit.scoring.gold import PARTS


class ScoredCompletion(NamedTuple):
    """A completion and the row that it answers; no score where the request failed."""

    sample: Sample
    trial: int
    completion: Completion
    score: Score | None


class Pairing(NamedTuple):
    pairs: list[ScoredCompletion]
    unmatched: list[Completion]
    unanswered: list[Sample]
    is_by_position: bool


class ScoreReport(msgspec.Struct, frozen=True):
    """completions = scored + errors + unmatched_completions. `value` and `parts` are means."""

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

    @property
    def exit_status(self) -> int:
        """0; 1 if a completion or a row has no partner, or a request had failed."""
        return int(bool(self.unmatched_completions or self.unanswered_rows or self.errors))


def pair_files(data: Path, file: Path, wire_format: str = "", mode: str = "") -> Pairing:
    """Score each completion with the row that it answers. Raises DataError, UsageError."""
    samples = tool_call.load(data, wire_format, mode)
    completions = read_completions(file)
    is_named = any(line.id or line.question or line.prompt for line in completions)
    is_by_position = not is_named and len(completions) == len(samples)
    matches = samples if is_by_position else _match(data, samples, completions)
    trials: Counter[str] = Counter()
    pairs, unmatched = [], []
    for completion, sample in zip(completions, matches, strict=True):
        if sample is None:
            unmatched.append(completion)
            continue
        response = completion.response
        score = None if response.error else tool_call.score(sample, response)
        pairs.append(ScoredCompletion(sample, trials[sample.id], completion, score))
        trials[sample.id] += 1
    if not pairs:
        first, row = completions[0].id or "none", samples[0].id
        ids = f"the first id there is {first!r}, the first row here {row!r}"
        fix = "docs/scoring.md says how they are paired"
        raise UsageError(f"no completion of {file} answers a row of {data} ({ids}; {fix})")
    unanswered = [sample for sample in samples if sample.id not in trials]
    return Pairing(pairs, unmatched, unanswered, is_by_position)


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
    data: Path, samples: Iterable[Sample], completions: Iterable[Completion]
) -> list[Sample | None]:
    """Return the sample that each completion answers, if there is one."""
    by_id = {sample.id: sample for sample in samples}
    by_question = _samples_by_question(data, by_id)
    by_prompt: dict[str, Sample | None] = {}
    matches = []
    for completion in completions:
        prompt = completion.prompt
        if completion.id:
            sample = by_id.get(completion.id)
        elif prompt:
            if prompt not in by_prompt:
                by_prompt[prompt] = _sample_in_prompt(prompt, by_question)
            sample = by_prompt[prompt]
        else:
            sample = by_question.get(completion.question)
        matches.append(sample)
    return matches


def _samples_by_question(data: Path, by_id: dict[str, Sample]) -> dict[tuple[str, ...], Sample]:
    """Return the sample of each question; none of rows that ask the same and expect other calls."""
    by_question: dict[tuple[str, ...], Sample] = {}
    ambiguous = set()
    for where, row in read_objects(data):
        sample = by_id.get(identity_of(row, where))
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
