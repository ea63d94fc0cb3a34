"""Print an audit as tables."""

from swiftkit.evals.audit.report import AuditReport
from swiftkit.terminal import print_lines, print_table, shorten

_EXAMPLE = 60  # characters of a cell


def print_audit(report: AuditReport) -> None:
    rows = (
        f"{report.rows} of {report.total} rows"
        if report.rows < report.total
        else f"{report.rows} rows"
    )
    print_lines([
        f"{report.reward}, {rows} of {report.data}, gold from {report.gold_column}",
        f"the gold as `{report.form}` earns {report.gold_mean:.3g} on average"
        if report.form
        else "it gives no number for the gold, whatever it is written like",
        "",
    ])  # fmt: skip
    if report.classes:
        cells = []
        untried = [verdict.name for verdict in report.classes if not verdict.tried]
        for verdict in report.classes:
            if not verdict.tried:
                continue
            best = f"{verdict.best:.3g} / {verdict.gold:.3g}"
            said = f"{verdict.why}: {_quoted(verdict.example)}" if verdict.verdict == "flaw" else ""
            row = [
                verdict.name,
                str(verdict.tried),
                best,
                verdict.verdict.replace("flaw", "FLAW"),
                said,
            ]
            cells.append(row)
        head = ["attack", "tried", "best / gold", "verdict", "why, worst example"]
        print_table(head, cells, right=[1])
        if untried:
            why = "nothing in this data fits, or what came before took too long"
            print_lines([f"not tried ({why}): {', '.join(untried)}"])
        print_lines([""])
    if report.faults:
        faults = []
        for fault in report.faults:
            example = _quoted(fault.example) if fault.example else ""
            level = "FLAW" if fault.level == "flaw" else "note"
            faults.append([level, fault.name, shorten(fault.detail, 160), example])
        print_table(["", "fault", "what", "example"], faults)
        print_lines([""])
    numbers = report.numbers
    times = f"{numbers.p50_ms:.3g} / {numbers.p95_ms:.3g} / {numbers.worst_ms:.3g} ms"
    print_lines([
        f"a completion takes {times} (p50 / p95 / worst), on {numbers.mutated:,} mutated ones",
        f"rewards from {numbers.lowest:.4g} to {numbers.highest:.4g}, "
        f"{numbers.different_values} different ones; "
        f"{numbers.tied_groups} of {numbers.groups} groups of 8 have no gradient",
        f"{_verdict(report)} ({report.seconds:.0f} s)",
    ])  # fmt: skip


def _verdict(report: AuditReport) -> str:
    flaws = report.flaws
    return f"{len(flaws)} flaws: {', '.join(flaws)}" if flaws else "no flaw was found"


def _quoted(text: str) -> str:
    return ascii(text) if len(text) <= _EXAMPLE else f"{text[:_EXAMPLE]!a}..."
