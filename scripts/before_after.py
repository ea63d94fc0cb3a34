"""Print the metrics of two evaluation runs side by side: python scripts/before_after.py RUN_BEFORE
RUN_AFTER."""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def main(before: Path, after: Path) -> None:
    reports = [
        json.loads((run / "report.json").read_text(encoding="utf-8")) for run in (before, after)
    ]
    table = Table(
        "metric",
        "before 微调前",
        "after 微调后",
        title=f"{reports[1]['task']}, {reports[1]['n']} held-out questions",
    )
    for metric in reports[1]["metrics"]:
        table.add_row(escape(metric), *(_cell(report["metrics"].get(metric)) for report in reports))
    Console(width=100).print(table)
    print(f"Reports: {before}/report.md, {after}/report.md")


def _cell(metric: dict[str, object] | None) -> str:
    """A share in per cent with its 95 % interval."""
    if metric is None:
        return "-"
    low, high = metric["ci95"]  # type: ignore[misc]
    return escape(f"{100 * float(metric['value']):5.1f} %  [{100 * low:.1f}, {100 * high:.1f}]")  # type: ignore[arg-type]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
