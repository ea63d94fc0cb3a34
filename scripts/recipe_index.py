"""Write the table of recipes/README.md from the headers of the recipes.

    .venv/bin/python scripts/recipe_index.py

A header is the comment at a file's top: what the recipe is for, then `Key: text` lines; a text goes
on in lines that are indented by ten. NAME.sh says Hardware, Run, Override, Small (where a CPU can
run it) and Makes; NAME.yaml says What, Hardware, Run, Override and Result.
tests/recipes/test_recipe_headers.py holds the headers whole and the table equal to this.
"""

import re
from collections.abc import Iterator
from pathlib import Path

RECIPES = Path(__file__).parents[1] / "recipes"
README = RECIPES / "README.md"
BEGIN, END = "<!-- made by scripts/recipe_index.py -->\n", "<!-- end -->\n"
HEAD = "| recipe | what it does | made for | small variant on a CPU |\n|---|---|---|---|\n"
KEY = re.compile(r"^([A-Z][a-z]+): +(.*)$")


def header(path: Path) -> dict[str, str]:
    """key -> text of a recipe's header; the purpose, in a script without a key, under What."""
    found: dict[str, str] = {}
    key = "What"
    for line in _comment(path):
        if given := KEY.match(line):
            key, found[given[1]] = given[1], given[2]
        elif not line.startswith("  ") and "Hardware" not in found:
            found[key] = f"{found.get(key, '')} {line}".strip()
        elif line.startswith(" " * 10):
            found[key] += f" {line.strip()}"
        else:
            key = "Rest"
            found.setdefault(key, "")
    return found


def _comment(path: Path) -> Iterator[str]:
    """The lines of the comment at the top, without #! and the marks."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            return
        if not line.startswith(("#!", "# shellcheck")):
            yield line.removeprefix("#").removeprefix(" ")


def scripts() -> list[Path]:
    return sorted(path for path in RECIPES.glob("*.sh") if path.name != "lib.sh")


def variants() -> list[Path]:
    """YAMLs without a script of their own: NAME_MORE.yaml, which NAME.sh takes."""
    return sorted(path for path in RECIPES.glob("*.yaml") if not path.with_suffix(".sh").exists())


def script_of(variant: Path) -> Path:
    return next(path for path in reversed(scripts()) if variant.stem.startswith(f"{path.stem}_"))


def small_variant(name: str) -> str:
    """What was measured with recipes/tiny/NAME.yaml; empty where there is none."""
    path = RECIPES / "tiny" / f"{name}.yaml"
    return header(path)["Result"] if path.exists() else ""


def table() -> str:
    """The lines of the table, a recipe or a variant of one each, in the order of their names."""
    rows = {
        path.stem: f"| `{path.name}` | {_row(path, header(path)['What'])}" for path in scripts()
    }
    for path in variants():
        rows[path.stem] = (
            f"| `{script_of(path).name}` `recipes/{path.name}` | {_row(path, header(path)['What'])}"
        )
    return HEAD + "".join(f"{rows[name]}\n" for name in sorted(rows))


def _row(path: Path, what: str) -> str:
    small = small_variant(path.stem) or header(path).get("Result") or "none"
    needs = re.split(r" \(|; ", header(path)["Hardware"])[0]
    return (
        f"{_sentence(what)} | {_sentence(needs)} | {_sentence(re.sub('; how: [^)]*', '', small))} |"
    )


def _sentence(text: str) -> str:
    """The first sentence, without its full stop; a bar would end the cell."""
    return text.partition(". ")[0].removesuffix(".").replace("|", "\\|")


def written(readme: str) -> str:
    """The page with the table as it ought to be."""
    before, _, rest = readme.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
