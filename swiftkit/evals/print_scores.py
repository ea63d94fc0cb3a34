"""Scores of completions as text for people: the summary of a file, and one row taken apart."""

from collections.abc import Iterator
from functools import partial

from swiftkit.evals.percent import percent, percent_interval
from swiftkit.evals.report.table import reading_lines
from swiftkit.evals.score_file import Pairing, ScoredCompletion, ScoreReport
from swiftkit.evals.scorer_error import SCORER_FAILED
from swiftkit.records import Score
from swiftkit.scoring import explain
from swiftkit.scoring.answer import read_answer
from swiftkit.scoring.completion import parse_answer
from swiftkit.scoring.expected_calls import ExpectedCall
from swiftkit.scoring.gold import Gold
from swiftkit.scoring.options import WEIGHTS
from swiftkit.scoring.score import pairs_of
from swiftkit.terminal import print_table, shorten, table_lines

_MOST_NAMED = 5
_MOST_TEXT = 2000  # characters


def print_summary(report: ScoreReport) -> None:
    """Print the metrics with their intervals and the mean of each part on stdout."""
    rows = []
    for name, metric in report.metrics.items():
        rows.append((name, percent(metric.value), percent_interval(metric.ci95)))
    rows.append(("score (value)", f"{report.value:.4f}", ""))
    for name, share in report.parts.items():
        rows.append((f"  part {name.replace('_', ' ')}", f"{share:.4f}", ""))
    print_table(("metric", "mean", "95 % interval"), rows, report.data, right=(1, 2))


def summary_messages(report: ScoreReport, pairing: Pairing) -> Iterator[str]:
    """Yield the messages beside the table: how completions were paired, and what is missing."""
    if pairing.is_by_position:
        yield "note: no line names its row, so the completions are paired by position"
    if pairing.superseded:
        effect = "the same trial was asked again later, and its last answer counts"
        yield f"note: {pairing.superseded} lines of the journal do not count: {effect}"
    if report.unmatched_completions:
        yield _named("completions answer no row", report.unmatched_completions)
    if report.unanswered_rows:
        yield _named("rows have no completion", report.unanswered_rows)
    if failed := report.errors - report.scorer_errors:
        yield f"{failed} completions are failed requests, which have no score"
    if report.cut:
        yield f"{report.cut} completions were cut at the token limit, and are scored as they are"
    if report.scorer_errors:
        errors = [pair.completion for pair in pairing.pairs if pair.score is None]
        first = next(line for line in errors if line.response.error.startswith(SCORER_FAILED))
        reason = f"the first, {first.where}: {first.response.error}"
        yield f"{report.scorer_errors} completions have no score ({reason})"
    yield from reading_lines(report.read_as)
    counts = f"{report.scored} of {report.completions} completions scored"
    yield f"{counts}, {percent(report.exact)} exact"


def explanation(pair: ScoredCompletion) -> Iterator[str]:
    """Yield what was expected, what came, and what each part cost."""
    sample, score = pair.sample, pair.score
    where, response = pair.completion.where, pair.completion.response
    gold: Gold = sample.target
    place = sample.meta.get("where", "")
    yield f"row {sample.id} ({place}), completion {pair.trial + 1} ({where})"
    if score is None:
        failed = "" if response.error.startswith(SCORER_FAILED) else "the request failed: "
        yield f"  no score: {failed}{response.error}"
        return
    answer = read_answer(response, partial(parse_answer, gold=gold))
    yield f"  asked     {shorten(sample.messages[-1].get('content', ''), _MOST_TEXT)}"
    yield from _block("expected", [_expected_call(call) for call in gold.calls] or ["no call"])
    calls = [explain.shown(call) for call in answer.calls]
    kind = "no call that can be read" if answer.malformed else "no call"
    text = f"{kind}, but the text: {shorten(answer.content, _MOST_TEXT)}"
    yield from _block("came", calls or [text])
    exact, reason = "exact" if score.exact else "not exact", score.reason.split(": ")[0]
    yield f"  score     {score.value:.4f}, {exact}: {reason}"
    if not score.exact:
        faults = ["no call was wanted" if answer.calls else "no call was made"]
        if answer.malformed:
            faults = [f"malformed: {answer.malformed}"]
        elif answer.calls and gold.calls:
            faults = list(explain.faults(answer.calls, gold, pairs_of(answer.calls, gold)))
        yield from _block("faults", faults)
    yield from _costs(score, gold)


def _costs(score: Score, gold: Gold) -> Iterator[str]:
    """Yield a table of the score's parts: share, weight and cost."""
    if gold.item is not None:
        yield "  parts     (BFCL's verdict decides; the parts are this scorer's)"
    weights = gold.options.weights
    rows = []
    for part, share in score.parts.items():
        weight, cost = "-", "-"
        if part in weights:
            weight, cost = f"{weights[part]:.2f}", f"{weights[part] * (1 - share):.4f}"
        rows.append((part.replace("_", " "), f"{share:.4f}", weight, cost))
    for line in table_lines(("part", "share", "weight", "cost"), rows, right=(1, 2, 3)):
        yield f"            {line}"
    weighted = sum(weights[part] * score.parts[part] for part in WEIGHTS)
    if gold.item is None and round(weighted, 9) > round(score.value, 9):
        count = score.parts["count"]
        yield f"            more calls than expected: {weighted:.4f} x count {count:.4f}"


def _expected_call(call: ExpectedCall) -> str:
    values = []
    for name in dict.fromkeys([*call.arguments, *call.accepted]):
        mark = "?" if name in call.optional else ""
        values.append(f"{name}{mark}={explain.accepted(call, name)}")
    return f"{call.name}({', '.join(values)})"


def _block(title: str, lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"  {'' if number else title:9} {line}"


def _named(problem: str, names: list[str]) -> str:
    more = f", and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{len(names)} {problem}: {', '.join(names[:_MOST_NAMED])}{more}"
