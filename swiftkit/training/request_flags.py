"""The flags of `swiftkit eval` that say what a server's recipe says of answers: recipes/eval.sh's.

    python -m swiftkit.training.request_flags SERVER.yaml [swift deploy flags...]

`swiftkit eval` sends max_tokens and temperature with each request, and a request's own win over the
server's max_new_tokens and temperature. Prints one word a line. A value that swift would refuse
gives none: preflight says what is wrong with it.
"""

import math
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from swiftkit.recipe.machine import Machine


def request_flags(file: Path, flags: Sequence[str]) -> list[str]:
    """Return --max-tokens and --temperature with the recipe's values, those that it sets."""
    from swiftkit.recipe.reading import read

    recipe, _ = read(file, flags, "deploy", os.environ, Machine())
    max_new_tokens = recipe.get_float("max_new_tokens")
    temperature = recipe.get_float("temperature")
    words = []
    if max_new_tokens is not None and max_new_tokens >= 1 and max_new_tokens.is_integer():
        words += ["--max-tokens", f"{max_new_tokens:.0f}"]
    if temperature is not None and 0 <= temperature < math.inf:
        words += ["--temperature", str(temperature)]
    return words


if __name__ == "__main__":
    with suppress(ModuleNotFoundError):  # a dry run of a recipe needs nothing but Python
        for word in request_flags(Path(sys.argv[1]), sys.argv[2:]):
            print(word)
