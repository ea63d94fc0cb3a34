"""Calls against their tools' JSON Schema: each fault has its code."""

from typing import Any

import pytest
from helpers.call_strategies import any_calls
from hypothesis import given, settings

from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.validate_call import is_valid, validators_of, violations

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 2},
        "days": {"type": "integer"},
        "unit": {"type": "string", "enum": ["c", "f"]},
        "more": {
            "type": "object",
            "properties": {"n": {"type": "number"}},
            "additionalProperties": False,
        },
    },
    "required": ["city"],
}


def tools(schema: dict[str, Any]) -> Any:
    return validators_of(
        [{"type": "function", "function": {"name": "weather", "parameters": schema}}]
    )


@pytest.mark.parametrize(
    ("name", "arguments", "codes"),
    [
        ("weather", {"city": "Oslo", "days": 3, "unit": "c", "more": {"n": 1}}, []),
        ("weather", {"city": "Oslo", "days": 3.0}, []),
        ("wether", {"city": "Oslo"}, ["unknown_tool"]),
        ("weather", {}, ["missing_required"]),
        ("weather", {"city": "Oslo", "days": "3"}, ["wrong_type"]),
        ("weather", {"city": "Oslo", "days": True}, ["wrong_type"]),
        ("weather", {"city": "Oslo", "unit": "k"}, ["not_in_enum"]),
        ("weather", {"city": "Oslo", "lang": "en"}, ["extra_parameter"]),
        ("weather", {"city": "Oslo", "more": {"x": 1}}, ["extra_parameter"]),
        ("weather", {"city": "O"}, ["invalid_value"]),
        (
            "weather",
            {"city": 1, "unit": "k", "x": 1},
            ["wrong_type", "not_in_enum", "extra_parameter"],
        ),
    ],
)
def test_violations_have_their_codes(
    name: str, arguments: dict[str, Any], codes: list[str]
) -> None:
    """Each misfit is named by its code, and `is_valid` agrees."""
    call = ToolCall(name, arguments)
    assert [violation.code for violation in violations(call, tools(SCHEMA))] == codes
    assert is_valid(call, tools(SCHEMA)) is not bool(codes)


def test_an_unusable_schema_forbids_nothing() -> None:
    """A row without tools, a schema that is none, a tool that takes anything."""
    call = ToolCall("weather", {"x": 1})
    for checked in (
        {},
        tools({"minProperties": "x"}),
        tools({"type": "object", "additionalProperties": True}),
    ):
        assert is_valid(call, checked)
        assert not list(violations(call, checked))


@settings(max_examples=100, deadline=None)
@given(any_calls)
def test_is_valid_and_violations_agree_on_any_call(call: ToolCall) -> None:
    """Whatever a model wrote has a verdict, and both functions agree on it."""
    named = ToolCall("weather", call.arguments)
    assert is_valid(named, tools(SCHEMA)) is not any(violations(named, tools(SCHEMA)))


def test_hostile_values_are_invalid_and_never_raise() -> None:
    """Too deep, not a number, a lone surrogate: they do not fit, and nothing raises; a huge integer
    is one."""
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    assert is_valid(ToolCall("weather", {"city": "Oslo", "days": 10**400}), tools(SCHEMA))
    for value in (deep, float("nan"), "\ud800" * 2):
        assert not is_valid(ToolCall("weather", {"city": "Oslo", "days": value}), tools(SCHEMA))
        assert list(violations(ToolCall("weather", {"city": "Oslo", "days": value}), tools(SCHEMA)))
