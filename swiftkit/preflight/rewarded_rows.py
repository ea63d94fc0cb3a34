"""The first row of each data file that the tool-call rewards cannot judge, before swift starts.

The plugin looks too (swift_plugins/tool_call_hooks.py), at data in any form, but only after the
model was loaded, and swift has shuffled the rows by then. Tool definitions are left to it:
compiling 100,000 of them takes longer than seconds.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.recipe.paths import data_files
from swiftkit.recipe.recipe import Recipe, RecipeFinding
from swiftkit.scoring.rewards import TOOLS, check_columns, check_row

REWARDS = (
    "tool_call",
    "tool_call_exact",
    "tool_call_format",
    "tool_call_schema",
    "tool_chain",
    "tool_call_success",
)
_decode_row = msgspec.json.Decoder(dict[str, Any]).decode


def unrewarded_rows(recipe: Recipe) -> Iterator[RecipeFinding]:
    """Yield a finding for each data file with such a row, if the recipe uses these rewards."""
    if not set(REWARDS) & set(recipe.settings.get("reward_funcs", ())):
        return
    chains = recipe.is_set("multi_turn_scheduler")
    for flag, path in data_files(recipe):
        if path.suffix == ".jsonl":
            yield from _first_bad_row(recipe, flag, path, chains)


def _first_bad_row(recipe: Recipe, flag: str, path: Path, chains: bool) -> Iterator[RecipeFinding]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            place = f"{path.absolute()}:{number}"
            try:
                row = _decode_row(line)
                check_row(row | {TOOLS: None}, chains)
                check_columns(list(row), chains)
            except DataError as error:
                yield recipe.fail(flag, f"{place}: {error.reason}", error.fix)
                return
            except (ValueError, KeyError) as error:
                yield recipe.fail(flag, f"{place}: {error}", "convert the file again")
                return
