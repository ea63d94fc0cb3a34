"""A command in place of a recipe: split it into file, flags and verb, and print it corrected."""

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from swiftkit.recipe.arguments import verbs
from swiftkit.recipe.recipe import Recipe, RecipeFinding

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SHELL_WORDS = ("|", "||", "&", "&&", ";", ">", ">>", "2>&1", "&>", "<")  # what follows is no flag


class Command(NamedTuple):
    """A recipe's file (None without one), the flags after it, the verb, and its variables."""

    file: Path | None
    flags: tuple[str, ...]
    verb: str
    environment: dict[str, str]


def corrected(
    recipe: Recipe, findings: Sequence[RecipeFinding], environment: dict[str, str]
) -> str:
    """Return `NAME=VALUE swift VERB FLAGS` with all changes, quoted for a shell.

    Empty without a change.
    """
    changes: dict[str, list[str] | None] = {}
    for finding in findings:
        changes |= finding.changes
    if not changes:
        return ""
    words = ["swift", recipe.verb]
    for flag, values in {**recipe.typed, **changes}.items():
        if values is not None:
            words += [f"--{flag}", *values]
    variables = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
    return " ".join([*variables, shlex.join(words)])


def split_command(recipe: Path, flags: Sequence[str]) -> Command:
    """Split FILE flags, VERB flags or VERB FILE flags, after NAME=VALUE words and swift or not.

    The whole may be one quoted text, as it stands in a tutorial: broken into lines, with a pipe.
    """
    words = [str(recipe), *flags]
    is_file = os.path.isfile  # Path.is_file raises for long texts
    if len(words) == 1 and " " in words[0] and not is_file(words[0]):
        words = _shell_words(words[0])
    environment = {}
    if words[0] == "env" and len(words) > 1:
        words = words[1:]
    while len(words) > 1 and _ASSIGNMENT.match(words[0]) and not is_file(words[0]):
        name, _, environment[name] = words.pop(0).partition("=")
    if words[0] == "swift" and len(words) > 1 and not Path("swift").is_file():
        words = words[1:]
    first, *rest = words
    if first not in verbs() or Path(first).is_file():
        return Command(Path(first), tuple(rest), "", environment)
    if rest and rest[0].endswith((".yaml", ".yml", ".json")):
        return Command(Path(rest[0]), tuple(rest[1:]), first, environment)
    return Command(None, tuple(rest), first, environment)


def _shell_words(text: str) -> list[str]:
    """Split a command as a shell does, up to a pipe, a redirection or the next command.

    What names no verb of swift is a file's name with spaces, and stays whole.
    """
    try:
        words = shlex.split(text.replace("\\\n", " "), comments=True)
    except ValueError:  # a quote that is not closed
        return [text]
    for index, word in enumerate(words):
        if word in _SHELL_WORDS:
            words = words[:index]
            break
    return words if set(verbs()).intersection(words) else [text]
