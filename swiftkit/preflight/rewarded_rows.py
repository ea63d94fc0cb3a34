"""The first row of a data file that the tool-call rewards cannot judge, before swift starts.

The plugin looks too (swift_plugins/tool_call_hooks.py), at data in any form, but only after the
model was loaded, and swift has shuffled the rows by then. Tool definitions are left to it:
compiling 100,000 of them takes longer than seconds.
"""

from pathlib import Path
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.scoring.rewards import TOOLS, check_columns, check_row

REWARDS = (
    "tool_call tool_call_exact tool_call_format tool_call_schema tool_chain tool_call_success"
).split()
_decode_row = msgspec.json.Decoder(dict[str, Any]).decode


def first_unrewarded_row(path: Path, chains: bool) -> tuple[str, str]:
    """Return the problem, with its FILE:LINE, and the fix; both empty where every row is good."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            place = f"{path.absolute()}:{number}"
            try:
                row = _decode_row(line)
                check_row(row | {TOOLS: None}, chains)
                check_columns(list(row), chains)
            except DataError as error:
                return f"{place}: {error.reason}", error.fix
            except (ValueError, KeyError) as error:
                return f"{place}: {error}", "convert the file again"
    return "", ""
