"""report.md, the page of a run for people: metrics with intervals, and the first wrong samples.

No text of a model, a tool or a file can break out of its place: it is escaped, in one line.
"""

from collections.abc import Iterable, Sequence

from swiftkit.evals.report.report import EvalReport, is_breakdown
from swiftkit.evals.report.table import (
    counts_line,
    coverage_lines,
    ending_lines,
    metric_columns,
    metric_rows,
    reading_lines,
)
from swiftkit.evals.results import TrialOutcome
from swiftkit.evals.scorer_error import SCORER_FAILED

WRONG_SHOWN = 5


def markdown(report: EvalReport, outcomes: Iterable[TrialOutcome]) -> str:
    """Return the page of a report."""
    rows = metric_rows(report)
    main = [row for row in rows if not is_breakdown(row[0])]
    breakdowns = [row for row in rows if is_breakdown(row[0])]
    lines = [f"# {report.task}: {escape(report.model or '')}", ""]
    lines += [f"{counts_line(report)}. Data: `{escape(report.data)}`.", ""]
    columns = metric_columns(report)
    lines += _table(columns, main)
    more = coverage_lines(report) + ending_lines(report) + reading_lines(report.read_as)
    lines += [f"\n{escape(line)}" for line in more]
    for result in report.gates:
        verdict = f"**{result.verdict}**: {escape(result.reason)}"
        lines.append(f"\nGate `{escape(result.gate)}`: {verdict}")
    if breakdowns:
        lines += ["", "## By category, tool or kind", "", *_table(columns, breakdowns)]
    wrong = [outcome for outcome in outcomes if not (outcome.score and outcome.score.exact)]
    if wrong:
        # what the scorer failed on is shown first: it is a bug, and rare
        wrong.sort(key=lambda outcome: not outcome.error.startswith(SCORER_FAILED))
        shown = wrong[:WRONG_SHOWN]
        lines += ["", f"## {len(shown)} of {len(wrong)} that went wrong", ""]
        for sample, _, score, error, _ in shown:
            place = escape(sample.meta.get("where", ""))
            reason = escape(score.reason if score else error)
            lines.append(f"- `{escape(sample.id)}` ({place}): {reason}")
    return "\n".join(lines) + "\n"


def _table(columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> list[str]:
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    return lines + [f"| {' | '.join(map(escape, row))} |" for row in rows]


def escape(text: str) -> str:
    """Return the text within one line of Markdown, out of which it cannot break."""
    line = " ".join(text.split())
    for sign in set(line):
        if not sign.isprintable():
            line = line.replace(sign, " ")
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), ("|", "&#124;"), ("`", "'")):
        line = line.replace(sign, escaped)
    return line.replace("](", "]\\(")
