"""The gold of a row: which calls are expected, and which values of each parameter are acceptable.

The column `expected_calls` holds it as JSON text, a list of calls; `[]` means that no tool is
wanted:

    [{"name": "get_weather", "arguments": {"city": "Beijing", "unit": "celsius"},
      "accepted": {"city": ["Beijing", "北京"]}, "optional": ["unit"]}]

`arguments` are one concrete right answer, which is rendered and trained on; `accepted` are all
acceptable values (absent: equal to arguments); what is `optional` may be left out. A parameter that
is neither in `arguments` nor in `accepted` is unexpected. `accepted` may name an optional parameter
that `arguments` leaves out.

With the tools, a parameter that may be left out counts as left out where it has the value that
leaving it out means: its default, or null (schema_rules.py).
"""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.scoring.equality import fold, folded_key, strict_key
from swiftkit.scoring.literal_names import is_literal_name
from swiftkit.scoring.schema_rules import NO_RULES, SchemaRules
from swiftkit.toolcall.call import ToolCall

# values of these types may be their own keys; a bool is not: True == 1
PLAIN = frozenset((str, int, float))
Key = Callable[[Any], Hashable]
_FIX = "expected_calls is a JSON list of {name, arguments, accepted?, optional?}; [] for no call"


class ExpectedCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One expected call, as it is written in the file."""

    name: str
    arguments: dict[str, Any]
    accepted: dict[str, list[Any]] = {}
    optional: list[str] = []


decode_expected_calls = msgspec.json.Decoder(list[ExpectedCall]).decode


def read_expected_calls(text: str, where: str) -> list[ExpectedCall]:
    """Read a gold and check that it can be met. Raises DataError (bad_gold), naming `where`."""
    try:
        calls = decode_expected_calls(text)
        for call in calls:
            CallMatcher.of(call)
    except (ValueError, TypeError, RecursionError) as error:
        if not isinstance(text, str):
            raise bad_gold(TypeError(f"{type(text).__name__}, not JSON text"), where) from error
        raise bad_gold(error, where) from error
    return calls


def bad_gold(error: Exception, where: str) -> DataError:
    """Return the error that names the place of a gold, from what reading it raised."""
    if isinstance(error, DataError):
        return DataError(f"{where}: bad gold: {error.reason}", "bad_gold", error.fix)
    return DataError(f"{where}: bad gold: {error}", "bad_gold", _FIX)


def expect_exactly(calls: Sequence[ToolCall]) -> list[ExpectedCall]:
    """Return the gold that these calls alone answer."""
    return [ExpectedCall(call.name, call.arguments) for call in calls]


def to_json(calls: Sequence[ExpectedCall]) -> str:
    """Return the text of the column `expected_calls`."""
    return msgspec.json.encode(calls).decode()


def without(arguments: dict[str, Any], parameter: str) -> dict[str, Any]:
    """Return the arguments without one that counts as left out."""
    return {name: value for name, value in arguments.items() if name != parameter}


def _key_without(leave_out: Callable[[Any], Any], key: Key, value: Any) -> Hashable:
    return key(leave_out(value))


class CallMatcher(msgspec.Struct, frozen=True):
    """An expected call, prepared for comparing.

    usual: the call's own arguments: most right values are these, and to compare them is cheapest.
    booleans: of the usual arguments that are numbers or booleans, whether it is the latter, as
        True == 1; None where such values stand deeper.
    keys: of each parameter the keys of all acceptable values (equality.py), and its strings also as
        they are written: most answers need no folding.
    folded: the parameters with a set of acceptable values: their strings are folded, unless the
        tool's schema or the parameter's name says that they count letter by letter.
    absent: of the parameters that may be left out the key of the value that leaving them out means.
    key_of: of each parameter, also of those in `absent`, what makes the key of a value.
    """

    name: str
    usual: dict[str, Any]
    keys: dict[str, frozenset[Hashable]]
    folded: frozenset[str]
    required: frozenset[str]
    absent: dict[str, Hashable]
    booleans: dict[str, bool] | None
    key_of: dict[str, Key]

    @classmethod
    def of(cls, call: ExpectedCall, rules: SchemaRules = NO_RULES) -> "CallMatcher":
        """Raises ValueError for a call that no answer could match, or not the one it names.

        If the concrete answer were not right, no model could score 1.
        """
        values = {name: [value] for name, value in call.arguments.items()} | call.accepted
        if not call.name or not all(call.accepted.values()):
            raise ValueError("a call without a name, or a parameter without any accepted value")
        literal = rules.literal.union(filter(is_literal_name, call.accepted))
        folded = frozenset(call.accepted) - literal
        key_of: dict[str, Key] = dict.fromkeys(rules.absent.keys() | values.keys(), strict_key)
        key_of |= dict.fromkeys(folded, folded_key)
        for name in rules.nested.keys() & key_of.keys():
            key_of[name] = partial(_key_without, rules.nested[name], key_of[name])
        keys = {}
        for name, accepted in values.items():
            as_written = [value for value in accepted if isinstance(value, str)]
            keys[name] = frozenset([*as_written, *map(key_of[name], accepted)])
        absent = {name: key_of[name](value) for name, value in rules.absent.items()}
        required = frozenset(values) - frozenset(call.optional)
        booleans = _booleans_in(call.arguments)
        matcher = cls(call.name, call.arguments, keys, folded, required, absent, booleans, key_of)
        if unknown := sorted(set(call.optional) - keys.keys()):
            raise ValueError(f"{call.name}: optional {unknown} in neither arguments nor accepted")
        if missing := sorted(required - call.arguments.keys()):
            raise ValueError(f"{call.name}: arguments leave out the required {missing}")
        for name, value in call.arguments.items():
            if not matcher.accepts(name, value):
                reason = f"the value of {name!r} in arguments is not among its accepted values"
                raise ValueError(f"{call.name}: {reason}")
        needless = {
            name for name in required & absent.keys() if matcher.accepts(name, rules.absent[name])
        }
        return msgspec.structs.replace(matcher, required=required - needless)

    def accepts(self, parameter: str, value: Any) -> bool:
        """Tell if a model's value is right; one nested too deeply, or no JSON, is not."""
        keys = self.keys[parameter]
        kind = type(value)
        if kind is str:
            return value in keys or (parameter in self.folded and fold(value) in keys)
        if kind in PLAIN:
            return value in keys
        try:
            return self.key_of[parameter](value) in keys
        except (RecursionError, TypeError):
            return False

    def is_left_out(self, parameter: str, value: Any) -> bool:
        """Tell if a parameter that is not expected says what leaving it out would mean."""
        if parameter not in self.absent:
            return False
        try:
            return self.key_of[parameter](value) == self.absent[parameter]
        except (RecursionError, TypeError):
            return False

    def is_usual(self, arguments: dict[str, Any]) -> bool:
        """Tell if these are the expected call's own arguments, as far as one comparison can."""
        if arguments != self.usual or self.booleans is None:
            return False
        for name, is_boolean in self.booleans.items():
            if (type(arguments[name]) is bool) is not is_boolean:
                return False
        return True

    def is_own(self, arguments: dict[str, Any]) -> bool:
        """Tell if these are the expected call's own arguments to the type, 1 apart from 1.0."""
        if not self.is_usual(arguments):
            return False
        for name in self.booleans or ():
            if type(arguments[name]) is not type(self.usual[name]):
                return False
        return True

    def is_exact(self, arguments: dict[str, Any]) -> bool:
        """Tell if nothing is missing, unexpected or wrong."""
        if self.is_usual(arguments):
            return True
        usual = self.usual
        for name, value in arguments.items():
            kind, first = type(value), usual.get(name)
            if kind is type(first) and kind in PLAIN and value == first:
                continue
            if name not in self.keys:
                return self.is_left_out(name, value) and self.is_exact(without(arguments, name))
            if not self.accepts(name, value):
                return False
        return len(arguments) == len(self.keys) or self.required <= arguments.keys()


def _booleans_in(arguments: dict[str, Any]) -> dict[str, bool] | None:
    booleans = {}
    for name, value in arguments.items():
        if isinstance(value, int | float):
            booleans[name] = isinstance(value, bool)
        elif isinstance(value, list | dict) and _holds_number(value):
            return None
    return booleans


def _holds_number(value: Any) -> bool:
    if isinstance(value, list | dict):
        return any(map(_holds_number, value.values() if isinstance(value, dict) else value))
    return isinstance(value, int | float)
