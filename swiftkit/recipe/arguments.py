"""What ms-swift's parser knows: arguments, kinds, choices, defaults and registered names, without
importing swift.

scripts/swift_arguments.py writes swift_arguments.json from the installed ms-swift; a test holds it
equal to that.
"""

import functools
import math
import re
from pathlib import Path
from typing import Any

import msgspec

_TABLE = Path(__file__).with_name("swift_arguments.json")
# transformers' string_to_bool
_BOOLS = ("yes", "true", "t", "y", "1", "no", "false", "f", "n", "0")
_NEGATIVE = re.compile(r"^-\d+$|^-\d*\.\d+$")  # argparse's own pattern: -1e-4 is no number to it
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "dict": "no text: leave it out",
}


class Argument(msgspec.Struct, frozen=True):
    """One argument of some verbs. kind: str, int, float, bool, choice, dict, flag (takes no value)
    or any."""

    name: str
    kind: str
    nargs: str
    verbs: tuple[str, ...]
    default: Any = None
    choices: tuple[str, ...] = ()

    def refuses(self, value: str) -> str:
        """What the parser expected instead of `value`; empty where it takes it."""
        if self.kind == "choice":
            return "" if value in self.choices else f"one of {', '.join(self.choices)}"
        return "" if _converts(self.kind, value) else _WORDS[self.kind]


class ModelType(msgspec.Struct, frozen=True):
    templates: tuple[str, ...]
    architectures: tuple[str, ...]


class Table(msgspec.Struct, frozen=True):
    ms_swift: str
    arguments: tuple[Argument, ...]
    names: dict[str, tuple[str, ...]]
    model_types: dict[str, ModelType]
    model_names: frozenset[str]


@functools.cache
def table() -> Table:
    return msgspec.json.decode(_TABLE.read_bytes(), type=Table)


@functools.cache
def arguments_of(verb: str) -> dict[str, Argument]:
    """name -> argument; empty for a verb that the table does not hold (megatron)."""
    return {argument.name: argument for argument in table().arguments if verb in argument.verbs}


def verbs() -> list[str]:
    return list(dict.fromkeys(verb for argument in table().arguments for verb in argument.verbs))


def looks_like_a_flag(value: str) -> bool:
    """Whether argparse takes a value for a flag: it begins with a dash, is no plain number and
    holds no space."""
    return (
        value.startswith("-") and value != "-" and " " not in value and not _NEGATIVE.match(value)
    )


def _converts(kind: str, value: str) -> bool:
    try:
        if kind == "int":
            int(value)
        elif kind == "float":
            return not math.isnan(float(value))
    except ValueError:
        return False
    return kind != "dict" and (kind != "bool" or value.lower() in _BOOLS)
