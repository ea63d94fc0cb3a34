"""docs/rejects.md lists every code that `swiftkit convert` can write and no other: programs depend
on the names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from helpers.paths import ROOT

from swiftkit.data.detect_format import names

DOCUMENT = ROOT / "docs" / "rejects.md"
LINE = re.compile(r"^\| `([a-z0-9_]+)` \| (.*\S) \| (.*\S) \|$", re.MULTILINE)


def modules_of_convert() -> set[Path]:
    """The files that `swiftkit convert` imports, directly or not; the converters are found by their
    folder."""
    waiting = ["swiftkit.data.convert", *(f"swiftkit.data.converters.{name}" for name in names())]
    found: set[Path] = set()
    while waiting:
        file = ROOT / (waiting.pop().replace(".", "/") + ".py")
        if file.exists() and file not in found:
            found.add(file)
            waiting += imported_by(file)
    return found


def imported_by(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("swiftkit"):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def codes_in(file: Path) -> Iterator[tuple[str, str]]:
    """(code, file:line) of each DataError that is made there, or that json_text.decode is told to
    make; an error that is raised anew keeps its code."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        place = f"{file.relative_to(ROOT)}:{node.lineno}"
        position = {"DataError": 1, "decode": 2}.get(node.func.id)
        if position is None:
            continue
        codes = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
        codes += node.args[position : position + 1]
        if node.func.id == "DataError":
            assert codes, f"{place}: this DataError has no code"
        for code in codes:
            yield from ((word, place) for word in _words(code, place))


def _words(code: ast.expr, place: str) -> list[str]:
    """The codes that an expression may be."""
    if isinstance(code, ast.IfExp):
        return [*_words(code.body, place), *_words(code.orelse, place)]
    if isinstance(code, ast.Attribute) and code.attr == "code":
        return []
    if isinstance(code, ast.Name) and place.startswith("swiftkit/json_text.py"):
        return []  # decode hands on what its caller says
    assert isinstance(code, ast.Constant), (
        f"{place}: write the code as a word, so that it can be found"
    )
    return [str(code.value)]


def test_the_list_is_complete() -> None:
    """Each code has its line with the meaning and what to do; a line that nothing writes is struck
    out."""
    listed = {
        code: (meaning, fix)
        for code, meaning, fix in LINE.findall(DOCUMENT.read_text(encoding="utf-8"))
    }
    written = {
        code: place for file in sorted(modules_of_convert()) for code, place in codes_in(file)
    }
    missing = [f"{code} ({place})" for code, place in sorted(written.items()) if code not in listed]
    assert not missing, (
        f"docs/rejects.md has no line `| `code` | meaning | what to do |` for: {', '.join(missing)}"
    )
    stale = sorted(listed.keys() - written.keys())
    assert not stale, (
        f"docs/rejects.md lists codes that no code writes any more: {', '.join(stale)}"
    )


def test_the_list_is_in_order() -> None:
    """A code is found at a glance, and stands there once."""
    for table in DOCUMENT.read_text(encoding="utf-8").split("\n## "):
        codes = [code for code, _, _ in LINE.findall(table)]
        assert codes == sorted(set(codes))
