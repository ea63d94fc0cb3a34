"""A command instead of a recipe: taken apart, and corrected where the faults say how, in words for
a shell."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from swiftkit.recipe.arguments import verbs
from swiftkit.recipe.recipe import Fault, Recipe


def corrected(recipe: Recipe, faults: Sequence[Fault]) -> str:
    """`swift VERB --flag value ...` with every change that a fault names; empty if none names
    one."""
    changes = {flag: values for fault in faults for flag, values in fault.changes.items()}
    if not changes:
        return ""
    settings = {
        flag: values for flag, values in {**recipe.given, **changes}.items() if values is not None
    }
    words = [word for flag, values in settings.items() for word in (f"--{flag}", *values)]
    return shlex.join(["swift", recipe.verb, *words])


def split_command(recipe: Path, flags: Sequence[str]) -> tuple[Path | None, tuple[str, ...], str]:
    """(file, flags, verb) of `FILE flags`, `VERB flags`, `VERB FILE flags`, each also behind the
    word swift."""
    words = [str(recipe), *flags]
    if words[0] == "swift" and words[1:] and not Path("swift").is_file():
        words = words[1:]
    if words[0] not in verbs() or Path(words[0]).is_file():
        return Path(words[0]), tuple(words[1:]), ""
    verb, rest = words[0], words[1:]
    if rest and rest[0].endswith((".yaml", ".yml", ".json")):
        return Path(rest[0]), tuple(rest[1:]), verb
    return None, tuple(rest), verb
