"""What import-linter cannot say: nothing heavy at import time, plugins unique and used by swift
alone."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.paths import ROOT

MODULES = sorted((ROOT / "swiftkit").rglob("*.py"))
OURS = [path for path in MODULES if "swift_plugins" not in path.parts]
HEAVY = {"swift", "torch", "transformers", "datasets", "modelscope", "vllm"}
NETWORK_AND_DISK = {
    "aiohttp",
    "openai",
    "socket",
    "urllib",
    "http",
    "pathlib",
    "os",
    "shutil",
    "tempfile",
    "io",
    "subprocess",
}


def name_of(path: Path) -> str:
    """swiftkit/evals/tasks/tool_call.py -> swiftkit.evals.tasks.tool_call"""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, top_level_only: bool = False) -> Iterator[str]:
    """Every module that a file imports; `from a import b` counts as a and as a.b."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _at_import_time(tree) if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _at_import_time(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes that run when the file is imported: everything outside functions."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _at_import_time(child)


def roots(names: Iterator[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_nothing_heavy_at_import_time(path: Path) -> None:
    """Outside swift_plugins no module imports swift or torch at its top level."""
    assert not roots(imports(path, top_level_only=True)) & HEAVY


@pytest.mark.parametrize(
    "path", sorted((ROOT / "swiftkit" / "toolcall").rglob("*.py")), ids=name_of
)
def test_toolcall_knows_neither_network_nor_disk(path: Path) -> None:
    """What a tool call is can be computed anywhere, also inside a trainer."""
    assert not roots(imports(path)) & NETWORK_AND_DISK


@pytest.mark.parametrize(
    "path", sorted((ROOT / "swiftkit" / "swift_plugins").glob("*.py")), ids=name_of
)
def test_plugins_are_used_by_swift_alone(path: Path) -> None:
    """swift imports them by their stem, so stems are unique and no module of ours imports them."""
    assert [other.stem for other in MODULES].count(path.stem) == 1 or path.stem == "__init__"
    assert not any(
        name.startswith("swiftkit.swift_plugins") for module in OURS for name in imports(module)
    )


def test_importing_everything_loads_nothing_heavy() -> None:
    """All modules outside swift_plugins, imported in a fresh interpreter, leave torch and its kin
    unloaded."""
    names = [name_of(path) for path in OURS if path.name != "__main__.py"]
    code = (
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        f"loaded = {{'torch', 'transformers', 'swift', 'scipy', 'numpy'}} & sys.modules.keys()\n"
        "sys.exit(f'loaded: {loaded}' if loaded else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
