"""Check a recipe's YAML and flags before any import of torch: one line a finding, each with its
place and the fix.

`swift` imports for ten seconds before it parses its arguments, and some mistakes show only after
the model was loaded, or never: settings without effect, rows that are dropped. Here every rule is a
function in rules/; what swift's parser knows comes from a table that was generated from it
(recipe/arguments.py). A clean preflight does not prove that a run will end well: it says that none
of these rules was broken.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import FunctionType

import msgspec

from swiftkit.findings import Level
from swiftkit.preflight import rules
from swiftkit.preflight.rules import keys
from swiftkit.recipe.machine import Machine
from swiftkit.recipe.reading import read
from swiftkit.recipe.recipe import Findings, Recipe, RecipeFinding

Rule = Callable[[Recipe], Findings]


def examine(
    path: Path | None,
    flags: Sequence[str],
    environment: Mapping[str, str] = os.environ,
    machine: Machine | None = None,
    verb: str = "",
    unknown: Collection[str] = (),
) -> tuple[Recipe, list[RecipeFinding]]:
    """Return the recipe as swift will read it, and the findings about it, those that stop first.

    `path` is None for a command without a file. The verb is guessed where it is not given. Of a
    flag with one of the `unknown` values, which a shell alone knows, only the name is judged.
    """
    machine = machine or Machine.here(environment)
    recipe, unreadable = read(path, flags, verb, environment, machine)
    if unreadable:
        return recipe, unreadable
    findings = []
    for name, rule in all_rules().items():
        try:
            is_of_names = rule.__module__ == keys.__name__
            for finding in rule(recipe):
                values = recipe.settings.get(finding.name, [])
                if not is_of_names and any(value in unknown for value in values):
                    continue
                findings.append(msgspec.structs.replace(finding, rule=name))
        # What the file system refuses is a finding too: a name that is too long, no permission, and
        # (RuntimeError) the home directory of a ~user who is unknown.
        except (OSError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            fix = "correct the path, or its permissions"
            finding = recipe.fail(recipe.file or recipe.verb, reason, fix)
            findings.append(msgspec.structs.replace(finding, rule=name))
    return recipe, sorted(findings, key=_rank)


def all_rules() -> dict[str, Rule]:
    """Return name -> rule: the public functions of the files in rules/, in their order."""
    functions: dict[str, Rule] = {}
    for module in iter_modules(rules.__path__, f"{rules.__name__}."):  # sorted by name
        for name, rule in vars(import_module(module.name)).items():
            is_own = isinstance(rule, FunctionType) and rule.__module__ == module.name
            if is_own and not name.startswith("_"):
                functions[name] = rule
    return functions


def _rank(finding: RecipeFinding) -> tuple[int, str, int]:
    """Sort by level, file and line."""
    levels = [Level.FAIL, Level.WARN, Level.OK]
    file, _, line = finding.where.rpartition(":")
    return levels.index(finding.level), file, int(line) if line.isdecimal() else 0
