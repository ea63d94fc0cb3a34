"""The gold: which calls are expected, and which values of each parameter are acceptable.

A row's column `expected_calls` holds it as JSON text, a list of calls; `[]` means that no tool is wanted:

    [{"name": "get_weather",
      "arguments": {"city": "Beijing", "unit": "celsius"},     one concrete right answer: rendered and trained on
      "accepted": {"city": ["Beijing", "北京"]},                all acceptable values (absent: equal to arguments)
      "optional": ["unit"]}]                                   may be left out

A parameter that is neither in `arguments` nor in `accepted` is unexpected. `accepted` may name an optional
parameter that `arguments` leaves out.
"""

from collections.abc import Hashable
from functools import lru_cache
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.values import folded_key, strict_key


class GoldCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One expected call, as it is written in the file."""

    name: str
    arguments: dict[str, Any]
    accepted: dict[str, list[Any]] = {}
    optional: list[str] = []


class Answers(msgspec.Struct, frozen=True):
    """The same call, prepared for comparing: the key of every acceptable value (see values.py) by parameter."""

    keys: dict[str, frozenset[Hashable]]
    folded: frozenset[str]  # parameters with an answer set: their strings are folded
    required: frozenset[str]

    def accepts(self, parameter: str, value: Any) -> bool:
        """Whether a model's value is right; values nested too deeply to compare are not."""
        try:
            return (folded_key if parameter in self.folded else strict_key)(value) in self.keys[parameter]
        except RecursionError:
            return False


class Gold(msgspec.Struct, frozen=True):
    """Expected calls in any order. `answers` stand beside `calls`, one each."""

    calls: tuple[GoldCall, ...]
    answers: tuple[Answers, ...]


def gold_from(text: str, where: str) -> Gold:
    """Read and check a gold; what depends on it alone is prepared once. Raises DataError (bad_gold)."""
    try:
        return _prepared(text)
    except (ValueError, TypeError, RecursionError) as error:
        fix = "expected_calls is a JSON list of {name, arguments, accepted?, optional?}; [] for no call"
        raise DataError(f"{where}: bad gold: {error}", "bad_gold", fix) from error


def gold_to_json(gold: Gold) -> str:
    return msgspec.json.encode(gold.calls).decode()


def gold_of(calls: list[ToolCall]) -> Gold:
    """The gold for which exactly these calls are right."""
    return _checked([GoldCall(call.name, call.arguments) for call in calls])


@lru_cache(maxsize=16384)  # GRPO scores many completions against one gold
def _prepared(text: str) -> Gold:
    return _checked(_decode(text))


def _checked(calls: list[GoldCall]) -> Gold:
    return Gold(tuple(calls), tuple(_answers(call) for call in calls))


def _answers(call: GoldCall) -> Answers:
    values = {name: [value] for name, value in call.arguments.items()} | call.accepted
    optional = frozenset(call.optional)
    if not call.name or not all(call.accepted.values()):
        raise ValueError("a call without a name, or a parameter without any accepted value")
    keys = {
        name: frozenset((folded_key if name in call.accepted else strict_key)(value) for value in accepted)
        for name, accepted in values.items()
    }
    answers = Answers(keys, frozenset(call.accepted), frozenset(values) - optional)
    _check_consistent(call, answers, optional)
    return answers


def _check_consistent(call: GoldCall, answers: Answers, optional: frozenset[str]) -> None:
    """The concrete answer must itself be right, else no model could score 1."""
    if unknown := optional - answers.keys.keys():
        raise ValueError(f"{call.name}: optional {sorted(unknown)} in neither arguments nor accepted")
    if missing := answers.required - call.arguments.keys():
        raise ValueError(f"{call.name}: arguments leave out the required {sorted(missing)}")
    for name, value in call.arguments.items():
        if not answers.accepts(name, value):
            raise ValueError(f"{call.name}: the value of {name!r} in arguments is not among its accepted values")


_decode = msgspec.json.Decoder(list[GoldCall]).decode
