"""A recipe's command, corrected: what the faults say to change is changed, in words for a shell."""

import shlex
from collections.abc import Sequence

from swiftkit.preflight.recipe import Fault, Recipe


def corrected(recipe: Recipe, faults: Sequence[Fault]) -> str:
    """`swift VERB --flag value ...` with every change that a fault names; empty if none names one."""
    changes = {flag: values for fault in faults for flag, values in fault.changes.items()}
    if not changes:
        return ""
    settings = {flag: values for flag, values in {**recipe.given, **changes}.items() if values is not None}
    words = [word for flag, values in settings.items() for word in (f"--{flag}", *values)]
    return shlex.join(["swift", recipe.verb, *words])
