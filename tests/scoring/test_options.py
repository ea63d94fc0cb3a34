"""The options of a row's scoring: read early, unknown ones refused."""

import json
from typing import Any

import pytest

from swiftkit.errors import DataError
from swiftkit.scoring.explain import score_with_reasons
from swiftkit.scoring.gold import gold_from
from swiftkit.scoring.score import score_text
from swiftkit.toolcall.call import ToolCall

GOLD = json.dumps([{"name": "f", "arguments": {"a": 1}}, {"name": "f", "arguments": {"a": 2}}])


def score(calls: list[tuple[str, dict[str, Any]]], **options: Any) -> Any:
    gold = gold_from(GOLD, "test", json.dumps(options))
    return score_with_reasons([ToolCall(*call) for call in calls], gold)


@pytest.mark.parametrize(
    "scoring",
    [
        "x", "[]", '{"mood": "exact"}', '{"mode": "other"}', '{"ordered": 1}', '{"wire_format": "none"}',
        '{"wire_format": "score"}', '{"weights": {}}', '{"weights": {"name": 1}}', '{"weights": {"schema": 1}}',
        '{"weights": {"parameter_values": -1}}', '{"weights": {"parameter_values": 1, "name": -0.5}}',
        '{"weights": {"parameter_values": 1e999}}', '{"weights": {"parameter_values": 1e-9, "name": 1}}',
        '{"weights": {"parameter_values": 1e308, "name": 1e308}}', '{"bfcl": {}}', '{"mode": null}',
        '{"mode": "bfcl"}', '{"mode": "bfcl", "bfcl": null}',
    ],
)  # fmt: skip
def test_unknown_options_raise_bad_gold(scoring: str) -> None:
    """With the place, the code and what is wrong."""
    with pytest.raises(DataError, match=r"^row 7: bad gold: scoring: ") as caught:
        gold_from(GOLD, "row 7", scoring)
    assert caught.value.code == "bad_gold"


def test_unreadable_tools_raise_bad_gold() -> None:
    """Tools that cannot be read stop the row too."""
    with pytest.raises(DataError, match=r"^row 7: bad gold: tools") as caught:
        gold_from(GOLD, "row 7", "", "[{}]")
    assert caught.value.code == "bad_gold"


@pytest.mark.parametrize("scoring", ["", None, "{}", '{"mode": "exact", "ordered": false}'])
def test_absent_options_are_the_defaults(scoring: str | None) -> None:
    """An absent column, one that Arrow padded with null, and the defaults are the same."""
    assert gold_from(GOLD, "test", scoring).options == gold_from(GOLD, "test").options


def test_ordered_counts_calls_in_the_golds_order() -> None:
    """A chain's calls count in the order of the gold; a set's in any order."""
    chain, reversed_chain = [("f", {"a": 1}), ("f", {"a": 2})], [("f", {"a": 2}), ("f", {"a": 1})]
    assert score(reversed_chain).exact
    assert score(chain, ordered=True).exact
    found = score(reversed_chain, ordered=True)
    assert not found.exact
    assert 0 < found.value < 1
    assert score([("f", {"a": 1}), ("g", {}), ("f", {"a": 2})], ordered=True).counts == {
        "right": 2,
        "total": 3,
    }


def test_weights_are_scaled_to_1() -> None:
    """Only their ratio counts, and what is not named weighs nothing."""
    half = [("f", {"a": 1}), ("f", {"a": 3})]
    assert score(half, weights={"parameter_values": 7}).value == 0.5
    assert score(half, weights={"parameter_values": 3, "name": 1}).value == 0.625


def test_wire_format_names_the_only_format_that_is_read() -> None:
    """The named format reads the completion; without one it is found."""
    text = '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'
    gold = '[{"name": "f", "arguments": {}}]'
    assert score_text(text, gold_from(gold, "test")).exact
    assert score_text(text, gold_from(gold, "test", '{"wire_format": "hermes"}')).exact
    assert not score_text(text, gold_from(gold, "test", '{"wire_format": "harmony"}')).exact


CODER = "<tool_call>\n<function=f>\n<parameter=a>\n{}\n</parameter>\n</function>\n</tool_call>"


@pytest.mark.parametrize(
    ("typed", "wanted", "written"),
    [
        ("string", "5", "5"), ("string", "[1]", "[1]"), ("integer", 5, "5"), ("array", [1], "[1]"), ("", "5", "5"),
        ("", 5, "5"), ("", [1], "[1]"), ("", "[1]", "[1]"), ("", None, "null"),
    ],
)  # fmt: skip
def test_values_without_types_are_read_by_schema_or_gold(
    typed: str, wanted: Any, written: str
) -> None:
    """Qwen3-Coder writes "5" and 5 alike: the tool's schema decides, and without tools the gold."""
    gold = json.dumps([{"name": "f", "arguments": {"a": wanted}}])
    tool = {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": typed}}}}
    prepared = gold_from(gold, "test", "", json.dumps([tool]) if typed else "")
    assert score_text(CODER.format(written), prepared).exact
    assert not score_text(CODER.format("6"), prepared).exact
