"""What a run has found: report.json's shape, its Markdown page, its table, and the exit status that
it means."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from swiftkit.evals.gates import Gate, Verdict, judge
from swiftkit.evals.results import Account
from swiftkit.evals.run_directory import Config
from swiftkit.evals.stats import Counted, Estimate, Mean, estimate, mean_estimate
from swiftkit.records import SKIPPED, Response, Sample, Score

WRONG_SHOWN = 5
# of the samples; with fewer answers the run was not healthy, whatever they say
LEAST_COVERAGE = 0.9


class GateResult(msgspec.Struct, frozen=True):
    gate: str
    verdict: Verdict


class Report(msgspec.Struct, frozen=True):
    """report.json. n = scored + skipped + errors, in samples x trials; `latency` and `elapsed_s`
    are in seconds.

    A metric is absent where nothing counted for it. `coverage` is scored / n; `bounds` [worst,
    best] say where each metric would lie if all errors were wrong, or right (absent without
    errors). `elapsed_s` is the time of the last sitting, in which all but `resumed` were asked.
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
    coverage: float = 1.0
    bounds: dict[str, tuple[float, float]] = {}

    @property
    def exit_status(self) -> int:
        """With gates 0 all passed, 1 one failed, 3 one is inconclusive; without, 1 if errors are
        left. 4 where too many samples have no answer for a verdict."""
        if self.errors and not self.gates:
            return 1
        if self.coverage < LEAST_COVERAGE:
            return 4
        verdicts = {result.verdict for result in self.gates}
        if Verdict.FAILED in verdicts:
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
    gates: Sequence[Gate],
    account: Account,
    elapsed: float,
) -> Report:
    faults = [outcome.response.error for outcome in outcomes if outcome.response.error]
    skipped = sum(fault.startswith(SKIPPED) for fault in faults)
    scored, errors = len(outcomes) - len(faults), len(faults) - skipped
    bounds = bounds_of(metrics, scored, errors)
    return Report(
        task=config.task,
        model=config.model,
        n=len(outcomes),
        scored=scored,
        skipped=skipped,
        errors=errors,
        metrics=metrics,
        usage=account.usage,
        latency=account.latency(),
        elapsed_s=round(elapsed, 3),
        gates=judge_all(gates, metrics, bounds),
        data=config.data,
        resumed=account.counts.finished_before,
        coverage=scored / max(1, len(outcomes)),
        bounds=bounds if errors else {},
    )


def summarize(counted: Counted) -> dict[str, Estimate]:
    """The metrics that something counted for."""
    found = {
        name: mean_estimate(entries) if isinstance(entries, Mean) else estimate(entries)
        for name, entries in counted.items()
    }
    return {name: value for name, value in found.items() if value is not None}


def bounds_of(
    metrics: Mapping[str, Estimate], scored: int, errors: int
) -> dict[str, tuple[float, float]]:
    """Where each metric would lie if every sample that ended in an error were wrong, and if every
    one were right.

    As if the errors fell on each metric as they fell on the whole.
    """
    share = scored / (scored + errors) if scored else 0.0
    return {
        name: (found.value * share, found.value * share + 1 - share)
        for name, found in metrics.items()
    }


def judge_all(
    gates: Sequence[Gate],
    metrics: Mapping[str, Estimate],
    bounds: Mapping[str, tuple[float, float]],
) -> list[GateResult]:
    return [
        GateResult(str(gate), judge(gate, metrics.get(gate.metric), bounds.get(gate.metric)))
        for gate in gates
    ]


def score_line(outcome: Outcome) -> dict[str, Any]:
    """One line of scores.jsonl."""
    place = {"id": outcome.sample.id, "trial": outcome.trial}
    return place | msgspec.structs.asdict(outcome.score)  # type: ignore[arg-type]


def markdown(report: Report, outcomes: Sequence[Outcome]) -> str:
    """The page for people: the metrics with their intervals, and the first samples that went wrong,
    with the reason."""
    title = f"# {report.task}: {_inline(report.model or '')}"
    lines = [title, "", f"{counts_line(report)}. Data: `{_inline(report.data)}`.", ""]
    rows = metric_rows(report)
    lines += _table([row for row in rows if not _is_part(row[0])])
    lines += [f"\n{_inline(line)}" for line in coverage_lines(report)]
    lines += [f"\nGate `{_inline(result.gate)}`: **{result.verdict}**" for result in report.gates]
    if parts := [row for row in rows if _is_part(row[0])]:
        lines += ["", "## By category, tool or kind", "", *_table(parts)]
    shown, wrong = [], 0
    for outcome in outcomes:
        if not (outcome.score and outcome.score.exact):
            wrong += 1
            shown += [outcome] if wrong <= WRONG_SHOWN else []
    if wrong:
        lines += ["", f"## {len(shown)} of {wrong} that went wrong", ""]
        lines += [
            f"- `{_inline(entry.sample.id)}` ({_inline(entry.sample.meta.get('where', ''))}): {_reason(entry)}"
            for entry in shown
        ]
    return "\n".join(lines) + "\n"


def print_table(report: Report) -> None:
    """The metrics on stdout, and where the rest is. Without a terminal plain lines: rich takes as
    long to import as two hundred samples take."""
    from swiftkit.terminal import printable

    title = f"{report.task}: {report.model}"
    rows = [("metric", "value", "standard error", "95 % interval"), *metric_rows(report)]
    if sys.stdout.isatty():
        _print_rich(title, rows)
    else:
        print(printable(title), *(printable(line) for line in _aligned(rows)), sep="\n")
    for line in coverage_lines(report):
        print(printable(line))
    for result in report.gates:
        print(printable(f"gate {result.gate}: {result.verdict}"))
    print(printable(f"{counts_line(report)}; {report.run}/report.md"))


def _print_rich(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from swiftkit.terminal import printable

    head, *body = rows
    table = Table(*head, title=Text(printable(title)), title_justify="left")
    for row in body:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console().print(table)


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def counts_line(report: Report) -> str:
    return (
        f"{report.n} asked, {report.scored} scored, {report.skipped} skipped, {report.errors} errors, "
        f"{report.elapsed_s:.1f} s"
    )


def coverage_lines(report: Report) -> list[str]:
    """How many samples the metrics rest on, where some have no score, and what the errors could
    change."""
    if report.scored == report.n:
        return []
    lines = [f"coverage {100 * report.coverage:.1f} %: {report.scored} of {report.n} have a score"]
    if report.coverage < LEAST_COVERAGE:
        lines[0] += f", less than {100 * LEAST_COVERAGE:.0f} %: the run was not healthy"
    return lines + [
        f"{name}: {100 * worst:.1f} % if every error were wrong, {100 * best:.1f} % if every one were right"
        for name, (worst, best) in list(report.bounds.items())[:1]
    ]


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
    """Text of a file, a tool or a model within one line of Markdown, out of which it cannot
    break."""
    line = "".join(sign if sign.isprintable() else " " for sign in " ".join(text.split()))
    return (
        line.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace("|", "&#124;")
        .replace("`", "'")
        .replace("](", "]\\(")
    )


def _reason(outcome: Outcome) -> str:
    """One line of Markdown; what a model wrote cannot break out of it."""
    text = outcome.response.error or (outcome.score.reason if outcome.score else "")
    return _inline(text)
