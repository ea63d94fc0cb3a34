"""The gold: which calls are expected, and which values of each parameter are acceptable.

A row's column `expected_calls` holds it as JSON text, a list of calls; `[]` means that no tool is
wanted:

    [{"name": "get_weather",
      "arguments": {"city": "Beijing", "unit": "celsius"},     one concrete right answer: rendered and trained on
      "accepted": {"city": ["Beijing", "北京"]},                all acceptable values (absent: equal to arguments)
      "optional": ["unit"]}]                                   may be left out

A parameter that is neither in `arguments` nor in `accepted` is unexpected. `accepted` may name an
optional parameter that `arguments` leaves out. How it is scored may stand in the column `scoring`
(options.py), and the column `tools` tells which calls their schemas allow.
"""

from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from swiftkit.errors import DataError
from swiftkit.records import Score
from swiftkit.scoring.bfcl.item import Item, item_of
from swiftkit.scoring.equality import folded_key, strict_key
from swiftkit.scoring.options import WEIGHTS, Options, options_from, parser
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.formats import detect
from swiftkit.toolcall.schema import Checker, checkers
from swiftkit.toolcall.text_arguments import reader
from swiftkit.toolcall.tools import tools_from

# values of these types may be their own keys; a bool is not: True == 1
PLAIN = frozenset((str, int, float))
PARTS = ("format", "name", "parameter_names", "parameter_values", "schema", "count")


class GoldCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One expected call, as it is written in the file."""

    name: str
    arguments: dict[str, Any]
    accepted: dict[str, list[Any]] = {}
    optional: list[str] = []


class Answers(msgspec.Struct, frozen=True):
    """The same call, prepared for comparing: the key of every acceptable value (see values.py) by
    parameter."""

    name: str
    # the call's own arguments: most right values are these, and to compare them is cheapest
    usual: dict[str, Any]
    # strings also as they are written: most answers need no folding
    keys: dict[str, frozenset[Hashable]]
    folded: frozenset[str]  # parameters with an answer set: their strings are folded
    required: frozenset[str]

    def accepts(self, parameter: str, value: Any) -> bool:
        """Whether a model's value is right; values nested too deeply to compare, and what is no
        JSON, are not."""
        keys = self.keys[parameter]
        if type(value) in PLAIN and (value in keys or type(value) is not str):
            return value in keys
        try:
            return (folded_key if parameter in self.folded else strict_key)(value) in keys
        except (RecursionError, TypeError):
            return False

    def all_right(self, arguments: dict[str, Any]) -> bool:
        """Whether nothing is missing, unexpected or wrong."""
        usual = self.usual
        for name, value in arguments.items():
            kind, first = type(value), usual.get(name)
            if kind is not type(first) or kind not in PLAIN or value != first:  # noqa: SIM102 (two steps)
                if name not in self.keys or not self.accepts(name, value):
                    return False
        return len(arguments) == len(self.keys) or self.required <= arguments.keys()


class Weights(NamedTuple):
    """What the shares of a score weigh; their sum is 1."""

    name: float
    parameter_names: float
    parameter_values: float


class Gold(msgspec.Struct, frozen=True):
    """Expected calls, and all that can be prepared for scoring them. `answers` stand beside
    `calls`, one each."""

    calls: tuple[GoldCall, ...]
    answers: tuple[Answers, ...]
    positions: dict[str, list[int]] = {}  # of the calls, by name
    options: Options = Options()
    weights: Weights = Weights(**WEIGHTS)
    tools: Mapping[str, Checker] = {}
    item: Item | None = None  # of mode bfcl
    parse: Callable[[str], Parsed] = detect.parse
    perfect: Score = Score(1.0, True)  # what each exact answer scores


def gold_from(text: str, where: str, scoring: str | None = "", tools: str | None = "") -> Gold:
    """Read and check a gold, from the columns expected_calls, scoring and tools; what depends on
    them alone is prepared once. Raises DataError (bad_gold)."""
    try:
        return _prepared(text, scoring or "", tools or "")
    except DataError as error:
        raise DataError(f"{where}: bad gold: {error.reason}", "bad_gold", error.fix) from error
    except (ValueError, TypeError, RecursionError) as error:
        fix = "expected_calls is a JSON list of {name, arguments, accepted?, optional?}; [] for no call"
        raise DataError(f"{where}: bad gold: {error}", "bad_gold", fix) from error


def gold_to_json(gold: Gold) -> str:
    return msgspec.json.encode(gold.calls).decode()


def gold_of(calls: list[ToolCall], scoring: str | None = "", tools: str | None = "") -> Gold:
    """The gold for which exactly these calls are right."""
    return _checked(
        [GoldCall(call.name, call.arguments) for call in calls], scoring or "", tools or ""
    )


@lru_cache(maxsize=16384)  # GRPO scores many completions against one gold
def _prepared(text: str, scoring: str, tools: str) -> Gold:
    return _checked(_decode(text), scoring, tools)


def _checked(calls: list[GoldCall], scoring: str, tools: str) -> Gold:
    try:
        options = options_from(scoring)
    except (ValueError, RecursionError) as error:
        fix = "docs/scoring.md lists the options"
        raise DataError(f"scoring: {error}", "bad_gold", fix) from error
    answers = tuple(_answers(call) for call in calls)
    item = (options.bfcl or item_of(calls, tools_from(tools))) if options.mode == "bfcl" else None
    perfect = _perfect(max(1, len(calls)), "no call was wanted, none was made" if not calls else "")
    positions: dict[str, list[int]] = {}
    for index, call in enumerate(calls):
        positions.setdefault(call.name, []).append(index)
    known = tools_from(tools) or _tools_of(calls)
    read = parser(options.wire_format)
    weights = Weights(**options.weights)
    return Gold(
        tuple(calls),
        answers,
        positions,
        options,
        weights,
        checkers(tools),
        item,
        reader(read, known),
        perfect,
    )


def _tools_of(calls: list[GoldCall]) -> list[dict[str, Any]]:
    """For a gold without tools, what its own values say of the parameters' types."""
    properties: dict[str, dict[str, Any]] = {}
    for call in calls:
        values = {name: [value] for name, value in call.arguments.items()} | call.accepted
        for name, accepted in values.items():
            known = properties.setdefault(call.name, {}).setdefault(name, {"enum": []})
            known["enum"] += accepted
    return [
        {"name": name, "parameters": {"properties": found}} for name, found in properties.items()
    ]


def _perfect(calls: int, reason: str) -> Score:
    text = reason or f"exact: {calls} of {calls} calls right"
    return Score(1.0, True, text, dict.fromkeys(PARTS, 1.0), {"right": calls, "total": calls})


def _answers(call: GoldCall) -> Answers:
    values = {name: [value] for name, value in call.arguments.items()} | call.accepted
    optional = frozenset(call.optional)
    if not call.name or not all(call.accepted.values()):
        raise ValueError("a call without a name, or a parameter without any accepted value")
    keys = {
        name: frozenset(_keys(accepted, name in call.accepted)) for name, accepted in values.items()
    }
    answers = Answers(
        call.name, call.arguments, keys, frozenset(call.accepted), frozenset(values) - optional
    )
    _check_consistent(call, answers, optional)
    return answers


def _keys(accepted: list[Any], folded: bool) -> list[Hashable]:
    as_written = [value for value in accepted if isinstance(value, str)]
    return [*as_written, *map(folded_key if folded else strict_key, accepted)]


def _check_consistent(call: GoldCall, answers: Answers, optional: frozenset[str]) -> None:
    """The concrete answer must itself be right, else no model could score 1."""
    if unknown := optional - answers.keys.keys():
        raise ValueError(
            f"{call.name}: optional {sorted(unknown)} in neither arguments nor accepted"
        )
    if missing := answers.required - call.arguments.keys():
        raise ValueError(f"{call.name}: arguments leave out the required {sorted(missing)}")
    for name, value in call.arguments.items():
        if not answers.accepts(name, value):
            raise ValueError(
                f"{call.name}: the value of {name!r} in arguments is not among its accepted values"
            )


_decode = msgspec.json.Decoder(list[GoldCall]).decode
