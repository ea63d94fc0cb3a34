"""The house stays one that a stranger can live in: few rooms, short chains, one name for a thing."""

import ast
import importlib.util
from collections import defaultdict
from types import ModuleType

import pytest
from helpers.paths import ROOT

PACKAGE = ROOT / "swiftkit"
MOST_TOP_LEVEL_FILES = 8
MOST_FLOORS = 9
DEEPEST_IMPORT = 12


@pytest.fixture(scope="module")
def house() -> ModuleType:
    """scripts/house.py as a module."""
    spec = importlib.util.spec_from_file_location("house", ROOT / "scripts" / "house.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def edges(house: ModuleType) -> dict[str, set[str]]:
    """module -> modules that are imported with it."""
    return house.module_imports(PACKAGE, house.parse(PACKAGE))


def test_top_level_has_few_files() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_TOP_LEVEL_FILES


def test_rooms_stand_on_few_floors_without_a_circle(
    house: ModuleType, edges: dict[str, set[str]]
) -> None:
    rooms = house.room_imports(edges)
    assert len(house.longest_chain(rooms)) <= MOST_FLOORS
    assert house.cycles(rooms) == []


def test_imports_are_not_deep(house: ModuleType, edges: dict[str, set[str]]) -> None:
    """A module can be understood without a dozen others."""
    chain = house.longest_chain(edges)
    assert len(chain) <= DEEPEST_IMPORT, " > ".join(chain)


def test_class_names_are_unique() -> None:
    """A name in a traceback or a signature means one thing."""
    places = defaultdict(list)
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip("_")].append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_house_measures_a_package_of_known_shape(
    house: ModuleType, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each figure, on a package that was counted by hand."""
    package = tmp_path_factory.mktemp("x") / "toy"
    for name, text in {
        "__init__": "",
        "base": "def _used_once(x):\n    return [y for y in x if y] if x else []\n",
        "room/__init__": "",
        "room/top": (
            "from toy.base import _used_once\n"
            "def f(x):\n    import toy.other\n    return {a: [b for b in a] for a in _used_once(x)}\n"
        ),
        "other": "from toy.room import top\n",
    }.items():
        file = package / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    house.main(package)
    printed = dict(line.rsplit("  ", 1) for line in capsys.readouterr().out.splitlines())
    figures = {name.strip(): value.strip() for name, value in printed.items()}
    assert figures["files"] == "5, at the top level 3"
    assert figures["functions"] == "2, private 1"
    assert figures["nested comprehensions"] == "1"
    assert figures["floors of rooms"] == "3"
    assert figures["import depth"] == "3: other > room.top > base"
