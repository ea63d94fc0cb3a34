"""Print the metrics of two evaluation runs side by side.

python scripts/before_after.py RUN_BEFORE RUN_AFTER
"""

import argparse
import json
from pathlib import Path
from typing import Any

from swiftkit.evals.percent import percent
from swiftkit.terminal import print_lines, print_table


def main(before: Path, after: Path) -> None:
    before_report = json.loads((before / "report.json").read_text(encoding="utf-8"))
    after_report = json.loads((after / "report.json").read_text(encoding="utf-8"))
    rows = []
    for name, metric in after_report["metrics"].items():
        rows.append((name, cell(before_report["metrics"].get(name)), cell(metric)))
    title = f"{after_report['task']}, {after_report['n']} held-out questions"
    print_table(("metric", "before 微调前", "after 微调后"), rows, title, right=(1, 2))
    print_lines([f"Reports: {before}/report.md, {after}/report.md"])


def cell(metric: dict[str, Any] | None) -> str:
    """Return a share in per cent with its 95 % interval."""
    if metric is None:
        return "-"
    low, high = metric["ci95"]
    return f"{percent(metric['value'])}  [{100 * low:.1f}, {100 * high:.1f}]"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    runs = parser.parse_args()
    main(runs.before, runs.after)
