"""The report of a run as text for the terminal, and the lines that its Markdown page shares."""

from collections.abc import Mapping

from swiftkit.evals.percent import percent, percent_interval
from swiftkit.evals.report.report import LEAST_COVERAGE, EvalReport
from swiftkit.terminal import print_lines, print_table

_COLUMNS = ("metric", "value", "standard error", "95 % interval")


def print_report(report: EvalReport) -> None:
    """Print the metrics on stdout, and where the rest is."""
    title = f"{report.task}: {report.model}"
    print_table(metric_columns(report), metric_rows(report), title, right=(1, 2, 3, 4))
    print_lines(coverage_lines(report))
    print_lines(ending_lines(report))
    print_lines(reading_lines(report.read_as))
    for result in report.gates:
        print_lines([f"gate {result.gate}: {result.verdict}: {result.reason}"])
    print_lines([f"{counts_line(report)}; {report.run}/report.md"])


def metric_columns(report: EvalReport) -> tuple[str, ...]:
    """Return the names of the columns of `metric_rows`."""
    return (*_COLUMNS, "worst to best") if report.bounds else _COLUMNS


def metric_rows(report: EvalReport) -> list[tuple[str, ...]]:
    """Return name, value, standard error and interval of each metric, in percent, and where any
    answer is missing the worst and best case of those that miss one."""
    rows = []
    for name in dict.fromkeys((*report.metrics, *report.bounds)):
        row = [name, "-", "-", "-"]
        if estimate := report.metrics.get(name):
            stderr = f"{100 * estimate.stderr:.1f}"
            row = [name, percent(estimate.value), stderr, percent_interval(estimate.ci95)]
        if report.bounds:
            bounds = report.bounds.get(name)
            row.append(percent_interval(bounds) if bounds else "")
        rows.append(tuple(row))
    return rows


def counts_line(report: EvalReport) -> str:
    errors = f"{report.errors} errors"
    if report.scorer_errors:
        errors += f" ({report.scorer_errors} of the scorer)"
    rest = f"{report.skipped} skipped, {errors}, {report.elapsed_s:.1f} s"
    return f"{report.n} asked, {report.scored} scored, {rest}"


def coverage_lines(report: EvalReport) -> list[str]:
    """Return what the metrics rest on; nothing where every sample has a score."""
    if report.scored == report.n:
        return []
    line = f"coverage {percent(report.coverage)}: {report.scored} of {report.n} have a score"
    if report.coverage < LEAST_COVERAGE:
        line += f", less than {100 * LEAST_COVERAGE:.0f} %: the run was not healthy"
    return [line, "worst, best: if everything without a score were wrong, or right"]


def ending_lines(report: EvalReport) -> list[str]:
    """Return what to know of answers that did not simply end, and of those without a score."""
    lines = []
    if report.cut:
        fix = f"give more than --max-tokens {report.max_tokens} with --run and --retry cut"
        lines.append(f"{report.cut} answers were cut at the limit, and scored as they were ({fix})")
    if report.filtered:
        fix = "the endpoint's content filter; --retry filtered asks again"
        lines.append(f"{report.filtered} answers were filtered, and scored as they were ({fix})")
    if report.empty:
        fix = "neither text nor call nor reasoning; --retry empty asks again"
        lines.append(f"{report.empty} answers were empty, and scored as they were ({fix})")
    if lines:
        lines.append('which ones: "ended" in scores.jsonl')
    if report.scorer_errors:
        fix = f"they are kept: mend it, then `swiftkit grade {report.run}`"
        lines.append(f"{report.scorer_errors} answers have no score: the scorer failed ({fix})")
    return lines


def reading_lines(read_as: Mapping[str, int]) -> list[str]:
    """Return how the calls of the answers were read, and what was not; nothing without calls."""
    if not read_as:
        return []
    lines = [f"answers: {', '.join(f'{number} {way}' for way, number in read_as.items())}"]
    if unread := read_as.get("unread"):
        fix = "swiftkit score --explain shows one, docs/wire-formats.md what is read"
        lines.append(f"{unread} with call-like markup that was not read count as wrong ({fix})")
    return lines
