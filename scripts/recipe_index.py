"""Write the table of recipes/README.md from the headers of the recipes.

    .venv/bin/python scripts/recipe_index.py

A header is the comment at a file's top: what the recipe is for, then `Key: text` lines; a text goes
on in lines that are indented by ten. NAME.sh says Hardware, Run, Override, Small (where a CPU can
run it) and Makes; NAME.yaml says What, Hardware, Run, Override and Result.
tests/recipes/test_recipe_headers.py holds the headers whole and the table equal to this.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

RECIPES = Path(__file__).parents[1] / "recipes"
README = RECIPES / "README.md"
BEGIN, END = "<!-- made by scripts/recipe_index.py -->\n", "<!-- end -->\n"
HEAD = "| recipe | what it does | made for | small variant on a CPU |\n|---|---|---|---|\n"
KEY = re.compile(r"^([A-Z][a-z]+): +(.*)$")
CONTINUED = " " * 10


def header(path: Path) -> dict[str, str]:
    """Return key -> text of a recipe's header; a script's purpose, without a key, is What."""
    texts: dict[str, str] = {}
    key = "What"
    for line in _comment(path):
        match = KEY.match(line)
        if match:
            key, texts[match[1]] = match[1], match[2]
        elif not line.startswith("  ") and "Hardware" not in texts:
            texts[key] = f"{texts.get(key, '')} {line}".strip()
        elif line.startswith(CONTINUED):
            texts[key] += f" {line.strip()}"
        else:
            key = "Rest"
            texts.setdefault(key, "")
    return texts


def _comment(path: Path) -> Iterator[str]:
    """Yield the lines of the comment at the top, without #! and the marks."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            return
        if not line.startswith(("#!", "# shellcheck")):
            yield line.removeprefix("#").removeprefix(" ")


def scripts() -> list[Path]:
    return sorted(path for path in RECIPES.glob("*.sh") if path.name not in ("lib.sh", "usage.sh"))


def table() -> str:
    """Return the lines of the table, sorted: a recipe each, or a variant, which is a YAML.

    A variant is NAME_MORE.yaml without a script of its own; NAME.sh takes it.
    """
    rows = {}
    for path in scripts():
        rows[path.stem] = _row(f"`{path.name}`", path)
    for path in RECIPES.glob("*.yaml"):
        if path.stem in rows:
            continue
        takers = [script for script in scripts() if path.stem.startswith(f"{script.stem}_")]
        rows[path.stem] = _row(f"`{takers[-1].name}` `recipes/{path.name}`", path)
    return HEAD + "".join(rows[name] for name in sorted(rows))


def _row(name: str, path: Path) -> str:
    texts = header(path)
    small = RECIPES / "tiny" / f"{path.stem}.yaml"
    result = header(small)["Result"] if small.exists() else texts.get("Result", "none")
    result = re.sub("; how: [^)]*", "", result)
    hardware = re.split(r" \(|; ", texts["Hardware"])[0]
    cells = [name, *map(first_sentence, (texts["What"], hardware, result))]
    return f"| {' | '.join(cells)} |\n"


def first_sentence(text: str) -> str:
    """Return the first sentence without its full stop; a bar would end the cell."""
    return text.partition(". ")[0].removesuffix(".").replace("|", "\\|")


def with_table(page: str) -> str:
    """Return the page with the table as it ought to be."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    argparse.ArgumentParser(  # it takes none, but says what it is
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
