"""A command in place of a recipe: split it into file, flags and verb, and print it corrected."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from swiftkit.recipe.arguments import verbs
from swiftkit.recipe.recipe import Recipe, RecipeFinding


def corrected(recipe: Recipe, findings: Sequence[RecipeFinding]) -> str:
    """Return `swift VERB FLAGS` with all changes, quoted for a shell; empty without a change."""
    changes: dict[str, list[str] | None] = {}
    for finding in findings:
        changes |= finding.changes
    if not changes:
        return ""
    words = ["swift", recipe.verb]
    for flag, values in {**recipe.typed, **changes}.items():
        if values is not None:
            words += [f"--{flag}", *values]
    return shlex.join(words)


def split_command(recipe: Path, flags: Sequence[str]) -> tuple[Path | None, tuple[str, ...], str]:
    """Return (file, flags, verb) of FILE flags, VERB flags, VERB FILE flags, after swift or not."""
    words = [str(recipe), *flags]
    if words[0] == "swift" and len(words) > 1 and not Path("swift").is_file():
        words = words[1:]
    first, *rest = words
    if first not in verbs() or Path(first).is_file():
        return Path(first), tuple(rest), ""
    if rest and rest[0].endswith((".yaml", ".yml", ".json")):
        return Path(rest[0]), tuple(rest[1:]), first
    return None, tuple(rest), first
