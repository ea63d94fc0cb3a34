"""Say in a sentence why a score is what it is: what was expected, what came, which part cost what.

Whatever a model wrote can be shown: too long is cut, and lone surrogates, which no file can hold,
are replaced.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from swiftkit.records import Score
from swiftkit.scoring.expected_calls import ExpectedCall
from swiftkit.scoring.gold import Gold
from swiftkit.scoring.score import pairs_of, score_calls
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.validate_call import violations

_LONGEST_VALUE, _LONGEST_REASON, _MOST_CALLS = 120, 1000, 20
AnyCall = ToolCall | ExpectedCall


def score_with_reasons(calls: Sequence[ToolCall], gold: Gold, malformed: str = "") -> Score:
    """Score calls as score.score_calls does; the score's reason says in full what is wrong."""
    score = score_calls(calls, gold, malformed)
    if score.exact or all(share == 1.0 for share in score.parts.values()):
        return score
    pairs = pairs_of(calls, gold) if score.parts["format"] else {}
    if pairs or (calls and gold.calls):
        shares = ", ".join(f"{name} {share:.2f}" for name, share in score.parts.items())
        reason = f"{score.reason}: {'; '.join(faults(calls, gold, pairs))} ({shares})"
    elif calls:
        reason = f"{score.reason}, but came {listed(calls)}"
    else:
        reason = f"{score.reason}, expected {listed(gold.calls)}"
    return msgspec.structs.replace(score, reason=clean(reason))


def faults(calls: Sequence[ToolCall], gold: Gold, pairs: Mapping[int, int]) -> Iterator[str]:
    """Yield what is wrong in each pair, what stands alone, and what the tools' schemas forbid.

    pairs: position made: position expected.
    """
    for made, expected in islice(sorted(pairs.items()), _MOST_CALLS):
        yield from _differences(calls[made], gold, expected)
    differ = (any(_differences(calls[made], gold, expected)) for made, expected in pairs.items())
    if gold.options.ordered and not any(differ):
        yield "the calls must come in the order of the gold"
    matched = set(pairs.values())
    for position, expected_call in enumerate(gold.calls):
        if position not in matched:
            yield f"missing {shown(expected_call)}"
    alone = [call for position, call in enumerate(calls) if position not in pairs]
    for call in alone[:_MOST_CALLS]:
        yield f"unexpected {shown(call)}"
    if len(alone) > _MOST_CALLS:
        yield f"and {len(alone) - _MOST_CALLS} more"
    for call in calls[:_MOST_CALLS]:
        for broken in violations(call, gold.validators):
            yield f"{call.name}: {broken.code} ({_cut(broken.detail)})"


def shown(call: AnyCall) -> str:
    arguments = [f"{name}={_json(value)}" for name, value in call.arguments.items()]
    return f"{call.name}({', '.join(arguments)})"


def listed(calls: Sequence[AnyCall]) -> str:
    return ", ".join(shown(call) for call in calls[:_MOST_CALLS]) or "no call"


def clean(text: str) -> str:
    return _cut(text, _LONGEST_REASON).encode("utf-8", "replace").decode()


def accepted(expected: ExpectedCall, name: str) -> str:
    """Return the acceptable values of a parameter, as a person reads them."""
    values = expected.accepted.get(name) or [expected.arguments[name]]
    return " or ".join(_json(value) for value in values)


def _differences(call: ToolCall, gold: Gold, position: int) -> Iterator[str]:
    expected, matcher = gold.calls[position], gold.matchers[position]
    for name, value in call.arguments.items():
        if name not in matcher.keys:
            if not matcher.is_left_out(name, value):
                yield f"{call.name}: unexpected parameter {name}"
        elif not matcher.accepts(name, value):
            yield f"{call.name}: {name} is {_json(value)}, expected {accepted(expected, name)}"
    for name in sorted(matcher.required - call.arguments.keys()):
        yield f"{call.name}: {name} is missing"


def _json(value: Any) -> str:
    try:
        return _cut(json.dumps(value, ensure_ascii=False, default=str))
    except (RecursionError, ValueError):  # nested too deeply; an integer of more than 4,300 digits
        return "(a value too large to show)"


def _cut(text: str, longest: int = _LONGEST_VALUE) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."
