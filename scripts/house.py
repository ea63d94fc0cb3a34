"""Measure the package: its size, expression and imports, as docs/architecture.md gives them.

    python scripts/house.py [PACKAGE]      default: swiftkit

The figures of expression are symptoms to look at, not limits. Depth and floors count the imports
that run when a module is imported; an import inside a function is none.
"""

import argparse
import ast
from collections import Counter
from functools import cache
from pathlib import Path

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def main(package: Path) -> None:
    trees = parse(package)
    print_size(package, list(trees))
    print_expression(trees)
    print_imports(package, trees)


def parse(package: Path) -> dict[Path, ast.Module]:
    """Return the syntax tree of each file of a package."""
    files = sorted(package.rglob("*.py"))
    return {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}


def print_size(package: Path, paths: list[Path]) -> None:
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    top = list(package.glob("*.py"))
    print(f"{'files':34} {len(paths):7}, at the top level {len(top)}")
    print(f"{'lines':34} {len(lines):7}, not blank {sum(bool(line.strip()) for line in lines)}")
    wide = sum(len(line) > 100 for line in lines)
    print(f"{'lines over 100 columns':34} {wide:7}, {100 * wide / len(lines):.1f} %")


def print_expression(trees: dict[Path, ast.Module]) -> None:
    """Count constructs that fold several steps into one line, and helpers that are used once."""
    counts: Counter[str] = Counter()
    statements = 0
    for path, tree in trees.items():
        text = path.read_text(encoding="utf-8")
        counts["lines"] += sum(bool(line.strip()) for line in text.splitlines())
        uses = Counter(
            node.id if isinstance(node, ast.Name) else node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Name | ast.Attribute)
        )
        for node in ast.walk(tree):
            statements += isinstance(node, ast.stmt)
            if isinstance(node, FUNCTIONS):
                counts["functions"] += 1
                if node.name.startswith("_") and not node.name.startswith("__"):
                    counts["private"] += 1
                    counts["used once"] += uses[node.name] == 1
            elif isinstance(node, COMPREHENSIONS):
                counts["comprehensions"] += 1
                inner = [each for each in ast.walk(node) if isinstance(each, COMPREHENSIONS)]
                counts["nested"] += len(inner) > 1 or len(node.generators) > 1
            counts["ternaries"] += isinstance(node, ast.IfExp)
            counts["walrus"] += isinstance(node, ast.NamedExpr)
    print(f"{'statements':34} {statements:7}")
    print(f"{'functions':34} {counts['functions']:7}, private {counts['private']}")
    print(f"{'private functions used once':34} {counts['used once']:7}")
    for name in ("comprehensions", "ternaries", "walrus"):
        rate = 1000 * counts[name] / counts["lines"]
        print(f"{name + ' per 1,000 lines':34} {rate:7.1f}")
    print(f"{'nested comprehensions':34} {counts['nested']:7}")


def print_imports(package: Path, trees: dict[Path, ast.Module]) -> None:
    edges = module_imports(package, trees)
    rooms = room_imports(edges)
    print(f"{'rooms':34} {len(rooms):7}")
    print(f"{'floors of rooms':34} {len(longest_chain(rooms)):7}")
    chain = longest_chain(edges)
    names = " > ".join(module.partition(".")[2] or module for module in chain)
    print(f"{'import depth':34} {len(chain):7}: {names}")
    for pair in cycles(rooms):
        print(f"rooms that import each other: {' and '.join(pair)}")


def module_imports(package: Path, trees: dict[Path, ast.Module]) -> dict[str, set[str]]:
    """Return module -> the package's modules that are imported when it is."""
    modules = {module_of(package, path): tree for path, tree in trees.items()}
    edges = {}
    for name, tree in modules.items():
        edges[name] = imported_modules(tree, set(modules)) - {name}
    return edges


def room_imports(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return room -> the other rooms that its modules import."""
    rooms: dict[str, set[str]] = {room_of(name): set() for name in edges}
    for name, targets in edges.items():
        rooms[room_of(name)] |= {room_of(target) for target in targets} - {room_of(name)}
    return rooms


def module_of(package: Path, path: Path) -> str:
    """Return the dotted name of a module, as swiftkit.data.convert."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """Return the folder below the package, or the module itself at the top level."""
    return ".".join(module.split(".")[:2])


def imported_modules(tree: ast.Module, known: set[str]) -> set[str]:
    """Return the package's own modules that are imported when this one is."""
    found = set()
    for node in import_time_nodes(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & known
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found |= {name if name in known else node.module} & known
    return found


def import_time_nodes(node: ast.AST) -> list[ast.AST]:
    """Return the nodes outside functions and `if TYPE_CHECKING`."""
    found: list[ast.AST] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTIONS, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        found += [child, *import_time_nodes(child)]
    return found


def longest_chain(edges: dict[str, set[str]]) -> list[str]:
    """Return the longest chain of imports; of a cycle only one way round is followed."""
    under_way: set[str] = set()

    @cache
    def below(name: str) -> tuple[str, ...]:
        under_way.add(name)
        chains = [below(target) for target in sorted(edges[name]) if target not in under_way]
        under_way.discard(name)
        return (name, *max(chains, key=len, default=()))

    return list(max((below(name) for name in sorted(edges)), key=len))


def cycles(edges: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Return the pairs of rooms that import each other, directly or not."""
    reach: dict[str, set[str]] = {}
    for start in edges:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for target in edges[waiting.pop()]:
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        reach[start] = seen
    return [(a, b) for a in edges for b in edges if a < b and a in reach[b] and b in reach[a]]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path, nargs="?", default=Path("swiftkit"))
    main(parser.parse_args().package)
