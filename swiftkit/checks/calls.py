"""Do the calls fit the tools: the name, the required parameters, the type and range of each argument (JSON Schema).

Both kinds of call are looked at: those in the messages, and the gold in `expected_calls`. Schemas are data: nothing is
fetched for a `$ref`, and a pattern runs in a matcher that takes linear time.
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import islice
from typing import Any, NamedTuple

from swiftkit.checks.entry import Entry, Fault
from swiftkit.errors import DataError
from swiftkit.rows import call_from_message
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.gold import gold_from
from swiftkit.toolcall.tools import tools_from

_MOST_ERRORS = 20  # of one call: the first of each kind is reported


class Checker(NamedTuple):
    """How the arguments of one tool are judged; `validator` is None where its schema is unusable."""

    validator: Any
    problem: str
    declared: frozenset[str] | None  # None: any parameter is welcome


def faults(entry: Entry) -> Iterator[Fault]:
    text = entry.row.get("tools")
    try:
        checkers = _checkers(text) if isinstance(text, str) else _prepared(text)
    except (DataError, RecursionError):
        return  # structure.py tells
    yield from (Fault("bad_schema", f"{name}: {tool.problem}") for name, tool in checkers.items() if tool.problem)
    for where, call in _calls(entry):
        yield from _judged(call, checkers, where)


def _calls(entry: Entry) -> Iterator[tuple[str, ToolCall]]:
    for index, turn in enumerate(entry.turns):
        if turn.role == "tool_call":
            try:
                yield f"turn {index + 1}", call_from_message({"role": turn.role, "content": turn.text}, "")
            except DataError:
                continue  # structure.py tells
    gold = entry.row.get("expected_calls")
    if isinstance(gold, str):
        try:
            yield from (("gold", ToolCall(call.name, call.arguments)) for call in gold_from(gold, "").calls)
        except DataError:
            return  # structure.py tells


def _judged(call: ToolCall, checkers: dict[str, Checker], where: str) -> Iterator[Fault]:
    name = f"{where}: {call.name}"
    if not checkers:
        yield Fault("unchecked_calls", name)
    elif call.name not in checkers:
        yield Fault("undefined_tool", f"{name}; defined: {', '.join(islice(checkers, 10))}")
    else:
        yield from _argument_faults(call, checkers[call.name], name)


def _argument_faults(call: ToolCall, checker: Checker, name: str) -> Iterator[Fault]:
    if checker.validator is None:
        return
    try:
        errors = list(islice(checker.validator.iter_errors(call.arguments), _MOST_ERRORS))
    except (ValueError, RecursionError) as error:  # nested too deeply for the validator
        yield Fault("bad_argument", f"{name}: {error}")
        return
    for broken in errors:
        code = "missing_parameter" if broken.kind.name == "required" else "bad_argument"
        yield Fault(code, f"{name}: {_place(broken.instance_path)}{broken.message}")
    if checker.declared is not None and (extra := sorted(call.arguments.keys() - checker.declared)):
        yield Fault("undeclared_parameter", f"{name}: {', '.join(extra)}")


def _place(path: Any) -> str:
    parts = ".".join(map(str, path))
    return f"{parts}: " if parts else ""


@lru_cache(maxsize=4096)  # most rows of a data set share their tools
def _checkers(tools: str) -> dict[str, Checker]:
    return _prepared(tools)


def _prepared(tools: Any) -> dict[str, Checker]:
    return {tool["function"]["name"]: _checker(tool["function"]["parameters"]) for tool in tools_from(tools)}


def _checker(schema: dict[str, Any]) -> Checker:
    import jsonschema_rs

    try:
        validator = jsonschema_rs.validator_for(schema, retriever=_refuse, pattern_options=_linear())
    except (ValueError, RecursionError) as error:
        return Checker(None, str(error).splitlines()[0], None)
    properties = schema.get("properties")
    closed = isinstance(properties, dict) and properties and not _more_allowed(schema)
    return Checker(validator, "", frozenset(properties) if isinstance(properties, dict) and closed else None)


def _more_allowed(schema: dict[str, Any]) -> bool:
    """Whether the schema itself says what parameters beside `properties` there may be (or that there may be none)."""
    return any(key in schema for key in ("additionalProperties", "unevaluatedProperties", "patternProperties", "allOf",
                                         "anyOf", "oneOf", "$ref", "if"))  # fmt: skip


@cache
def _linear() -> Any:
    import jsonschema_rs

    return jsonschema_rs.RegexOptions()


def _refuse(uri: str) -> Any:
    raise ValueError(f"the schema of {uri} is not fetched")
