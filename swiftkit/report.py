"""What a run has found: report.json's shape, its Markdown page, its table, and the exit status that it means."""

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any, NamedTuple

import msgspec

from swiftkit.client import SKIPPED
from swiftkit.gate import Gate, Verdict, judge
from swiftkit.records import Response, Sample, Score
from swiftkit.rundir import Config
from swiftkit.stats import Counted, Estimate, Mean, estimate, mean_estimate

WRONG_SHOWN = 5


class GateResult(msgspec.Struct, frozen=True):
    gate: str
    verdict: Verdict


class Report(msgspec.Struct, frozen=True):
    """report.json. n = scored + skipped + errors, in samples x trials; `latency` and `elapsed_s` are in seconds.

    A metric is absent where nothing counted for it. `elapsed_s` is the time of the last sitting, in which all but
    `resumed` were asked.
    """

    task: str
    model: str | None
    n: int
    scored: int
    skipped: int
    errors: int
    metrics: dict[str, Estimate]
    usage: dict[str, int]
    latency: dict[str, float]
    elapsed_s: float
    gates: list[GateResult]
    data: str
    run: str = ""
    resumed: int = 0

    @property
    def exit_status(self) -> int:
        """0 good; 1 a gate failed or errors are left; 3 a gate is inconclusive."""
        verdicts = {result.verdict for result in self.gates}
        if self.errors or Verdict.FAILED in verdicts:
            return 1
        return 3 if Verdict.INCONCLUSIVE in verdicts else 0


class Outcome(NamedTuple):
    """How one trial of one sample ended; no score where the response has an error."""

    sample: Sample
    trial: int
    response: Response
    score: Score | None


def make_report(
    config: Config,
    outcomes: Sequence[Outcome],
    metrics: dict[str, Estimate],
    gates: list[GateResult],
    elapsed: float,
) -> Report:
    faults = [outcome.response.error for outcome in outcomes if outcome.response.error]
    skipped = sum(fault.startswith(SKIPPED) for fault in faults)
    answered = [outcome.response for outcome in outcomes if not outcome.response.error]
    return Report(
        task=config.task,
        model=config.model,
        n=len(outcomes),
        scored=len(answered),
        skipped=skipped,
        errors=len(faults) - skipped,
        metrics=metrics,
        usage=_tokens(answered),
        latency=_latency(answered),
        elapsed_s=round(elapsed, 3),
        gates=gates,
        data=config.data,
    )


def summarize(counted: Counted) -> dict[str, Estimate]:
    """The metrics that something counted for."""
    found = {
        name: mean_estimate(entries) if isinstance(entries, Mean) else estimate(entries)
        for name, entries in counted.items()
    }
    return {name: value for name, value in found.items() if value is not None}


def judge_all(gates: Sequence[Gate], metrics: Mapping[str, Estimate]) -> list[GateResult]:
    return [GateResult(str(gate), judge(gate, metrics.get(gate.metric))) for gate in gates]


def score_line(outcome: Outcome) -> dict[str, Any]:
    """One line of scores.jsonl."""
    return {"id": outcome.sample.id, "trial": outcome.trial, **msgspec.structs.asdict(outcome.score)}  # type: ignore[arg-type]


def markdown(report: Report, outcomes: Sequence[Outcome]) -> str:
    """The page for people: the metrics with their intervals, and the first samples that went wrong, with the reason."""
    title = f"# {report.task}: {_inline(report.model or '')}"
    lines = [title, "", f"{counts_line(report)}. Data: `{_inline(report.data)}`.", ""]
    rows = metric_rows(report)
    lines += _table([row for row in rows if not _is_part(row[0])])
    lines += [f"\nGate `{_inline(result.gate)}`: **{result.verdict}**" for result in report.gates]
    if parts := [row for row in rows if _is_part(row[0])]:
        lines += ["", "## By category, tool or kind", "", *_table(parts)]
    wrong = [outcome for outcome in outcomes if not (outcome.score and outcome.score.exact)]
    if wrong:
        shown = wrong[:WRONG_SHOWN]
        lines += ["", f"## {len(shown)} of {len(wrong)} that went wrong", ""]
        lines += [
            f"- `{_inline(entry.sample.id)}` ({_inline(entry.sample.meta.get('where', ''))}): {_reason(entry)}"
            for entry in shown
        ]
    return "\n".join(lines) + "\n"


def print_table(report: Report) -> None:
    """The metrics on stdout, and where the rest is."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from swiftkit.show import printable

    title = Text(printable(f"{report.task}: {report.model}"))
    table = Table("metric", "value", "standard error", "95 % interval", title=title, title_justify="left")
    for row in metric_rows(report):
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console()
    console.print(table)
    for result in report.gates:
        console.print(f"gate {result.gate}: {result.verdict}", markup=False)
    console.print(f"{counts_line(report)}; {report.run}/report.md", markup=False, soft_wrap=True)


def counts_line(report: Report) -> str:
    return (
        f"{report.n} asked, {report.scored} scored, {report.skipped} skipped, {report.errors} errors, "
        f"{report.elapsed_s:.1f} s"
    )


def metric_rows(report: Report) -> list[tuple[str, str, str, str]]:
    """Name, value, standard error and interval of each metric, in percent."""
    return [
        (
            name,
            f"{100 * found.value:.1f} %",
            f"{100 * found.stderr:.1f}",
            f"{100 * found.ci95[0]:.1f} to {100 * found.ci95[1]:.1f} %",
        )
        for name, found in report.metrics.items()
    ]


def _is_part(metric: str) -> bool:
    return "[" in metric


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    head = ["| metric | value | standard error | 95 % interval |", "|---|---|---|---|"]
    return head + [f"| {' | '.join(map(_inline, row))} |" for row in rows]


def _inline(text: str) -> str:
    """Text of a file, a tool or a model within one line of Markdown, out of which it cannot break."""
    line = "".join(sign if sign.isprintable() else " " for sign in " ".join(text.split()))
    return (
        line.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;").replace("`", "'").replace("](", "]\\(")
    )


def _reason(outcome: Outcome) -> str:
    """One line of Markdown; what a model wrote cannot break out of it."""
    text = outcome.response.error or (outcome.score.reason if outcome.score else "")
    return _inline(text)


def _tokens(responses: Sequence[Response]) -> dict[str, int]:
    """Tokens summed over the responses, by the endpoint's own names."""
    total: dict[str, int] = {}
    for response in responses:
        for name, count in response.usage.items():
            total[name] = total.get(name, 0) + count
    return total


def _latency(responses: Sequence[Response]) -> dict[str, float]:
    """Seconds: the mean, the median, the 95th percentile and the longest, of the attempts that were answered."""
    times = sorted(response.latency for response in responses)
    if not times:
        return {}
    last = len(times) - 1
    found = {
        "mean": fsum(times) / len(times),
        "p50": times[last // 2],
        "p95": times[round(0.95 * last)],
        "max": times[-1],
    }
    return {name: round(seconds, 4) for name, seconds in found.items()}
