"""Read a recipe as ms-swift 4.6.0 does (swift/cli/main.py, parse_yaml_args), with the place of
every setting.

The file becomes flags in front of those on the command line, later ones win, a list given again
replaces the first.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from swiftkit.findings import Level
from swiftkit.recipe.arguments import arguments_of, looks_like_a_flag, verbs
from swiftkit.recipe.machine import Machine
from swiftkit.recipe.recipe import Recipe, RecipeFinding, RecipePlaces, RecipeSettings

# The verb that knows a key first, where a recipe does not say its verb: training before serving.
_ORDER = ("sft", "rlhf", "export", "infer", "deploy", "rollout", "eval", "pt", "sample", "app")
_MEGATRON = {
    "tensor_model_parallel_size",
    "expert_model_parallel_size",
    "pipeline_model_parallel_size",
}
_EXPORT = {"merge_lora", "to_ollama", "to_mcore", "to_hf", "exist_ok"}
_SERVER = {"port", "host", "served_model_name"}
_LARGEST = 1 << 20  # bytes of a recipe
_DEEPEST = 50
# Aliases of aliases multiply: written out, ten lines can be gigabytes. Twenty aliases cannot.
_MOST_ALIASES = 20


@dataclass
class RecipeFile:
    """The settings of a YAML file under the names that it uses, before the verb is known."""

    settings: RecipeSettings = field(default_factory=dict)
    places: RecipePlaces = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    repeated: dict[str, str] = field(default_factory=dict)
    findings: list[RecipeFinding] = field(default_factory=list)

    def fail(self, name: str, message: str, fix: str) -> None:
        where = self.places.get(name, "")
        self.findings.append(RecipeFinding(Level.FAIL, name, message, fix, where))


def read(
    path: Path | None,
    flags: Sequence[str],
    verb: str,
    environment: Mapping[str, str],
    machine: Machine,
) -> tuple[Recipe, list[RecipeFinding]]:
    """Return the recipe, and what makes it unreadable: with any of that no rule can judge it."""
    file = _read_file(path) if path else RecipeFile()
    flag_settings, stray = read_flags(flags)
    typed = file.settings | flag_settings
    typed_places = file.places | {flag: f"--{flag}" for flag in flag_settings}
    verb = verb or verb_of(typed, path)
    full_names = {}
    for flag in typed:  # argparse takes the beginning of a flag if only one begins so
        matches = completions(flag, verb)
        is_begun = flag not in arguments_of(verb) and len(matches) == 1
        full_names[flag] = matches[0] if is_begun else flag
    places = {full_names.get(flag, flag): place for flag, place in typed_places.items()}
    recipe = Recipe(
        verb,
        settings={full_names[flag]: values for flag, values in typed.items()},
        places=places | typed_places,
        typed=typed,
        environment={**file.environment, **environment},  # ENV sets only what is unset
        machine=machine,
        file=str(path or ""),
        file_environment=file.environment,
        repeated=file.repeated,
    )
    return recipe, [*file.findings, *stray]


def _read_file(path: Path) -> RecipeFile:
    file = RecipeFile()
    try:
        node, content = _parse(path)
    except OSError as error:
        reason = error.strerror or error
        file.fail(str(path), f"cannot be read: {reason}", "check the path and its permissions")
        return file
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: Unicode's too
        reason = " ".join(str(error).split())
        if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
            mark = error.problem_mark  # without the lines of the file that it quotes
            reason = f"{error.problem}, line {mark.line + 1}, column {mark.column + 1}"
        file.fail(str(path), f"cannot be read: {reason}", "mend the file")
        return file
    if not isinstance(content, dict) or not isinstance(node, yaml.MappingNode):
        file.fail(str(path), "is not a mapping of flags", "write one `flag: value` a line")
        return file
    _fill(file, path, content, node)
    return file


def _fill(file: RecipeFile, path: Path, content: dict[Any, Any], node: yaml.MappingNode) -> None:
    for key, _ in node.value:
        name = str(getattr(key, "value", ""))
        if name in file.places:
            file.repeated[name] = file.places[name]
        file.places[name] = f"{path}:{key.start_mark.line + 1}"
    variables = content.pop("ENV", None) or {}
    if isinstance(variables, dict):
        file.environment = {str(name): str(value) for name, value in variables.items()}
    else:
        file.fail("ENV", "is not a mapping", "write `NAME: value` lines")
    for key, value in content.items():
        flag = underscored(str(key))
        file.places[flag] = file.places.get(str(key), str(path))
        # The words that swift makes of a value
        if isinstance(value, dict):
            file.settings[flag] = [json.dumps(value, ensure_ascii=False, default=str)]
        else:
            file.settings[flag] = list(map(str, value if isinstance(value, list) else [value]))
        if value is None or (isinstance(value, list) and None in value):
            file.fail(flag, "is null, which swift reads as the text 'None'", "leave the key out")
        elif value == []:
            file.fail(flag, "is an empty list", "leave the key out")


def _parse(path: Path) -> tuple[yaml.Node | None, Any]:
    """Return the document as nodes, which know their lines, and as values."""
    text = path.read_bytes()
    if len(text) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST:,} bytes")
    depth = aliases = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        aliases += isinstance(event, yaml.AliasEvent)
        if depth > _DEEPEST or aliases > _MOST_ALIASES:
            raise ValueError("it is nested too deeply, or has too many aliases")
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        return node, loader.construct_document(node) if node else None
    finally:
        loader.dispose()


def read_flags(flags: Sequence[str]) -> tuple[RecipeSettings, list[RecipeFinding]]:
    """Read `--flag value value2` and `--flag=value`; what comes later wins.

    Returns the settings, and a finding for each word in front of the first flag.
    """
    settings: RecipeSettings = {}
    stray: list[RecipeFinding] = []
    values: list[str] | None = None
    for word in flags:
        if word.startswith("--") and looks_like_a_flag(word.partition("=")[0]):
            flag, equals, value = word[2:].partition("=")
            values = settings[underscored(flag)] = [value] if equals else []
        elif values is None:
            message, fix = "stands before the first flag", "write `--flag value`"
            stray.append(RecipeFinding(Level.FAIL, word, message, fix))
        else:
            values.append(word)
    return settings, stray


def underscored(flag: str) -> str:
    """Return max_length for max-length; the parser does not take max-new_tokens."""
    return flag if "_" in flag else flag.replace("-", "_")


def completions(flag: str, verb: str) -> list[str]:
    """Return the flags of a verb that begin like this."""
    return [name for name in arguments_of(verb) if name.startswith(flag)] if flag else []


def verb_of(settings: Mapping[str, Sequence[str]], recipe: Path | None = None) -> str:
    """Return the verb that the recipe's shell script names, else the one that knows most keys."""
    verb = _verb_of_script(recipe) if recipe else ""
    if verb:
        return verb
    flags = set(settings)
    if _MEGATRON & flags:
        return "megatron"
    if "rlhf_type" in flags:
        return "rlhf"
    if _EXPORT & flags and "tuner_type" not in flags:
        return "export"
    known = {verb: len(flags & arguments_of(verb).keys()) for verb in verbs()}
    most = max(known.values(), default=0)
    trains = bool(flags & {"dataset", "val_dataset", "learning_rate"})
    if known["infer"] == most and not trains:
        return "deploy" if _SERVER & flags else "infer"
    return next(verb for verb in _ORDER if known[verb] == most)


def _verb_of_script(recipe: Path) -> str:
    """Return VERB of `swift VERB` in NAME.sh, beside NAME.yaml or above it."""
    script_name = f"{recipe.stem}.sh"
    for script in (recipe.parent / script_name, recipe.parent.parent / script_name):
        if script.is_file() and script.stat().st_size < 1 << 16:
            text = script.read_text(encoding="utf-8", errors="replace")
            for line in re.finditer(r"^[^#\n]*\bswift (\w+)", text, re.MULTILINE):
                if line[1] in verbs():
                    return line[1]
    return ""
