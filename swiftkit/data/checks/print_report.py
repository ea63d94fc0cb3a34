"""The report of a check, as tables for people. What the data holds cannot steer the terminal."""

from collections.abc import Iterator

from swiftkit.data.checks.check import CheckReport
from swiftkit.data.checks.dropped_reasoning import MOST
from swiftkit.data.checks.sample import lines_of
from swiftkit.findings import Level
from swiftkit.terminal import print_lines, print_table, stdout_width

_BAR = 40  # columns of the longest bar
_SHOWN = 3  # examples of a finding


def print_tables(report: CheckReport) -> None:
    """Print the sample, the findings, the lengths with their histogram and the overlap on
    stdout."""
    print_lines(lines_of(report.sample))
    findings = []
    for finding in report.findings:
        count = f"{finding.rows}\n{100 * finding.rows / report.rows:.1f} %"
        texts = [f"{finding.what}: {finding.fix}"]
        texts += [f"{example.where}: {example.detail}" for example in finding.examples[:_SHOWN]]
        findings.append((f"{finding.code}\n{finding.level}", count, "\n".join(texts)))
    if findings:
        head = ("finding", "rows", "what, where, and what to do")
        print_table(head, findings, report.file, right=(1,))
    if report.lengths:
        bins = report.lengths.histogram
        most = max(part.rows for part in bins)
        longest = max(min(_BAR, (stdout_width() or 80) - 20), 4)
        bars = []
        for part in bins:
            bars.append((str(part.low), str(part.rows), "█" * round(longest * part.rows / most)))
        title = f"length of a row in {report.lengths.unit}"
        print_table(("from", "rows", ""), bars, title, right=(0, 1))
    print_lines(_lines(report))


def _lines(report: CheckReport) -> Iterator[str]:
    lengths = report.lengths
    if lengths:
        percentiles = ", ".join(f"{name} {value}" for name, value in lengths.percentiles.items())
        line = f"lengths: mean {lengths.mean}, {percentiles}, max {lengths.max}"
        if lengths.max_length:
            line += f", {lengths.over} longer than {lengths.max_length}"
        yield line
        yield "  of messages and tools; with the template: `swiftkit show --json`"
    if report.rows_rendered:
        which = (
            f"the first {MOST}" if report.rows_rendered == MOST else f"all {report.rows_rendered}"
        )
        yield f"reasoning: {which} rows that have some were rendered with the chat template"
    overlap = report.contamination
    if overlap:
        yield f"overlap with {overlap.training_file} ({overlap.training_rows} rows):"
        yield (
            f"  {overlap.contaminated} rows contaminated, {overlap.overlapping} share"
            f" {overlap.words} words or {overlap.characters} Chinese characters in a row"
        )
    errors = sum(finding.level is Level.FAIL for finding in report.findings)
    warnings = len(report.findings) - errors
    yield (
        f"{report.file}: {report.rows} rows, {errors} kinds of error, {warnings} of warning,"
        f" {report.elapsed_s:.1f} s"
    )
