"""Golds whose values a model writes without their types: each can be reached, and no other is."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.json_text import written
from swiftkit.scoring.gold import gold_from
from swiftkit.scoring.score import score_text
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.wire_format import load_all

FORMATS = load_all()
UNTYPED = ["qwen3_coder", "glm4_5", "minimax_m2", "claude_xml"]
MEMBERS = {"type": "string", "enum": ["1", "2"]}
SCHEMAS: dict[str, Any] = {
    "reference": {"$ref": "#/$defs/E"},
    "described": {"allOf": [{"$ref": "#/$defs/E"}], "default": "2"},
    "optional": {"anyOf": [{"$ref": "#/$defs/E"}, {"type": "null"}]},
    "const": {"const": "1"},
    "listed": {"anyOf": [{"enum": ["1", "2"]}, {"type": "integer"}]},
    "types": {"type": ["string", "integer"]},
    "union": {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]},
    "anything": {},
    "circle": {"$ref": "#/$defs/C"},
    "nowhere": {"$ref": "#/$defs/X"},
    "integer": {"type": "integer"},
    "string": {"type": "string"},
}


def tools_of(schema: Any) -> str:
    circle = {"anyOf": [{"$ref": "#/$defs/C"}, {"$ref": "#/$defs/C"}]}
    parameters = {"properties": {"a": schema}, "$defs": {"E": MEMBERS, "C": circle}}
    return json.dumps([{"name": "f", "parameters": parameters}])


def answer(name: str, value: Any) -> str:
    """Return a call as the format writes it: the value as its text."""
    text = value if isinstance(value, str) else written(value)
    string = [{"name": "f", "parameters": {"properties": {"a": {"type": "string"}}}}]
    return FORMATS[name].render([ToolCall("f", {"a": text})], string)


@pytest.mark.parametrize("name", UNTYPED)
@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=list(SCHEMAS))
def test_a_text_that_looks_like_a_number_can_be_right(name: str, schema: Any) -> None:
    """Whatever the schema leaves open; quotation marks of its own are part of a text."""
    gold = gold_from('[{"name": "f", "arguments": {"a": "1"}}]', "row", "", tools_of(schema))
    assert score_text(answer(name, "1"), gold).exact
    for wrong in ("2", '"1"', "null", "1.5"):
        assert not score_text(answer(name, wrong), gold).exact


looks = st.sampled_from(["1", 1, 1.5, "1.5", True, "true", None, "null", "x", [1], "[1]", {"b": 1}])


@pytest.mark.parametrize("name", UNTYPED)
@settings(max_examples=150, deadline=None)
@given(looks, looks, st.sampled_from(sorted(SCHEMAS)))
def test_the_text_of_the_gold_is_right_and_no_other(
    name: str, value: Any, other: Any, schema: str
) -> None:
    """For each value and each schema, also one that the gold does not fit."""
    wanted = json.dumps([{"name": "f", "arguments": {"a": value}}])
    gold = gold_from(wanted, "row", "", tools_of(SCHEMAS[schema]))
    assert score_text(answer(name, value), gold).exact
    texts = [made if isinstance(made, str) else written(made) for made in (value, other)]
    if texts[0] != texts[1]:
        assert not score_text(answer(name, other), gold).exact


def test_other_calls_of_the_tool_are_read_by_its_schema() -> None:
    """Beside a text that looks like a number: a number, and what counts as left out."""
    wanted = [{"a": "1"}, {"a": 5}, {}]
    calls = [{"name": "f", "arguments": arguments} for arguments in wanted]
    gold = gold_from(json.dumps(calls), "row", "", tools_of(SCHEMAS["union"]))
    text = "".join([answer("qwen3_coder", value) for value in ("1", 5, None)])
    assert score_text(text, gold).exact
