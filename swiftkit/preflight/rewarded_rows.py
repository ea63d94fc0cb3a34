"""Whether a recipe's rows can be rewarded, seen before swift starts: the file and line of the first
one that cannot.

The plugin looks too (swift_plugins/tool_call_hooks.py), at data in any form, but only after the
model was loaded, and swift has shuffled the rows by then. Tool definitions are left to it:
compiling 100,000 of them is no matter of seconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.findings import Finding, Level
from swiftkit.scoring.rewards import TOOLS, check_columns, check_row

REWARDS = (
    "tool_call",
    "tool_call_exact",
    "tool_call_format",
    "tool_call_schema",
    "tool_chain",
    "tool_call_success",
)
_row = msgspec.json.Decoder(dict[str, Any]).decode


def unrewarded(settings: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """A finding for each data set of a recipe (flag -> values) with rows that its rewards cannot
    judge."""
    if not set(settings.get("reward_funcs", ())) & set(REWARDS):
        return
    for value in [*settings.get("dataset", ()), *settings.get("val_dataset", ())]:
        path = Path(
            value if Path(value).exists() else value.rpartition("#")[0] or value
        ).expanduser()
        if path.suffix == ".jsonl" and path.is_file():
            yield from _first_fault(path, chains="multi_turn_scheduler" in settings)


def _first_fault(path: Path, chains: bool) -> Iterator[Finding]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                row = _row(line)
                check_row(row | {TOOLS: None}, chains)
                check_columns(list(row), chains)
            except DataError as error:
                yield Finding(
                    Level.FAIL, "dataset", f"{path.absolute()}:{number}: {error.reason}", error.fix
                )
                return
            except (ValueError, KeyError) as error:
                yield Finding(
                    Level.FAIL,
                    "dataset",
                    f"{path.absolute()}:{number}: {error}",
                    "convert the file again",
                )
                return
