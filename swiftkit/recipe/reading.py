"""Read a recipe as ms-swift 4.6.0 does (swift/cli/main.py, parse_yaml_args), with the place of
every setting.

The file becomes flags in front of those on the command line, later ones win, a list given again
replaces the first.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from swiftkit.errors import DataError
from swiftkit.files.safe_yaml import check_size
from swiftkit.findings import Level
from swiftkit.recipe.arguments import arguments_of, looks_like_a_flag, verbs
from swiftkit.recipe.machine import Machine
from swiftkit.recipe.recipe import Fault, Places, Recipe, Settings

# Which verb knows a key first, where a recipe does not say its verb: training before serving.
_ORDER = ("sft", "rlhf", "export", "infer", "deploy", "rollout", "eval", "pt", "sample", "app")
_MEGATRON = {
    "tensor_model_parallel_size",
    "expert_model_parallel_size",
    "pipeline_model_parallel_size",
}


class _Read:
    """The file's and the command line's parts, before the verb is known."""

    def __init__(self) -> None:
        self.settings: Settings = {}
        self.places: Places = {}
        self.environment: dict[str, str] = {}
        self.twice: dict[str, str] = {}
        self.faults: list[Fault] = []


def read(
    recipe: Path | None,
    flags: Sequence[str],
    verb: str,
    environment: Mapping[str, str],
    machine: Machine,
) -> tuple[Recipe, list[Fault]]:
    """The recipe and what makes it unreadable; nothing else can be said while there is any of
    that."""
    found = _read_file(recipe) if recipe else _Read()
    given, stray = read_flags(flags)
    found.settings |= given
    found.places |= {flag: f"--{flag}" for flag in given}
    verb = verb or verb_of(found.settings, recipe)
    full = {flag: full_name(flag, verb) for flag in found.settings}
    settings = {full[flag]: values for flag, values in found.settings.items()}
    places = {full.get(flag, flag): place for flag, place in found.places.items()}
    variables = {**found.environment, **environment}  # a recipe's ENV sets only what is unset
    made = Recipe(
        verb,
        settings,
        places | found.places,
        found.settings,
        variables,
        machine,
        str(recipe or ""),
        found.environment,
        found.twice,
    )
    return made, [*found.faults, *stray]


def _read_file(recipe: Path) -> _Read:
    found = _Read()
    try:
        node, content = _parsed(recipe)
    except OSError as error:
        fix = "check the path and its permissions"
        found.faults.append(
            Fault(Level.FAIL, str(recipe), f"cannot be read: {error.strerror or error}", fix)
        )
        return found
    except (UnicodeDecodeError, yaml.YAMLError, DataError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        found.faults.append(
            Fault(Level.FAIL, str(recipe), f"cannot be read: {reason}", "mend the file")
        )
        return found
    if not isinstance(content, dict) or not isinstance(node, yaml.MappingNode):
        fix = "write one `flag: value` a line"
        found.faults.append(Fault(Level.FAIL, str(recipe), "is no mapping of flags", fix))
        return found
    _fill(found, recipe, content, node)
    return found


def _parsed(recipe: Path) -> tuple[yaml.Node | None, Any]:
    """What the file says, as nodes, which know their lines, and as values."""
    text = recipe.read_bytes()
    check_size(text, str(recipe))
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        return node, loader.construct_document(node) if node else None
    finally:
        loader.dispose()


def _fill(found: _Read, recipe: Path, content: dict[Any, Any], node: yaml.MappingNode) -> None:
    for key, _ in node.value:
        name, place = str(getattr(key, "value", "")), f"{recipe}:{key.start_mark.line + 1}"
        if name in found.places:
            found.twice[name] = found.places[name]
        found.places[name] = place
    own = content.pop("ENV", None) or {}
    if isinstance(own, dict):
        found.environment = {str(name): str(value) for name, value in own.items()}
    else:
        found.faults.append(
            Fault(
                Level.FAIL, "ENV", "is no mapping", "write `NAME: value` lines", found.places["ENV"]
            )
        )
    for key, value in content.items():
        flag = underscored(str(key))
        found.places[flag] = place = found.places.get(str(key), str(recipe))
        found.settings[flag] = _values(value)
        found.faults += _unusable(flag, value, place)


def _values(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _unusable(flag: str, value: Any, place: str) -> Iterator[Fault]:
    if value is None or (isinstance(value, list) and None in value):
        yield Fault(
            Level.FAIL,
            flag,
            "is null, which swift reads as the text 'None'",
            "leave the key out",
            place,
        )
    elif value == []:
        yield Fault(Level.FAIL, flag, "is an empty list", "leave the key out", place)


def read_flags(flags: Sequence[str]) -> tuple[Settings, list[Fault]]:
    """`--flag value value2` and `--flag=value`; what comes later wins."""
    settings: Settings = {}
    stray: list[Fault] = []
    values: list[str] | None = None
    for token in flags:
        if token.startswith("--") and looks_like_a_flag(token.partition("=")[0]):
            flag, equals, value = token[2:].partition("=")
            values = settings[underscored(flag)] = [value] if equals else []
        elif values is None:
            stray.append(
                Fault(Level.FAIL, token, "stands before the first flag", "write `--flag value`")
            )
        else:
            values.append(token)
    return settings, stray


def underscored(flag: str) -> str:
    """The parser takes max-length for max_length, but not max-new_tokens."""
    return flag if "_" in flag else flag.replace("-", "_")


def full_name(flag: str, verb: str) -> str:
    """argparse takes the beginning of a flag for the flag, if only one begins so."""
    known = arguments_of(verb)
    matches = completions(flag, verb)
    return matches[0] if flag not in known and len(matches) == 1 else flag


def completions(flag: str, verb: str) -> list[str]:
    return [name for name in arguments_of(verb) if name.startswith(flag)] if flag else []


def verb_of(settings: Mapping[str, Sequence[str]], recipe: Path | None = None) -> str:
    """The verb that the recipe's shell script names, else the one that knows most of the keys."""
    if recipe and (said := _said_by_script(recipe)):
        return said
    if _MEGATRON & set(settings):
        return "megatron"
    if "rlhf_type" in settings:
        return "rlhf"
    if {"merge_lora", "to_ollama", "to_mcore", "to_hf", "exist_ok"} & set(
        settings
    ) and "tuner_type" not in settings:
        return "export"
    known = {verb: sum(flag in arguments_of(verb) for flag in settings) for verb in verbs()}
    best = max(known.values(), default=0)
    if (
        "val_dataset" not in settings
        and not {"dataset", "learning_rate"} & set(settings)
        and known["infer"] == best
    ):
        return "deploy" if {"port", "host", "served_model_name"} & set(settings) else "infer"
    return next(verb for verb in _ORDER if known[verb] == best)


def _said_by_script(recipe: Path) -> str:
    """NAME.sh beside NAME.yaml, or above it (recipes/tiny), ends in `recipe VERB "$@"`."""
    for script in (
        recipe.with_suffix(".sh"),
        recipe.parent.parent / recipe.with_suffix(".sh").name,
    ):
        if script.is_file() and script.stat().st_size < 1 << 16:
            said = re.search(
                r"^recipe (\w+)", script.read_text(encoding="utf-8", errors="replace"), re.MULTILINE
            )
            if said and said[1] in verbs():
                return said[1]
    return ""
