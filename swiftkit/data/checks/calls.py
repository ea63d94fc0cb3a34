"""Do the calls fit the tools: the name, the required parameters, the type and range of each
argument (JSON Schema).

Both kinds of call are looked at: those in the messages, and the gold in `expected_calls`.
"""

from collections.abc import Iterator, Mapping

from swiftkit.data.check_row import call_from_message
from swiftkit.data.checks.entry import Entry, Fault
from swiftkit.errors import DataError
from swiftkit.scoring.expected_calls import read_expected_calls
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.validate_call import CallValidator, validators_of, violations

_CODES = {  # of toolcall/validate_call.py, which names kinds of a bad argument one by one
    "unknown_tool": "undefined_tool", "missing_required": "missing_parameter",
    "extra_parameter": "undeclared_parameter",
}  # fmt: skip


def faults(entry: Entry) -> Iterator[Fault]:
    try:
        tools = validators_of(entry.row.get("tools"))
    except (DataError, RecursionError):
        return  # structure.py tells
    yield from (
        Fault("bad_schema", f"{name}: {tool.problem}")
        for name, tool in tools.items()
        if tool.problem
    )
    for where, call in _calls(entry):
        yield from _judged(call, tools, where)


def _calls(entry: Entry) -> Iterator[tuple[str, ToolCall]]:
    for index, turn in enumerate(entry.turns):
        if turn.role == "tool_call":
            try:
                yield (
                    f"turn {index + 1}",
                    call_from_message({"role": turn.role, "content": turn.text}, ""),
                )
            except DataError:
                continue  # structure.py tells
    gold = entry.row.get("expected_calls")
    if isinstance(gold, str):
        try:
            yield from (
                ("gold", ToolCall(call.name, call.arguments))
                for call in read_expected_calls(gold, "")
            )
        except DataError:
            return  # structure.py tells


def _judged(call: ToolCall, tools: Mapping[str, CallValidator], where: str) -> Iterator[Fault]:
    name = f"{where}: {call.name}"
    if not tools:
        yield Fault("unchecked_calls", name)
    for code, detail in violations(call, tools):
        joint = "; " if code == "unknown_tool" else ": "
        yield Fault(_CODES.get(code, "bad_argument"), f"{name}{joint}{detail}")
