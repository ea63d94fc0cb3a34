"""The report of `swiftkit parity` for people."""

from swiftkit.preflight.parity.report import STATUSES, CauseCount, ParityReport, StatusCount
from swiftkit.terminal import print_lines, print_table, shorten


def print_report(report: ParityReport) -> None:
    """Print the tables, and under them the first place of each cause with its two lines."""
    share = f"{report.trained} of {report.characters} characters trained"
    print_lines([f"{report.rows} rows, {share}; chat template {report.template_sha256[:12]}", ""])
    if report.sides:
        rows = []
        for side in report.sides:
            counts = side.compared, side.equal, side.compared - side.equal, side.unchecked
            rows.append((side.name, side.evidence, *map(str, counts)))
        head = (
            "beside the model's own template",
            "by",
            "compared",
            "equal",
            "differing",
            "not told",
        )
        print_table(head, rows, right=(2, 3, 4, 5))
        print_lines([""])
    if report.turns:
        rows = [(turn.status, str(turn.turns), _said(turn)) for turn in report.turns]
        print_table(("turns", "number", ""), rows, right=(1,))
        print_lines([""])
    for cause in report.folder:
        print_lines(_lines_of(cause, "folder"))
    for side in report.sides:
        for cause in side.causes:
            print_lines(_lines_of(cause, side.name))
        if side.further:
            behind = ", ".join(f"{cause} {rows}" for cause, rows in sorted(side.further.items()))
            print_lines([f"{side.name}: behind the first difference: {behind}"])
        if side.unchecked:
            first = shorten(side.why_unchecked, 300)
            print_lines([f"{side.name}: {side.unchecked} not compared, the first: {first}"])
    print_lines(report.notes)
    print_lines([_verdict(report)])


def _said(turn: StatusCount) -> str:
    if turn.status == "ok":
        return ""
    allowed = ", allowed" if turn.is_allowed and not STATUSES[turn.status][1] else ""
    why = f": {shorten(turn.why, 160)}" if turn.why else ""
    return f"first {turn.place}{why} ({turn.fix}{allowed})"


def _lines_of(cause: CauseCount, name: str) -> list[str]:
    allowed = "  [allowed]" if cause.is_allowed else ""
    lines = [f"{cause.cause}: {cause.rows} ({name}){allowed}: {cause.meaning}"]
    lines.append(f"  first {cause.place}")
    if cause.expected or cause.actual:
        lines += [f"    model's own  {cause.expected}", f"    there        {cause.actual}"]
    return [*lines, f"  fix: {cause.fix}", ""]


def _verdict(report: ParityReport) -> str:
    if report.has_bad_difference:
        return "what is trained is NOT what is served; --allow CAUSE allows a difference"
    if report.has_bad_turn:
        return "some turns cannot be trained as they are served; --allow STATUS allows them"
    if report.exit_status:
        return "equal as far as it was told: some rows could not be compared"
    has_drift = any(side.causes for side in report.sides) or report.folder
    return "equal, but for what is allowed" if has_drift else "equal"
