"""Do the calls, in the messages and the gold, fit the tools: name, parameters, JSON Schema?"""

from collections.abc import Iterator
from typing import Any

from swiftkit.data.check_row import call_from_message
from swiftkit.data.checks.row_view import RowFinding, RowView
from swiftkit.data.to_openai import parse_tools
from swiftkit.errors import DataError
from swiftkit.scoring.expected_calls import read_expected_calls
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.validate_call import validators_of, violations

_CODES = {  # of toolcall/validate_call.py, which names kinds of a bad argument one by one
    "unknown_tool": "undefined_tool",
    "missing_required": "missing_parameter",
    "extra_parameter": "undeclared_parameter",
}


def findings_in(view: RowView) -> Iterator[RowFinding]:
    """Yield the breaches of all calls. What cannot be read is structure.py's matter."""
    try:
        tools = validators_of(view.row.get("tools"))
    except (DataError, RecursionError):
        return
    yield from _doubled_tools(view.row.get("tools"))
    for name, tool in tools.items():
        if tool.problem:
            yield RowFinding("bad_schema", f"{name}: {tool.problem}")
    for where, call in _calls(view):
        name = f"{where}: {call.name}"
        if not tools:
            yield RowFinding("unchecked_calls", name)
        for broken in violations(call, tools):
            joint = "; " if broken.code == "unknown_tool" else ": "
            code = _CODES.get(broken.code, "bad_argument")
            if code == "undeclared_parameter" and broken.by_schema:
                code = "bad_argument"
            yield RowFinding(code, f"{name}{joint}{broken.detail}")


def _doubled_tools(tools: Any) -> Iterator[RowFinding]:
    """Yield the names that two equal tools have; check_row.py refuses those of different ones."""
    seen: dict[str, Any] = {}
    for tool in parse_tools(tools, "tools"):
        function = tool["function"]
        name = function["name"]
        if name in seen and seen[name] == function:
            yield RowFinding("duplicate_tool", f"tools: {name}")
        seen[name] = function


def _calls(view: RowView) -> Iterator[tuple[str, ToolCall]]:
    """Yield each call that can be read, with its place in the row."""
    for number, turn in enumerate(view.turns, 1):
        if turn.role == "tool_call":
            try:
                call = call_from_message({"role": turn.role, "content": turn.text}, "")
            except DataError:
                continue
            yield f"turn {number}", call
    gold = view.row.get("expected_calls")
    if isinstance(gold, str):
        try:
            calls = read_expected_calls(gold, "")
        except DataError:
            return
        for expected in calls:
            yield "gold", ToolCall(expected.name, expected.arguments)
