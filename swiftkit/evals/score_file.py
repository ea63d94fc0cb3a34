"""Score completions that are in a file, with the scorer and the metrics of `swiftkit eval
tool-call`.

Each completion is paired with the row that it answers: by its id; without one, by the messages that
were asked, or by the one row whose texts stand in its prompt; in a file that says none of this, by
position, if there are as many lines as rows. What finds no partner, on either side, is named and
never left out in silence.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import msgspec

from swiftkit.errors import UsageError
from swiftkit.evals.completions import Completion, asked_by, read_completions
from swiftkit.evals.report.report import Outcome, score_line, summarize
from swiftkit.evals.stats import Estimate
from swiftkit.evals.tasks import tool_call
from swiftkit.files.jsonl import encode, read_objects, write_atomically
from swiftkit.records import Sample
from swiftkit.scoring.gold import PARTS


class Pairing(NamedTuple):
    outcomes: list[Outcome]
    wheres: list[str]  # file:line of each outcome's completion
    unmatched: list[Completion]
    unanswered: list[Sample]
    by_position: bool


class Report(msgspec.Struct, frozen=True):
    """completions = scored + errors + unmatched_completions. `value` is the mean graded score,
    `parts` its shares."""

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

    @property
    def exit_status(self) -> int:
        return int(bool(self.unmatched_completions or self.unanswered_rows or self.errors))


def pair_files(data: Path, completions: Path, mode: str = "") -> Pairing:
    """Score each completion with the row that it answers. Raises DataError, or UsageError if none
    finds a row."""
    samples = tool_call.load(data, mode)
    found = read_completions(completions)
    find, by_position = _finder(data, samples, found)
    trials: Counter[str] = Counter()
    pairing = Pairing([], [], [], [], by_position)
    for index, completion in enumerate(found):
        sample = find(index, completion)
        if sample is None:
            pairing.unmatched.append(completion)
            continue
        response = completion.response
        score = None if response.error else tool_call.score(sample, response)
        pairing.outcomes.append(Outcome(sample, trials[sample.id], response, score))
        pairing.wheres.append(completion.where)
        trials[sample.id] += 1
    pairing.unanswered.extend(sample for sample in samples if sample.id not in trials)
    if not pairing.outcomes:
        named = found[0].id or "none"
        raise UsageError(
            f"no completion of {completions} answers a row of {data} (the first id there is {named!r}, the first row "
            f"here {samples[0].id!r}; docs/scoring.md says how they are paired)"
        )
    return pairing


def report_of(data: Path, pairing: Pairing) -> Report:
    outcomes = pairing.outcomes
    scores = [outcome.score for outcome in outcomes if outcome.score]
    metrics = summarize(
        tool_call.metrics([(outcome.sample, outcome.trial, outcome.score) for outcome in outcomes])
    )
    return Report(
        data=str(data),
        completions=len(outcomes) + len(pairing.unmatched),
        scored=len(scores),
        errors=len(outcomes) - len(scores),
        value=_mean([score.value for score in scores]),
        exact=_mean([float(score.exact) for score in scores]),
        parts={part: _mean([score.parts[part] for score in scores]) for part in PARTS},
        metrics=metrics,
        unmatched_completions=[
            f"{each.where} ({each.id or 'no id'})" for each in pairing.unmatched
        ],
        unanswered_rows=[sample.id for sample in pairing.unanswered],
    )


def write_scores(output: Path, pairing: Pairing) -> None:
    """A line a scored completion: what scores.jsonl of a run holds, and the place of the
    completion."""
    with write_atomically(output) as file:
        for outcome, where in zip(pairing.outcomes, pairing.wheres, strict=True):
            if outcome.score:
                file.write(encode(score_line(outcome) | {"completion": where}) + b"\n")


def _mean(values: Sequence[float]) -> float:
    return round(fmean(values), 12) if values else 0.0


Finder = Callable[[int, Completion], Sample | None]


def _finder(data: Path, samples: Sequence[Sample], found: list[Completion]) -> tuple[Finder, bool]:
    """What finds the sample of a completion, and whether it goes by position."""
    unnamed = all(not (each.id or each.asked or each.prompt) for each in found)
    if unnamed and len(found) == len(samples):
        return lambda index, _: samples[index], True
    by_id = {sample.id: sample for sample in samples}
    by_question = _by_question(data, by_id)
    prompts: dict[str, Sample | None] = {}

    def find(_: int, completion: Completion) -> Sample | None:
        if completion.id:
            return by_id.get(completion.id)
        if completion.prompt and completion.prompt not in prompts:
            prompts[completion.prompt] = _in_prompt(completion.prompt, by_question)
        return (
            prompts[completion.prompt] if completion.prompt else by_question.get(completion.asked)
        )

    return find, False


def _by_question(data: Path, by_id: dict[str, Sample]) -> dict[tuple[str, ...], Sample]:
    """The sample of each question. Of rows that ask the same the first, if they want the same; else
    none of them."""
    found: dict[tuple[str, ...], Sample] = {}
    differing = set()
    for where, row in read_objects(data):
        sample = by_id.get(str(row.get("id") or where.replace("/", "_")))
        asked = asked_by(row.get("messages") or [])
        if sample is None or not any(asked):
            continue
        if found.setdefault(asked, sample).target.calls != sample.target.calls:
            differing.add(asked)
    return {asked: sample for asked, sample in found.items() if asked not in differing}


def _in_prompt(prompt: str, by_question: dict[tuple[str, ...], Sample]) -> Sample | None:
    """The one row whose texts all stand in the prompt; of several the one with the most text, if
    there is one."""
    fitting = [
        (sum(map(len, asked)), asked)
        for asked in by_question
        if all(text.strip() in prompt for text in asked)
    ]
    fitting.sort()
    if not fitting or (len(fitting) > 1 and fitting[-1][0] == fitting[-2][0]):
        return None
    return by_question[fitting[-1][1]]


def explained(pairing: Pairing, row: str) -> list[tuple[Outcome, str]]:
    """The outcomes of one row with the places of their completions. Raises UsageError for a row
    that has none."""
    pairs = zip(pairing.outcomes, pairing.wheres, strict=True)
    found = [(outcome, where) for outcome, where in pairs if outcome.sample.id == row]
    if not found:
        some = ", ".join(sorted({outcome.sample.id for outcome in pairing.outcomes})[:5])
        raise UsageError(
            f"--explain {row}: no completion answers such a row (rows with one: {some}, ...)"
        )
    return found


def to_json(value: Any) -> str:
    return msgspec.json.format(encode(value), indent=2).decode()
