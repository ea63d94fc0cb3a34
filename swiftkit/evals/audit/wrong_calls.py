"""Wrong calls that look like the right ones: (class of attack, calls)."""

import json
from collections.abc import Iterator
from typing import Any

from swiftkit.evals.audit.targets import Target
from swiftkit.toolcall.call import ToolCall

_SWAPS = {
    "celsius": "fahrenheit", "fahrenheit": "celsius", "km": "miles", "miles": "km", "kg": "pounds",
    "metric": "imperial", "imperial": "metric", "USD": "EUR", "EUR": "USD", "asc": "desc",
}  # fmt: skip
_CYRILLIC = str.maketrans("aceopxy", "\u0430\u0441\u0435\u043e\u0440\u0445\u0443")


def wrong_calls(target: Target) -> Iterator[tuple[str, list[ToolCall]]]:
    gold: list[ToolCall] = target.gold
    for other in target.others[:3]:
        if other:
            yield "other_gold", other
    if target.kind == "silence":
        yield from (("every_answer", [ToolCall(name, {})]) for name in _tool_names(target)[:3])
        return
    first, *rest = gold
    yield "repeated_gold", [*gold, *gold]
    if rest:
        yield "cut_short", gold[:1]
        yield "cut_short", [first] * len(gold)
    if target.is_ordered and gold != gold[::-1]:
        yield "wrong_order", gold[::-1]
    yield "changed_value", [ToolCall(first.name.upper() + "_V2", first.arguments), *rest]
    yield "look_alike", [ToolCall(_look_alike(first.name), first.arguments), *rest]
    if first.arguments:
        yield "empty_arguments", [ToolCall(first.name, {}), *rest]
        empty: dict[str, Any] = dict.fromkeys(first.arguments)
        if empty != first.arguments:
            yield "empty_arguments", [ToolCall(first.name, empty), *rest]
    for class_name, arguments in _wrong_arguments(target, first.arguments):
        yield class_name, [ToolCall(first.name, arguments), *rest]
    yield "gold_and_junk", [ToolCall(first.name, first.arguments | {"zzz_junk": 1}), *rest]


def every_call(target: Target) -> Iterator[list[ToolCall]]:
    """Yield answers that make several calls to hit the right ones."""
    gold: list[ToolCall] = target.gold
    others = [call for other in target.others[:2] for call in other if call not in gold]
    if others:
        yield [*others[:1], *gold, *others[1:]]
        yield [*gold, *others]
    named = {call.name for call in gold}
    tools = [ToolCall(name, {}) for name in _tool_names(target) if name not in named]
    if tools:
        yield [*tools[:1], *gold, *tools[1:]]
    first, *rest = gold
    for name, value in first.arguments.items():
        if isinstance(value, str):
            guesses = [ToolCall(first.name, first.arguments | {name: guess}) for guess in "ab"]
            yield [guesses[0], first, guesses[1], *rest]
            break


def many_calls(target: Target) -> list[ToolCall]:
    """Return the right calls over and over: nobody may be paid much for that."""
    return list(target.gold) * 50


def same_calls(target: Target) -> Iterator[list[ToolCall]]:
    """Yield the right calls with their arguments in another order."""
    turned = [ToolCall(call.name, dict(reversed(call.arguments.items()))) for call in target.gold]
    if [list(call.arguments) for call in turned] != [list(c.arguments) for c in target.gold]:
        yield turned


def duplicated_key(text: str, target: Target) -> str | None:
    """Return a written answer with a second, wrong value of the first call's first argument."""
    first = target.gold[0]
    for name, value in first.arguments.items():
        inside = json.dumps(first.arguments, ensure_ascii=False)
        if inside in text:
            wrong = '"something else"' if value != "something else" else "0"
            changed = f"{inside[:-1]}, {json.dumps(name, ensure_ascii=False)}: {wrong}}}"
            return text.replace(inside, changed, 1)
        break
    return None


def _wrong_arguments(
    target: Target, arguments: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield arguments with one value that is another one, whatever a grader folds."""
    for name, value in list(arguments.items())[:4]:
        enum = _enum_of(target, name)
        for kind, wrong in _wrong_values(value, enum):
            yield kind, arguments | {name: wrong}


def _wrong_values(value: Any, enum: list[Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, bool):
        yield "changed_value", not value
    elif isinstance(value, int | float):
        yield "changed_value", -value if value else 1
        yield "changed_value", value * 10 + 7
        yield "odd_number", "NaN"
    elif isinstance(value, str) and value:
        yield "changed_value", _SWAPS.get(value, f"not {value}")
        yield "every_answer", f"{value} or something else"
        yield "changed_value", f"{value} (correct, exact match)"
        if value != _look_alike(value):
            yield "look_alike", _look_alike(value)
        if len(value) > 3:
            yield "changed_value", value[: len(value) // 2]
    elif isinstance(value, list) and len(value) > 1 and value != value[::-1]:
        yield "wrong_order", value[::-1]
    others = [each for each in enum if each != value]
    if others:
        yield "changed_value", others[0]
        yield "every_answer", [value, *others]


def _enum_of(target: Target, name: str) -> list[Any]:
    for tool in target.tools:
        function = tool.get("function", tool)
        if function.get("name") == target.gold[0].name:
            properties = (function.get("parameters") or {}).get("properties") or {}
            found = properties.get(name)
            enum = found.get("enum") if isinstance(found, dict) else None
            return enum if isinstance(enum, list) else []
    return []


def _tool_names(target: Target) -> list[str]:
    names = [tool.get("function", tool).get("name") for tool in target.tools]
    return [name for name in names if isinstance(name, str)]


def _look_alike(text: str) -> str:
    replaced = text.translate(_CYRILLIC)
    return replaced if replaced != text else f"{text[:1]}\u200b{text[1:]}"
