"""Rows to check, and what `swiftkit check` says of them."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from swiftkit.cli.main import main
from swiftkit.data.checks.findings import EXAMPLES

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
}
QUESTION = {"role": "user", "content": "Will it rain in Oslo tomorrow?"}
ANSWER = {"role": "assistant", "content": "Yes, in the evening."}


def tools(parameters: Any = WEATHER, name: str = "weather") -> str:
    return json.dumps([{"type": "function", "function": {"name": name, "parameters": parameters}}])


def user(question: str) -> dict[str, str]:
    return {"role": "user", "content": question}


def call(arguments: Any, name: str = "weather") -> dict[str, str]:
    return {"role": "tool_call", "content": json.dumps({"name": name, "arguments": arguments})}


def talk(*messages: dict[str, str], **columns: Any) -> dict[str, Any]:
    return {"messages": list(messages), **columns}


def ask(question: str, answer: str = "Yes.") -> dict[str, Any]:
    return talk(user(question), {"role": "assistant", "content": answer})


GOOD = [
    talk(QUESTION, ANSWER),
    talk(QUESTION, call({"city": "Oslo"}), tools=tools()),
    talk(
        QUESTION,
        tools=tools(),
        expected_calls='[{"name": "weather", "arguments": {"city": "Oslo", "days": 1}}]',
    ),
    talk(QUESTION, call({"city": "Oslo", "any": 1}), tools=tools({"type": "object"})),
    ask("Say a b c d e f g", "a b c d e f g"),
    talk(
        QUESTION,
        call({"city": "Oslo", "any": 1}),
        tools=tools(WEATHER | {"additionalProperties": {"type": "integer"}}),
    ),
    ask("Say a b c d e f g h", "<think>\nTo say: a b c d e f g h\n</think>\n\nNo."),
    talk(QUESTION, ANSWER, rejected_response=[{"role": "assistant", "content": "No."}], label=True),
]


def write(path: Path, rows: list[Any]) -> Path:
    lines = [
        row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode()
        for row in rows
    ]
    path.write_bytes(b"\n".join(lines))
    return path


def check(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(
        main, ["check", *map(str, arguments)], input=stdin, catch_exceptions=False
    )


def report(tmp_path: Path, rows: list[Any], *options: str | Path) -> dict[str, Any]:
    """The --json report; its own promises are checked on the way."""
    result = check(write(tmp_path / "rows.jsonl", rows), "--json", *options)
    found: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == int(any(finding["level"] == "fail" for finding in found["findings"]))
    assert found["rows_read"] <= found["rows"]
    for finding in found["findings"]:
        assert 1 <= len(finding["examples"]) <= min(finding["rows"], EXAMPLES)
        assert finding["what"]
        assert finding["fix"]
    return found


def lines_by_code(found: dict[str, Any]) -> dict[str, list[int]]:
    """The lines of the examples of each finding of a report."""
    lines = {}
    for finding in found["findings"]:
        places = [example["where"] for example in finding["examples"]]
        lines[finding["code"]] = [int(place.rpartition(":")[2]) for place in places]
    return lines
