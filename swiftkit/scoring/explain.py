"""Say in a sentence why a score is what it is: what was expected, what came, which part cost what.

Whatever a model wrote can be shown: too long is cut, and lone surrogates, which no file can hold,
are replaced.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from swiftkit.records import Score
from swiftkit.scoring.gold import Gold, GoldCall
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.schema import breaches

_LONGEST_VALUE, _LONGEST_REASON, _MOST_CALLS = 120, 1000, 20


class Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def arguments(self) -> dict[str, Any]: ...


def reason(calls: Sequence[ToolCall], gold: Gold, pairs: Mapping[int, int], found: Score) -> str:
    """The score's own words, and what they leave open; `pairs` are position made: position
    expected."""
    if found.exact:
        return found.reason
    if not pairs and (not calls or not gold.calls):
        came = f"but came {listed(calls)}" if calls else f"expected {listed(gold.calls)}"
        return clean(f"{found.reason}, {came}")
    shares = ", ".join(f"{name} {share:.2f}" for name, share in found.parts.items())
    return clean(f"{found.reason}: {'; '.join(faults(calls, gold, pairs))} ({shares})")


def faults(calls: Sequence[ToolCall], gold: Gold, pairs: Mapping[int, int]) -> Iterator[str]:
    """What is wrong in each pair, what stands alone, and which calls their schemas do not allow."""
    for made, expected in islice(sorted(pairs.items()), _MOST_CALLS):
        yield from _differences(calls[made], gold, expected)
    if gold.options.ordered and all(
        not [*_differences(calls[i], gold, j)] for i, j in pairs.items()
    ):
        yield "the calls must come in the order of the gold"
    yield from (
        f"missing {shown(call)}" for j, call in enumerate(gold.calls) if j not in pairs.values()
    )
    alone = [call for i, call in enumerate(calls) if i not in pairs]
    yield from (f"unexpected {shown(call)}" for call in alone[:_MOST_CALLS])
    if len(alone) > _MOST_CALLS:
        yield f"and {len(alone) - _MOST_CALLS} more"
    for call in calls[:_MOST_CALLS]:
        yield from (
            f"{call.name}: {code} ({_cut(detail)})" for code, detail in breaches(call, gold.tools)
        )


def shown(call: Named) -> str:
    return f"{call.name}({', '.join(f'{name}={_json(value)}' for name, value in call.arguments.items())})"


def listed(calls: Sequence[Named]) -> str:
    return ", ".join(shown(call) for call in calls[:_MOST_CALLS]) or "no call"


def clean(text: str) -> str:
    return _cut(text, _LONGEST_REASON).encode("utf-8", "replace").decode()


def accepted(wanted: GoldCall, name: str) -> str:
    values = wanted.accepted.get(name) or [wanted.arguments[name]]
    return " or ".join(_json(value) for value in values)


def _differences(call: ToolCall, gold: Gold, position: int) -> Iterator[str]:
    wanted, answers = gold.calls[position], gold.answers[position]
    for name, value in call.arguments.items():
        if name not in answers.keys:
            yield f"{call.name}: unexpected parameter {name}"
        elif not answers.accepts(name, value):
            yield f"{call.name}: {name} is {_json(value)}, expected {accepted(wanted, name)}"
    yield from (
        f"{call.name}: {name} is missing"
        for name in sorted(answers.required - call.arguments.keys())
    )


def _json(value: Any) -> str:
    try:
        return _cut(json.dumps(value, ensure_ascii=False, default=str))
    except (RecursionError, ValueError):  # nested too deeply; an integer of more than 4,300 digits
        return "(a value too large to show)"


def _cut(text: str, longest: int = _LONGEST_VALUE) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."
