"""The arguments, types, choices, defaults and registered names that ms-swift knows, read without
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
_NEGATIVE = re.compile(r"^-\d+$|^-\d*\.\d+$")  # argparse's own pattern: -1e-4 does not match
_SNAPSHOT = re.compile(r"/models(?:--|/)(?:.+?--)?(.+?)/snapshots/")
_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "dict": "no text: leave it out",
}


class Argument(msgspec.Struct, frozen=True):
    """One argument of some verbs.

    kind: str, int, float, bool, choice, dict, flag (takes no value) or any. nargs: as in argparse,
    0, 1, ?, + or *.
    """

    name: str
    kind: str
    nargs: str
    verbs: tuple[str, ...]
    default: Any = None
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """The values that the parser takes, in words; "" where it takes any text."""
        if self.kind == "choice":
            return f"one of {', '.join(self.choices)}"
        return _EXPECTED.get(self.kind, "")

    def accepts(self, value: str) -> bool:
        """Return True if the parser takes the value."""
        match self.kind:
            case "choice":
                return value in self.choices
            case "bool":
                return value.lower() in _BOOLS
            case "dict":
                return False
        try:
            if self.kind == "int":
                int(value)
            elif self.kind == "float":
                return not math.isnan(float(value))
        except ValueError:
            return False
        return True


class ModelType(msgspec.Struct, frozen=True):
    """The templates that fit a model type, and the architectures of config.json that it is for.

    `default_template`: the one that swift takes where none is set; None where it cannot tell.
    """

    templates: tuple[str, ...]
    architectures: tuple[str, ...]
    default_template: str | None = None


class ArgumentTable(msgspec.Struct, frozen=True):
    """swift_arguments.json. `names`: flag -> registered names.

    `model_names`: a listed model's name in lower case -> its model type and template ("": several).
    `dataset_names`: the ids that swift knows on the hubs. `agent_templates`: template -> its agent
    template; "" where rows with tools cannot be written.
    """

    ms_swift: str
    arguments: tuple[Argument, ...]
    names: dict[str, tuple[str, ...]]
    model_types: dict[str, ModelType]
    model_names: dict[str, tuple[str, str]]
    dataset_names: frozenset[str]
    agent_templates: dict[str, str]


@functools.cache
def table() -> ArgumentTable:
    return msgspec.json.decode(_TABLE.read_bytes(), type=ArgumentTable)


@functools.cache
def arguments_of(verb: str) -> dict[str, Argument]:
    """Return name -> argument; empty for a verb that the table does not hold (megatron)."""
    return {argument.name: argument for argument in table().arguments if verb in argument.verbs}


@functools.cache
def verbs() -> list[str]:
    """Return the verbs of `swift` that take arguments: sft, rlhf, infer, ..."""
    return list(dict.fromkeys(verb for argument in table().arguments for verb in argument.verbs))


def listed_model(value: str) -> tuple[str, str] | None:
    """Return model type and template of a model that swift knows by its folder's or hub's name.

    The name is what swift takes for it (model_meta.py, get_model_name), also in a hub's cache.
    """
    value = value.rstrip("/")
    cached = _SNAPSHOT.search(value)
    name = cached[1] if cached else value.rpartition("/")[2].replace("___", ".")
    return table().model_names.get(name.lower())


def looks_like_a_flag(value: str) -> bool:
    """Return True if argparse takes the value for a flag: a dash, no plain number, no space."""
    is_dashed = value.startswith("-") and value != "-" and " " not in value
    return is_dashed and not _NEGATIVE.match(value)
