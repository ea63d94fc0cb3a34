"""What a check has found, as tables for people. What the data holds cannot steer the terminal."""

from collections.abc import Iterator
from typing import Any

import click
import msgspec

from swiftkit.data.checks.check import Report
from swiftkit.data.checks.ledger import FAIL, Finding
from swiftkit.data.checks.lengths import Summary
from swiftkit.files.jsonl import encode
from swiftkit.terminal import printable

_BAR = 40
_SHOWN = 3  # examples of a finding


def print_json(report: Report) -> None:
    """The whole report on stdout."""
    click.echo(printable(msgspec.json.format(encode(report), indent=2).decode()))


def print_tables(report: Report) -> None:
    """The findings, the lengths with their histogram, the languages and the overlap, on stdout."""
    from rich.console import Console

    console = Console(highlight=False)
    if report.findings:
        console.print(_findings(report))
    if report.lengths:
        console.print(_histogram(report.lengths))
    for line in _lines(report):
        console.print(printable(line), markup=False, soft_wrap=True)


def _findings(report: Report) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(printable(report.file)), title_justify="left", show_lines=True)
    table.add_column("finding", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("what, where, and what to do", overflow="fold")
    for finding in report.findings:
        style = "bold red" if finding.level is FAIL else "yellow"
        count = f"{finding.rows}\n{_share(finding.rows, report.rows)}"
        table.add_row(
            Text(f"{finding.code}\n{finding.level}", style), count, Text(printable(_text(finding)))
        )
    return table


def _text(finding: Finding) -> str:
    places = [f"{example.where}: {example.detail}" for example in finding.examples[:_SHOWN]]
    return "\n".join([f"{finding.what}: {finding.fix}", *places])


def _histogram(lengths: Summary) -> Any:
    from rich.table import Table

    table = Table(title=f"length of a row in {lengths.unit}", title_justify="left", box=None)
    table.add_column("from", justify="right")
    table.add_column("rows", justify="right")
    table.add_column("")
    most = max(found.rows for found in lengths.histogram)
    for found in lengths.histogram:
        table.add_row(str(found.low), str(found.rows), "█" * round(_BAR * found.rows / most))
    return table


def _lines(report: Report) -> Iterator[str]:
    if lengths := report.lengths:
        percentiles = ", ".join(f"{name} {value}" for name, value in lengths.percentiles.items())
        cut = f", {lengths.over} longer than {lengths.max_length}" if lengths.max_length else ""
        yield f"lengths: mean {lengths.mean}, {percentiles}, max {lengths.max}{cut}"
        yield "  of the texts of messages and tools; the exact count, with the template, is `swiftkit show --json`"
    shares = [
        f"{name} {_share(count, report.rows_read)}"
        for name, count in sorted(report.languages.items())
    ]
    yield f"scripts: {', '.join(shares) or 'none'}"
    if found := report.contamination:
        yield (
            f"overlap with {found.training_file} ({found.training_rows} rows): {found.contaminated} rows contaminated, "
            f"{found.overlapping} share {found.words} words or {found.characters} Chinese characters in a row"
        )
    errors = sum(finding.level is FAIL for finding in report.findings)
    warnings = len(report.findings) - errors
    yield f"{report.file}: {report.rows} rows, {errors} kinds of error, {warnings} of warning, {report.elapsed_s:.1f} s"


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.1f} %" if total else "-"
