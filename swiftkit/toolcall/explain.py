"""Say in a sentence why a score is what it is: what was expected, what came, which part cost what.

Whatever a model wrote can be shown: too long is cut, and lone surrogates, which no file can hold, are replaced.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.gold import Gold, GoldCall

_LONGEST_VALUE, _LONGEST_REASON = 120, 1000


class Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def arguments(self) -> dict[str, Any]: ...


def malformed(reason: str, gold: Gold) -> str:
    return _clean(f"malformed: {reason}; expected {_calls(gold.calls)}")


def exact(calls: Sequence[ToolCall]) -> str:
    return f"exact: {len(calls)} of {len(calls)} calls right"


def one_sided(calls: Sequence[ToolCall], gold: Gold) -> str:
    """Calls where none is wanted, or none where some are."""
    if calls:
        return _clean(f"no call was wanted, but came {_calls(calls)}")
    return _clean(f"no call was made, expected {_calls(gold.calls)}")


def difference(calls: Sequence[ToolCall], gold: Gold, pairs: Mapping[int, int], parts: Mapping[str, float]) -> str:
    """What is wrong in each pair (position made: position expected), and what stands alone."""
    found: list[str] = []
    for made, expected in sorted(pairs.items()):
        found += _faults(calls[made], gold, expected)
    found += [f"missing {_call(call)}" for j, call in enumerate(gold.calls) if j not in pairs.values()]
    found += [f"unexpected {_call(call)}" for i, call in enumerate(calls) if i not in pairs]
    shares = ", ".join(f"{name} {share:.2f}" for name, share in parts.items())
    return _clean(f"{'; '.join(found)} ({shares})")


def _faults(call: ToolCall, gold: Gold, position: int) -> list[str]:
    wanted, answers = gold.calls[position], gold.answers[position]
    found = [
        f"{call.name}: {name} is {_json(value)}, expected {_accepted(wanted, name)}"
        if name in answers.keys
        else f"{call.name}: unexpected parameter {name}"
        for name, value in call.arguments.items()
        if name not in answers.keys or not answers.accepts(name, value)
    ]
    return found + [f"{call.name}: {name} is missing" for name in sorted(answers.required - call.arguments.keys())]


def _accepted(wanted: GoldCall, name: str) -> str:
    values = wanted.accepted.get(name) or [wanted.arguments[name]]
    return " or ".join(_json(value) for value in values)


def _calls(calls: Sequence[Named]) -> str:
    return ", ".join(_call(call) for call in calls) or "no call"


def _call(call: Named) -> str:
    return f"{call.name}({', '.join(f'{name}={_json(value)}' for name, value in call.arguments.items())})"


def _json(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):  # nested too deeply; an integer of more than 4,300 digits
        return "(a value too large to show)"
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def _clean(text: str) -> str:
    cut = text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}..."
    return cut.encode("utf-8", "replace").decode()
