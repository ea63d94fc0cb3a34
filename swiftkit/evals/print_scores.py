"""Scores as text for people: the summary of a file, and one row taken apart. Model output cannot
steer the terminal."""

from collections.abc import Iterator
from typing import Any

import click

from swiftkit.evals.report.report import Outcome
from swiftkit.evals.score_file import Pairing, Report, to_json
from swiftkit.evals.tasks import tool_call
from swiftkit.records import Score
from swiftkit.scoring import explain
from swiftkit.scoring.gold import Gold, GoldCall
from swiftkit.scoring.options import WEIGHTS
from swiftkit.scoring.score import pairs_of
from swiftkit.terminal import printable
from swiftkit.toolcall.call import Parsed

_MOST_NAMED = 5
_MOST_TEXT = 2000


def print_json(report: Report) -> None:
    click.echo(printable(to_json(report)))


def print_summary(report: Report) -> None:
    """The metrics with their intervals and the mean of each part, on stdout."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        "what", "mean", "95 % interval", title=Text(printable(report.data)), title_justify="left"
    )
    for name, found in report.metrics.items():
        table.add_row(
            Text(printable(name)), _percent(found.value), " to ".join(map(_percent, found.ci95))
        )
    table.add_section()
    table.add_row("score (value)", f"{report.value:.4f}", "")
    for name, share in report.parts.items():
        table.add_row(f"  part {name.replace('_', ' ')}", f"{share:.4f}", "")
    Console(highlight=False).print(table)


def messages(report: Report, pairing: Pairing) -> Iterator[str]:
    """What is to be said beside the table."""
    if pairing.by_position:
        yield "note: no line names its row, so the completions are paired by position"
    if report.unmatched_completions:
        yield _named("completions answer no row", report.unmatched_completions)
    if report.unanswered_rows:
        yield _named("rows have no completion", report.unanswered_rows)
    if report.errors:
        yield f"{report.errors} completions are failed requests, which have no score"
    yield f"{report.scored} of {report.completions} completions scored, {100 * report.exact:.1f} % exact"


def print_explained(found: list[tuple[Outcome, str]]) -> None:
    for outcome, where in found:
        for line in explanation(outcome, where):
            click.echo(printable(line.encode("utf-8", "replace").decode()))


def explanation(outcome: Outcome, where: str) -> Iterator[str]:
    """What was expected, what came, and which part cost what."""
    sample, score = outcome.sample, outcome.score
    gold: Gold = sample.target
    yield f"row {sample.id} ({sample.meta.get('where', '')}), completion {outcome.trial + 1} ({where})"
    if score is None:
        yield f"  no score: the request failed: {outcome.response.error}"
        return
    parsed = tool_call.answer(sample, outcome.response)
    yield f"  asked     {_short(sample.messages[-1].get('content', ''))}"
    yield from _block("expected", [_wanted(call) for call in gold.calls] or ["no call"])
    yield from _block("came", _came(parsed))
    yield f"  score     {score.value:.4f}, {'exact' if score.exact else 'not exact'}: {score.reason.split(': ')[0]}"
    yield from _block("faults", [] if score.exact else list(_faults(parsed, gold)))
    yield from _costs(score, gold)


def _costs(score: Score, gold: Gold) -> Iterator[str]:
    if gold.item is not None:
        yield "  parts     (BFCL's verdict decides; the parts are this scorer's)"
    yield "            part               share   weight   cost"
    for part, share in score.parts.items():
        weight = gold.options.weights.get(part)
        costs = (
            f"{weight:6.2f}   {weight * (1 - share):.4f}" if weight is not None else "     -   -"
        )
        yield f"            {part.replace('_', ' '):17}  {share:.4f} {costs}"
    weighted = sum(gold.options.weights[part] * score.parts[part] for part in WEIGHTS)
    if gold.item is None and round(weighted, 9) > round(score.value, 9):
        yield f"            more calls than expected: {weighted:.4f} x count {score.parts['count']:.4f}"


def _faults(parsed: Parsed, gold: Gold) -> Iterator[str]:
    if parsed.malformed:
        yield f"malformed: {parsed.malformed}"
    elif parsed.calls and gold.calls:
        yield from explain.faults(parsed.calls, gold, pairs_of(parsed.calls, gold))
    else:
        yield "no call was wanted" if parsed.calls else "no call was made"


def _wanted(call: GoldCall) -> str:
    names = dict.fromkeys([*call.arguments, *call.accepted])
    values = [
        f"{name}{'?' if name in call.optional else ''}={explain.accepted(call, name)}"
        for name in names
    ]
    return f"{call.name}({', '.join(values)})"


def _came(parsed: Parsed) -> list[str]:
    if parsed.calls:
        return [explain.shown(call) for call in parsed.calls]
    return [
        f"no call{' that can be read' if parsed.malformed else ''}, but the text: {_short(parsed.content)}"
    ]


def _block(title: str, lines: list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"  {'' if number else title:9} {line}"


def _short(text: Any) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= _MOST_TEXT else f"{line[:_MOST_TEXT]}..."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _named(what: str, names: list[str]) -> str:
    more = f", and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{len(names)} {what}: {', '.join(names[:_MOST_NAMED])}{more}"
