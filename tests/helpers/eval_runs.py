"""`swiftkit eval tool-call` as a process, on rows with known right answers."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from helpers.paths import ROOT
from helpers.servers import Reply, message

CANARY = "sk-canary-5d1e"


TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}},
}


def write_rows(path: Path, number: int) -> Path:
    """Row i asks 'q i' and wants f(x=i)."""
    rows = [
        {
            "id": f"r{index}",
            "messages": [{"role": "user", "content": f"q {index}"}],
            "tools": json.dumps([TOOL]),
            "expected_calls": json.dumps([{"name": "f", "arguments": {"x": index}}]),
        }
        for index in range(number)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def right(body: dict[str, Any], **extra: Any) -> Reply:
    return message("", [("f", {"x": number(body)})], **extra)


def half_right(body: dict[str, Any], **extra: Any) -> Reply:
    """Answer two of three questions rightly."""
    return right(body, **extra) if number(body) % 3 else message("no", **extra)


def number(body: dict[str, Any]) -> int:
    return int(body["messages"][-1]["content"].split()[1])


def start(data: Path, url: str, run: Path, *flags: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "swiftkit", "eval", "tool-call", "--data", str(data)]
    command += ["--base-url", url, "--run", str(run), *flags]
    environment = os.environ | {"OPENAI_API_KEY": CANARY, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=run.parent,
    )  # fmt: skip


def evaluate(data: Path, url: str, run: Path, *flags: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a whole command."""
    with start(data, url, run, *flags) as process:
        out, err = process.communicate(timeout=50)
    assert "Traceback" not in err
    return process.returncode, out, err


def report_of(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "report.json").read_text(encoding="utf-8"))
    return content


def journal(run: Path) -> list[dict[str, Any]]:
    lines = (run / "responses.jsonl").read_bytes().split(b"\n")
    return [json.loads(line) for line in lines[:-1]]


def wait_for(condition: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
