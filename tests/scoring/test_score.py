"""The scorer's rules, as they are written in scoring/score.py."""

import json
import time
from itertools import pairwise, permutations
from typing import Any

import msgspec
import pytest
from helpers.call_strategies import answers, any_calls, few_arguments, few_calls, gold_lists, read
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.records import Score
from swiftkit.scoring.expected_calls import ExpectedCall
from swiftkit.scoring.explain import score_with_reasons
from swiftkit.scoring.gold import PARTS, Gold, gold_from, gold_of
from swiftkit.scoring.options import WEIGHTS
from swiftkit.scoring.score import matched_pairs, score_calls, score_text
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import hermes

bounded = settings(max_examples=200, deadline=None)
JUNK = ToolCall("no such tool", {"p": 1})


def score(made: list[tuple[str, dict[str, Any]]], *expected: dict[str, Any]) -> Score:
    calls = [ToolCall(*call) for call in made]
    return score_with_reasons(calls, gold_from(json.dumps(expected), "test"))


@bounded
@given(gold_lists())
def test_gold_scores_one(gold: Gold) -> None:
    """Identity: the gold's own answer is exact, as calls and as text."""
    for found in (score_calls(answers(gold), gold), score_text(hermes.render(answers(gold)), gold)):
        assert (found.value, found.exact) == (1.0, True)
        assert set(found.parts.values()) == {1.0}
        assert found.counts["right"] == found.counts["total"] == max(1, len(gold.calls))


@bounded
@given(st.lists(few_calls | any_calls, max_size=5), gold_lists())
def test_score_is_between_0_and_1_and_made_of_its_parts(calls: list[ToolCall], gold: Gold) -> None:
    """In [0, 1]; 1 exactly if exact; the parts give the value; the reason can be written to a
    file."""
    found = score_with_reasons(calls, gold)
    graded = sum(weight * found.parts[part] for part, weight in WEIGHTS.items())
    assert 0.0 <= found.value <= 1.0
    assert (found.value == 1.0) == found.exact
    assert found.value == pytest.approx(
        graded * (found.parts["count"] if len(calls) > len(gold.calls) else 1)
    )
    assert set(found.parts) == set(PARTS)
    assert all(0.0 <= share <= 1.0 for share in found.parts.values())
    assert score_calls(calls, gold) == msgspec.structs.replace(
        found, reason=score_calls(calls, gold).reason
    )
    assert found.exact == (found.counts["right"] == found.counts["total"])
    assert found.reason.encode()


@bounded
@given(st.lists(few_calls, max_size=4), gold_lists(largest=4), st.data())
def test_order_is_of_no_account(calls: list[ToolCall], gold: Gold, data: st.DataObject) -> None:
    """The calls made may come in any order."""
    one, other = score_calls(calls, gold), score_calls(data.draw(st.permutations(calls)), gold)
    assert (one.value, one.exact, one.counts) == (other.value, other.exact, other.counts)


@bounded
@given(gold_lists(), few_calls | any_calls)
def test_gold_plus_any_call_is_lower(gold: Gold, extra: ToolCall) -> None:
    """Nothing can be gained by saying more than the right answer."""
    assert score_calls([*answers(gold), extra], gold).value < 1.0


@bounded
@given(st.lists(few_calls, max_size=4), gold_lists(1))
def test_a_junk_call_strictly_lowers(calls: list[ToolCall], gold: Gold) -> None:
    """Whatever was made before: a call that answers nothing costs, unless there is nothing left to
    lose."""
    before, after = score_calls(calls, gold).value, score_calls([*calls, JUNK], gold).value
    assert after < before or before == after == 0.0


@bounded
@given(gold_lists(1, 3), st.data())
def test_each_repair_raises(gold: Gold, data: st.DataObject) -> None:
    """With one call expected: wrong name < wrong values < one value right < all right."""
    wanted = gold.calls[0]
    alone = gold_of([ToolCall(wanted.name, dict(wanted.arguments))])
    names = data.draw(st.permutations(sorted(wanted.arguments)))
    values = [score_calls([ToolCall("no such tool", dict(wanted.arguments))], alone).value]
    made: dict[str, Any] = dict.fromkeys(names, "wrong")
    values.append(score_calls([ToolCall(wanted.name, made)], alone).value)
    for name in names:
        made = made | {name: wanted.arguments[name]}
        values.append(score_calls([ToolCall(wanted.name, made)], alone).value)
    assert all(low < high for low, high in pairwise(values))


@settings(max_examples=100, deadline=None)
@given(gold_lists(1, 1), few_arguments, st.data())
def test_a_repair_never_lowers(gold: Gold, made: dict[str, Any], data: st.DataObject) -> None:
    """From any arguments, each step towards the gold is worth at least as much as the one before: a
    wrong value mended, a missing parameter added, an unexpected one or a wrong optional one taken
    out. Mending a wrong value pays."""
    wanted, matcher = gold.calls[0], gold.matchers[0]
    values = [score_calls([ToolCall(wanted.name, made)], gold).value]
    for name in data.draw(st.permutations(sorted(made.keys() | matcher.required))):
        if name in made and name in matcher.keys and matcher.accepts(name, made[name]):
            continue
        taken_out = name not in matcher.keys or (
            name not in matcher.required and data.draw(st.booleans())
        )
        if taken_out:
            made = {other: value for other, value in made.items() if other != name}
        else:
            made = made | {name: wanted.arguments[name]}
        values.append(score_calls([ToolCall(wanted.name, made)], gold).value)
        assert values[-1] > values[-2] or (taken_out and values[-1] == values[-2])
    assert values[-1] == 1.0


@settings(max_examples=100, deadline=None)
@given(st.lists(few_calls, min_size=1, max_size=4), gold_lists(1, 3), few_calls)
def test_an_extra_call_lowers_unless_it_mends(
    calls: list[ToolCall], gold: Gold, extra: ToolCall
) -> None:
    """One more call than enough is worth less, or else it is a better answer than one that was
    made."""
    before, after = score_calls(calls, gold), score_calls([*calls, extra], gold)
    if len(calls) >= len(gold.calls) and after.value >= before.value > 0:
        assert matched_pairs([*calls, extra], gold) != matched_pairs(calls, gold)
        assert any(pair.made == len(calls) for pair in matched_pairs([*calls, extra], gold))


def test_a_wrong_guess_is_worth_more_than_two_guesses() -> None:
    """Hedging does not pay, whichever of the guesses is right; nor for the name, on average."""
    gold = {"name": "f", "arguments": {"a": 1}}
    right, wrong = score([("f", {"a": 1})], gold).value, score([("f", {"a": 2})], gold).value
    both, names = (
        score([("f", {"a": 1}), ("f", {"a": 2})], gold).value,
        score([("f", {"a": 1}), ("g", {})], gold).value,
    )
    assert both < wrong < right
    assert names < right / 2


def test_a_thousand_calls_of_one_name_take_no_time() -> None:
    """Hostile output is bounded, for a gold of one call and for one of many."""
    start = time.process_time()
    many = [("f", {"a": number, "b": [number]}) for number in range(1000)]
    assert score(many, {"name": "f", "arguments": {"a": 1}}).value == 0.0
    assert score(many[:100], {"name": "f", "arguments": {"a": 1}}).value > 0.0
    assert (
        score(
            many[:400], *({"name": "f", "arguments": {"a": number}} for number in range(300))
        ).value
        > 0.0
    )
    assert time.process_time() - start < 10


@bounded
@given(st.lists(few_calls, min_size=1, max_size=5), gold_lists(1))
def test_the_matching_is_optimal(calls: list[ToolCall], gold: Gold) -> None:
    """No assignment within the names has a greater total than the one that was found."""
    calls = [ToolCall("f", call.arguments) for call in calls]
    alike = [ExpectedCall("f", call.arguments, call.accepted, call.optional) for call in gold.calls]
    gold = read(alike)

    def weight(call: ToolCall, wanted: ExpectedCall) -> float:
        pair = matched_pairs([call], read([wanted]))[0]
        return WEIGHTS["parameter_names"] * pair.names + WEIGHTS["parameter_values"] * pair.values

    weights = {
        (i, j): weight(call, wanted)
        for i, call in enumerate(calls)
        for j, wanted in enumerate(alike)
    }
    made, expected = range(len(calls)), range(len(gold.calls))
    choices = (
        [list(zip(made, choice, strict=True)) for choice in permutations(expected, len(made))]
        if len(made) <= len(expected)
        else [
            list(zip(choice, expected, strict=True)) for choice in permutations(made, len(expected))
        ]
    )
    best = max(sum(weights[pair] for pair in choice) for choice in choices)
    assert sum(
        weights[pair.made, pair.expected] for pair in matched_pairs(calls, gold)
    ) == pytest.approx(best, abs=1e-7)


@bounded
@given(st.text(st.characters()), gold_lists(largest=2))
def test_any_text_has_a_score(text: str, gold: Gold) -> None:
    """Model output never raises."""
    assert 0.0 <= score_text(text, gold).value <= 1.0
    assert score_text(f"<tool_call>{text}", gold).value == 0.0


def test_hostile_values_never_raise() -> None:
    """Too deep to compare, too long to print, not a number: wrong, and a reason all the same."""
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    for value in (
        deep,
        ([1],),
        {1},
        10**5000,
        float("nan"),
        float("inf"),
        "\ud800" * 10,
        "x" * 10**6,
    ):
        found = score([("f", {"a": value})], {"name": "f", "arguments": {"a": 1}})
        assert (found.value, found.exact) == (0.5, False)
        assert found.reason.encode()


def test_score_where_no_tool_is_wanted() -> None:
    """Abstaining scores 1, calling 0; the counts say so."""
    assert score([]) == Score(
        1.0, True, "no call was wanted, none was made", score([]).parts, {"right": 1, "total": 1}
    )
    called = score([("f", {}), ("g", {})])
    assert (called.value, called.counts) == (0.0, {"right": 0, "total": 2})
    assert "no call was wanted" in called.reason


def test_silence_and_malformed_output_score_nothing() -> None:
    """Both score 0, with a call wanted and without."""
    expected = {"name": "f", "arguments": {"a": 1}}
    assert score([], expected).value == 0.0
    assert score([], expected).counts == {"right": 0, "total": 1}
    assert score_text("<tool_call>", gold_from("[]", "test")).value == 0.0
    malformed = score_calls([], gold_from(json.dumps([expected]), "test"), "unclosed")
    assert malformed.value == 0.0
    assert "unclosed" in malformed.reason


@pytest.mark.parametrize(
    ("made", "exact"),
    [
        ({"city": "Beijing", "n": 1}, True),
        ({"city": "  BEIJING ", "n": 1.0}, True),
        ({"city": "北京", "n": 1, "unit": "celsius"}, True),
        ({"city": "Beijing.", "n": 1}, False),
        ({"city": "Beijing", "n": True}, False),
        ({"city": "Beijing", "n": "1"}, False),
        ({"city": "Beijing", "n": 1, "unit": "kelvin"}, False),
        ({"city": "Beijing", "n": 1, "more": 1}, False),
        ({"n": 1, "unit": "celsius"}, False),
    ],
)
def test_answer_sets_and_optional_parameters(made: dict[str, Any], exact: bool) -> None:
    """Sets fold strings; without a set there is JSON equality; optional may be absent but not
    wrong."""
    gold = {
        "name": "weather",
        "arguments": {"city": "Beijing", "n": 1, "unit": "celsius"},
        "accepted": {"city": ["Beijing", "北京"]},
        "optional": ["unit"],
    }
    assert score([("weather", made)], gold).exact is exact


def test_parts_and_reason() -> None:
    """The parts are shares, the reason names each fault and what it cost."""
    found = score(
        [("f", {"a": 2, "c": 3}), ("h", {})],
        {"name": "f", "arguments": {"a": 1, "b": 2}},
        {"name": "g", "arguments": {}},
    )
    shares = {"name": 1 / 3, "parameter_names": 1 / 9, "parameter_values": 0}
    assert found.parts == pytest.approx(shares | {"format": 1, "schema": 1, "count": 1})
    assert found.counts == {"right": 0, "total": 2}
    for said in (
        "a is 2, expected 1",
        "unexpected parameter c",
        "b is missing",
        "missing g()",
        "unexpected h()",
    ):
        assert said in found.reason


def test_the_matching_is_not_greedy() -> None:
    """The first call fits both expected ones, the second only one of them: both are right."""
    either = {"name": "f", "arguments": {"a": 1}, "accepted": {"a": [1, 2]}}
    narrow = {"name": "f", "arguments": {"a": 1}}
    assert score([("f", {"a": 1}), ("f", {"a": 2})], either, narrow).exact
    assert score([("f", {"a": 2}), ("f", {"a": 1})], narrow, either).exact


@bounded
@given(st.lists(few_calls, max_size=4), gold_lists(largest=4), st.data())
def test_no_part_depends_on_the_order(
    calls: list[ToolCall], gold: Gold, data: st.DataObject
) -> None:
    """Nor on which of equally good matchings is found."""
    one, other = score_calls(calls, gold), score_calls(data.draw(st.permutations(calls)), gold)
    assert one == other


def test_the_schema_part_is_the_same_for_each_order_of_equal_calls() -> None:
    """A call that the gold accepts needs no schema, whether or not another is matched with it."""
    tools = json.dumps([{"name": "f", "parameters": {"properties": {"a": {"maxLength": 2}}}}])
    expected = [{"name": "f", "arguments": {"a": "Oslo"}, "accepted": {"a": ["Oslo", "Ob"]}}]
    gold = gold_from(json.dumps(expected), "test", "", tools)
    texts = ["Oslo", "OSLO", "Ob", "Rome"]
    found = {
        score_calls([ToolCall("f", {"a": text}) for text in order], gold).parts["schema"]
        for order in permutations(texts)
    }
    assert found == {3 / 4}
