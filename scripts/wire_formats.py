"""Write the table of docs/wire-formats.md from the formats themselves.

    .venv/bin/python scripts/wire_formats.py

Each file of swiftkit/toolcall/formats/ says in its docstring who writes the format, what else is
read, its limits and the engines' parsers; the call is what its `render` writes.
tests/docs/test_wire_formats.py holds the docstrings whole and the table equal to this.
"""

import argparse
import inspect
import re
from pathlib import Path

from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.wire_format import load_all

DOCUMENT = Path(__file__).parents[1] / "docs" / "wire-formats.md"
BEGIN, END = "<!-- made by scripts/wire_formats.py -->\n", "<!-- end -->\n"
HEAD = (
    "| format | who writes it | one call, as written | read too | limits | engines |\n"
    "|---|---|---|---|---|---|\n"
)
FIELD = re.compile(
    r"^(Written by|Read too|Limits|Engines): (.+?)\.(?=\n(?:\n|[A-Z])|\Z)", re.M | re.S
)
CALL = ToolCall("f", {"a": 1})


def fields(docstring: str) -> dict[str, str]:
    """Return key -> text of a format's docstring, each text in one line."""
    return {match[1]: " ".join(match[2].split()) for match in FIELD.finditer(docstring)}


def table() -> str:
    """Return the table, a row a format."""
    rows = []
    for name, form in load_all().items():
        texts = fields(inspect.getdoc(form) or "")
        example = form.render([CALL]).replace("\n", "⏎")
        ticks = "``" if "`" in example else "`"
        space = " " if "`" in example else ""
        cells = (
            f"`{name}`",
            texts["Written by"],
            f"{ticks}{space}{example}{space}{ticks}",
            texts.get("Read too", ""),
            texts.get("Limits", ""),
            texts["Engines"],
        )
        escaped = [cell.replace("|", "\\|") for cell in cells]
        rows.append(f"| {' | '.join(escaped)} |\n")
    return HEAD + "".join(rows)


def written(document: str) -> str:
    """Return the document with the table as it should be."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    argparse.ArgumentParser(  # it takes none, but says what it is
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
