"""Runs of the task jsonl whose right answers a test chooses, for `compare` and `curve`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from helpers.servers import error, message, serve
from swiftkit.cli.main import main


def rows(path: Path, number: int = 60) -> Path:
    checks = (
        {"prompt": f"q {index}", "id": f"r{index}", "check": {"exact": "yes"}}
        for index in range(number)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in checks), encoding="utf-8")
    return path


def evaluate(
    data: Path, run: Path, right: Callable[[int], bool], *flags: str, broken: int = -1
) -> Path:
    """Evaluate into `run`: question i is answered rightly where `right` says so, that of `broken`
    fails."""

    def script(body: dict[str, Any]) -> Any:
        number = int(body["messages"][-1]["content"].split()[1])
        if number == broken:
            return error(418)
        return message("yes" if right(number) else "no <b>\x1b[31m")

    with serve(script) as server:
        command = ["eval", "jsonl", "--data", str(data), "--base-url", server.url]
        CliRunner().invoke(main, [*command, "--run", str(run), *flags])
    return run
