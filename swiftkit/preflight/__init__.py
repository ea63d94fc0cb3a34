"""Check a recipe's YAML and flags before any import of torch: one line a fault, each with its place
and the fix.

`swift` imports for ten seconds before it parses its arguments, and some of its faults come after
the model was loaded, or never: settings without effect, rows that are dropped. Here every rule is a
function in rules/; what swift's parser knows comes from a table that was generated from it
(arguments.py). A clean preflight does not prove that a run will end well: it says that none of
these rules was broken.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import msgspec

from swiftkit.preflight.command import corrected, split_command
from swiftkit.recipe.machine import Machine
from swiftkit.recipe.reading import read, read_flags
from swiftkit.recipe.recipe import Fault, Recipe

__all__ = [
    "Fault",
    "Machine",
    "all_rules",
    "corrected",
    "examine",
    "preflight",
    "read_flags",
    "split_command",
]

Rule = Callable[[Recipe], Iterator[Fault]]


def preflight(
    recipe: Path,
    flags: Sequence[str],
    environment: Mapping[str, str] = os.environ,
    machine: Machine | None = None,
    verb: str = "",
) -> list[Fault]:
    """All faults of a recipe with its flags; empty when it is good."""
    return examine(recipe, flags, environment, machine, verb)[1]


def examine(
    recipe: Path | None,
    flags: Sequence[str],
    environment: Mapping[str, str] = os.environ,
    machine: Machine | None = None,
    verb: str = "",
) -> tuple[Recipe, list[Fault]]:
    """What was read, and its faults; `recipe` is None for a command without a file."""
    read_as, unreadable = read(
        recipe, flags, verb, environment, machine or Machine.here(environment)
    )
    if unreadable:
        return read_as, unreadable
    found = [fault for name, rule in all_rules().items() for fault in _broken(name, rule, read_as)]
    return read_as, sorted(found, key=_order)


def all_rules() -> dict[str, Rule]:
    """name -> rule: the public functions of the files in rules/, in the order of files and
    lines."""
    found: dict[str, Rule] = {}
    for module in sorted(
        iter_modules(import_module("swiftkit.preflight.rules").__path__),
        key=lambda module: module.name,
    ):
        code = import_module(f"swiftkit.preflight.rules.{module.name}")
        own = {
            name: value
            for name, value in vars(code).items()
            if getattr(value, "__module__", "") == code.__name__
        }
        found |= {
            name: value
            for name, value in own.items()
            if callable(value) and not name.startswith("_")
        }
    return found


def _broken(name: str, rule: Rule, recipe: Recipe) -> Iterator[Fault]:
    """A rule's faults under its name; what the file system refuses (a name too long, no permission)
    is one too."""
    try:
        yield from (msgspec.structs.replace(fault, rule=name) for fault in rule(recipe))
    # RuntimeError: the home directory of a ~user who is unknown
    except (OSError, RuntimeError) as error:
        fix = "correct the path, or its permissions"
        yield msgspec.structs.replace(
            recipe.fail(recipe.file or recipe.verb, " ".join(str(error).split()), fix), rule=name
        )


def _order(fault: Fault) -> tuple[bool, bool, str, int]:
    """Faults that stop first, then by place."""
    file, _, line = fault.where.rpartition(":")
    return fault.level != "fail", fault.level != "warn", file, int(line) if line.isdigit() else 0
