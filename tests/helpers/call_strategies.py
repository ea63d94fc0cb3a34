"""Hypothesis strategies: calls of every kind, and golds with the calls that answer them."""

from typing import Any

from hypothesis import strategies as st

from swiftkit.scoring.expected_calls import ExpectedCall, to_json
from swiftkit.scoring.gold import Gold, gold_from
from swiftkit.toolcall.call import ToolCall

MARKUP = [
    "<tool_call>",
    "</tool_call>",
    "<think>",
    "</think>",
    '"',
    "\\",
    "\n",
    "{",
    "北京",
    "\ud800",
    "\x00",
    "é",
]
texts = st.one_of(st.text(max_size=8), st.lists(st.sampled_from(MARKUP), max_size=4).map("".join))
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts
)
json_values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
any_calls = st.builds(
    ToolCall, st.text(min_size=1, max_size=5), st.dictionaries(texts, json_values, max_size=3)
)

# Few names and values, so that calls resemble each other and the assignment has something to
# choose.
few_values = st.sampled_from([0, 1, 1.0, True, "a", "A ", None, [1], {"x": 1}])
few_arguments = st.dictionaries(st.sampled_from("pqr"), few_values, max_size=3)
few_calls = st.builds(ToolCall, st.sampled_from(["f", "g"]), few_arguments)


@st.composite
def gold_calls(draw: st.DrawFn) -> ExpectedCall:
    """An expected call with answer sets for some parameters, some of them optional."""
    arguments = draw(few_arguments)
    accepted = {}
    for name, value in arguments.items():
        if draw(st.booleans()):
            accepted[name] = [value, *draw(st.lists(few_values, max_size=2))]
    optional = draw(st.sets(st.sampled_from(sorted(arguments)))) if arguments else set()
    return ExpectedCall(draw(st.sampled_from(["f", "g"])), arguments, accepted, sorted(optional))


def gold_lists(smallest: int = 0, largest: int = 5) -> st.SearchStrategy[Gold]:
    return st.lists(gold_calls(), min_size=smallest, max_size=largest).map(read)


def read(calls: list[ExpectedCall]) -> Gold:
    return gold_from(to_json(calls), "test")


def answers(gold: Gold) -> list[ToolCall]:
    """Return the calls that the gold itself names."""
    return [ToolCall(call.name, call.arguments) for call in gold.calls]
