"""Chains of calls over several answers: one score for all of them, in the order of the steps."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.errors import DataError
from swiftkit.scoring.chain import chain_from, question_of, score_chain, steps_of, steps_right
from swiftkit.scoring.gold import gold_from
from swiftkit.scoring.score import score_text
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.formats import hermes

Call = tuple[str, int]
CALLS = st.tuples(st.sampled_from("fgh"), st.integers(0, 2))
STEPS = st.lists(st.lists(CALLS, min_size=1, max_size=3), max_size=3)


def gold(steps: list[list[Call]]) -> str:
    return json.dumps(
        [[{"name": name, "arguments": {"a": value}} for name, value in step] for step in steps]
    )


def answer(*calls: Call) -> str:
    return hermes.render([ToolCall(name, {"a": value}) for name, value in calls])


F, G, H = ("f", 1), ("g", 2), ("h", 3)
CHAIN = gold([[F, G], [H]])


@pytest.mark.parametrize(
    "answers",
    [
        [answer(F, G), answer(H)],
        [answer(G, F), answer(H), "Done."],
        [answer(F), answer(G), answer(H)],
        [answer(F, G, H)],
    ],
)
def test_steps_are_ordered_and_their_calls_are_not(answers: list[str]) -> None:
    """However many turns the model takes: it is right if no step comes after a later one."""
    assert score_chain(answers, CHAIN).exact


@pytest.mark.parametrize(
    "answers",
    [
        [answer(H), answer(F, G)],  # the second step first
        [answer(F), answer(H), answer(G)],
        [answer(F, G)],  # cut short
        [answer(F, G), answer(H), answer(H)],  # once more
        [answer(F, G), answer(("h", 4))],
    ],
)
def test_a_chain_that_is_not_right_scores_between(answers: list[str]) -> None:
    """Too late, missing, spurious and wrong calls cost, and what is right keeps its share."""
    score = score_chain(answers, CHAIN)
    assert not score.exact
    assert 0 < score.value < score_chain([answer(F, G), answer(H)], CHAIN).value == 1


def test_one_malformed_answer_spoils_the_chain() -> None:
    """Also where all calls before it were right."""
    score = score_chain([answer(F, G), answer(H), '<tool_call>{"name": '], CHAIN)
    assert (score.value, score.parts["format"]) == (0, 0)


def test_score_chain_where_no_call_is_wanted() -> None:
    """A chain without calls is right for a rollout without calls."""
    assert score_chain(["Hello."], "[]").exact
    assert score_chain([answer(F), "Hello."], "[]").value == 0


def test_score_chain_in_order_of_answers_without_calls() -> None:
    """An answer without calls is worth nothing, whatever the options are."""
    assert score_chain(["Done."], CHAIN, '{"ordered": true}').value == 0
    chain = chain_from(CHAIN, '{"ordered": true}')
    assert steps_right([Parsed()], chain) == 0
    assert score_chain([answer(F, G), answer(H)], CHAIN, '{"ordered": true}').exact


@settings(max_examples=100, deadline=None)
@given(STEPS, st.randoms(use_true_random=False))
def test_the_gold_itself_scores_one(steps: list[list[Call]], random: Any) -> None:
    """Whatever its steps are, also with equal calls in several of them, in any order within a
    step."""
    shuffled = [random.sample(step, len(step)) for step in steps]
    assert score_chain([answer(*step) for step in shuffled] + ["Done."], gold(steps)).exact


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(CALLS, max_size=3), min_size=1, max_size=4), STEPS)
def test_a_chain_is_never_worth_more_than_its_calls(
    turns: list[list[Call]], steps: list[list[Call]]
) -> None:
    """The order can only cost: at most the score of all calls at once, the same for a single
    step."""
    flat = json.dumps([call for step in json.loads(gold(steps)) for call in step])
    together = score_text(
        answer(*(call for turn in turns for call in turn)), gold_from(flat, "gold")
    )
    chain = score_chain([answer(*turn) for turn in turns], gold(steps))
    assert 0 <= chain.value <= together.value
    if len(steps) < 2:
        assert chain.value == together.value


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(), max_size=3))
def test_score_chain_of_any_answers_never_raises(answers: list[str]) -> None:
    """Whatever a model writes."""
    assert 0 <= score_chain(answers, CHAIN).value <= 1


def row(*roles: tuple[str, Any]) -> list[dict[str, str]]:
    texts = [
        (role, content if isinstance(content, str) else json.dumps(content))
        for role, content in roles
    ]
    return [{"role": role, "content": content} for role, content in texts]


def test_the_recorded_calls_are_gold_too() -> None:
    """A row of convert --to grpo: what was called since the last question, and what is to be called
    next."""
    f, g, h = ({"name": name, "arguments": {}} for name in "fgh")
    before = row(
        ("system", "s"),
        ("user", "early"),
        ("tool_call", h),
        ("tool_response", "1"),
        ("assistant", "a"),
    )
    asked = [*before, *row(("user", "late"))]
    messages = asked + row(
        ("tool_call", f), ("tool_call", g), ("tool_response", "1"), ("tool_response", "2")
    )
    assert question_of(messages) == asked
    assert json.loads(steps_of(messages, json.dumps([h]), "row")) == [[f, g], [h]]
    assert json.loads(steps_of(messages, "[]", "row")) == [[f, g]]
    assert json.loads(steps_of(asked, "[]", "row")) == []


@pytest.mark.parametrize("content", ["not JSON", "[1]", '{"name": 1}'])
def test_recorded_calls_that_cannot_be_read_are_named(content: str) -> None:
    """A user's mistake: the message says where."""
    with pytest.raises(DataError, match="row 7"):
        steps_of(row(("user", "q"), ("tool_call", content)), "[]", "row 7")
