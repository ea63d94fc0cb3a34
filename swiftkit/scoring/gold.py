"""A gold, prepared for scoring many completions: expected calls, options and tools of a row.

The columns are `expected_calls` (expected_calls.py), `scoring` (options.py) and `tools`, which tell
what calls their schemas allow.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.json_text import written
from swiftkit.records import Score
from swiftkit.scoring.bfcl.item import BfclItem
from swiftkit.scoring.bfcl.verdict import verdict
from swiftkit.scoring.equality import strict_key
from swiftkit.scoring.expected_calls import (
    CallMatcher,
    ExpectedCall,
    bad_gold,
    decode_expected_calls,
    expect_exactly,
)
from swiftkit.scoring.options import ScoringOptions, options_from
from swiftkit.scoring.schema_rules import NO_RULES, rules_of
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.text_arguments import parameters_of, read
from swiftkit.toolcall.tools import tools_from
from swiftkit.toolcall.validate_call import CallValidator, validators_of

PARTS = ("format", "name", "parameter_names", "parameter_values", "schema", "count")


# of name, parameter_names and parameter_values; their sum is 1
Weights = tuple[float, float, float]


class Gold(msgspec.Struct, frozen=True):
    """Expected calls, and all that can be prepared for scoring them."""

    calls: tuple[ExpectedCall, ...]
    matchers: tuple[CallMatcher, ...]  # of the calls, one each
    positions: dict[str, list[int]]  # of the calls, by name
    options: ScoringOptions
    weights: Weights
    validators: Mapping[str, CallValidator]
    tools: Sequence[Mapping[str, Any]]  # definitions by which values without types are read
    item: BfclItem | None  # of the mode bfcl
    perfect: Score  # of each exact answer
    valid: Score | None  # in the mode bfcl, of the gold's own answer, if BFCL calls it valid


def gold_from(text: str, where: str, scoring: str | None = "", tools: str | None = "") -> Gold:
    """Read and check a gold, from the columns expected_calls, scoring and tools.

    The same columns are prepared once. Raises DataError (bad_gold), naming `where`.
    """
    try:
        return _prepared(text, scoring or "", tools or "")
    except (DataError, ValueError, TypeError, RecursionError) as error:
        for name, column in (("expected_calls", text), ("scoring", scoring), ("tools", tools)):
            if column is not None and not isinstance(column, str):
                reason = f"{name} is {type(column).__name__}, not JSON text"
                raise bad_gold(TypeError(reason), where) from error
        raise bad_gold(error, where) from error


def gold_of(calls: list[ToolCall], scoring: str | None = "", tools: str | None = "") -> Gold:
    """Return the gold for which exactly these calls are right. Raises DataError (bad_gold)."""
    return _prepare(expect_exactly(calls), scoring or "", tools or "")


@lru_cache(maxsize=16384)  # GRPO scores many completions against one gold
def _prepared(text: str, scoring: str, tools: str) -> Gold:
    return _prepare(decode_expected_calls(text), scoring, tools)


def _prepare(calls: list[ExpectedCall], scoring: str, tools: str) -> Gold:
    options = options_from(scoring)
    positions: dict[str, list[int]] = {}
    for index, call in enumerate(calls):
        positions.setdefault(call.name, []).append(index)
    count = max(1, len(calls))
    reason = f"exact: {count} of {count} calls right"
    if not calls:
        reason = "no call was wanted, none was made"
    weights = options.weights
    definitions = tools_from(tools)
    rules = {}
    for tool in definitions:
        if tool["function"]["name"] in positions:
            rules[tool["function"]["name"]] = rules_of(tool["function"]["parameters"])
    perfect = Score(1.0, True, reason, dict.fromkeys(PARTS, 1.0), {"right": count, "total": count})
    item = options.bfcl if options.mode == "bfcl" else None
    valid = None
    own_calls = [ToolCall(call.name, call.arguments) for call in calls]
    if item is not None and not verdict(own_calls, item):
        valid = Score(1.0, True, "BFCL: valid", perfect.parts, {"right": 1, "total": 1})
    return Gold(
        calls=tuple(calls),
        matchers=tuple([CallMatcher.of(call, rules.get(call.name, NO_RULES)) for call in calls]),
        positions=positions,
        options=options,
        weights=(weights["name"], weights["parameter_names"], weights["parameter_values"]),
        validators=validators_of(tools),
        tools=_tools_for(calls, definitions),
        item=item,
        perfect=perfect,
        valid=valid,
    )


def _tools_for(
    calls: list[ExpectedCall], definitions: Sequence[Mapping[str, Any]]
) -> Sequence[Mapping[str, Any]]:
    """Return the definitions by which values without types are read.

    A text may stand for several values, such as "1" and 1 where the schema allows both. Where it
    would be read as another value than the gold has, the gold's own values say what it is: else no
    answer could be right.
    """
    of_gold = _tools_of(calls)
    if not definitions:
        return of_gold
    mended: dict[str, Mapping[str, Any]] = {}
    for tool in of_gold:
        schemas = parameters_of(definitions, tool["name"])
        changed = {}
        for name, own in tool["parameters"]["properties"].items():
            schema = schemas.get(name, {})
            if not all(_reads_back(value, schema) for value in own["enum"]):
                changed[name] = {"anyOf": [own, schema]}
        # without references: they would be followed for each answer
        mended[tool["name"]] = tool | {"parameters": {"properties": {**schemas, **changed}}}
    tools = [mended.pop(tool["function"]["name"], tool) for tool in definitions]
    return [*tools, *mended.values()]


def _reads_back(value: Any, schema: Any) -> bool:
    back = read(value if isinstance(value, str) else written(value), schema)
    return strict_key(back) == strict_key(value)


def _tools_of(calls: list[ExpectedCall]) -> list[dict[str, Any]]:
    """Return definitions that say of the parameters' types what the gold's own values say."""
    tools: dict[str, dict[str, Any]] = {}
    for call in calls:
        values = {name: [value] for name, value in call.arguments.items()} | call.accepted
        tool = tools.setdefault(call.name, {"name": call.name, "parameters": {"properties": {}}})
        for name, accepted in values.items():
            schema = tool["parameters"]["properties"].setdefault(name, {"enum": []})
            schema["enum"] += accepted
    return list(tools.values())
