"""Every rule of preflight: a good recipe does not break it, its fixtures do, and docs/preflight.md
lists it."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.preflight_recipes import (
    BROKEN,
    GOOD,
    ONE,
    VERBS,
    Broken,
    make_good_files,
    recipe_text,
    write,
)

from swiftkit.preflight import Fault, all_rules, preflight

DOCUMENT = ROOT / "docs" / "preflight.md"
CASES = [
    pytest.param(name, broken, id=f"{name}-{n}")
    for name, cases in BROKEN.items()
    for n, broken in enumerate(cases)
]
LEVELS = {"fail": "stops", "warn": "warns", "ok": "tells"}
EXPECTED_ON_GOOD = {"eval": {"broken_eval"}}  # `swift eval` is broken in itself


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with what the good recipes name; the home directory holds no key."""
    make_good_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    return tmp_path


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield str(listener.getsockname()[1])


def faults(broken: Broken, port: str = "0") -> list[Fault]:
    write(Path(), broken.files)
    Path("recipe.yaml").write_text(recipe_text(broken).replace("PORT", port), encoding="utf-8")
    environment = {name: value.replace("PORT", port) for name, value in broken.environment.items()}
    verb = VERBS.get(broken.base, broken.base)
    return preflight(Path("recipe.yaml"), broken.flags, environment, broken.machine, verb)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("base", GOOD)
def test_a_good_recipe_breaks_no_rule(base: str) -> None:
    """What the fixtures below are made of is silent, so what they say comes from what they add."""
    assert {fault.rule for fault in faults(Broken(base, machine=ONE))} == EXPECTED_ON_GOOD.get(
        base, set()
    )


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("name", "broken"), CASES)
def test_a_broken_recipe_is_named(name: str, broken: Broken, port: str) -> None:
    """By the rule's name, in one line, at a place, with a fix."""
    found = [fault for fault in faults(broken, port) if fault.rule == name]
    assert found
    assert any(broken.said in str(fault) for fault in found), list(map(str, found))
    for fault in found:
        assert "\n" not in str(fault)
        assert fault.where
        assert fault.fix or name == "memory"


def test_every_rule_has_a_fixture_and_every_fixture_a_rule() -> None:
    """At least 50 rules, none of them untried."""
    assert set(BROKEN) == set(all_rules())
    assert len(BROKEN) >= 50


def test_the_document_lists_every_rule(
    folder: Path, port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row each: its name, whether it stops a run, and the first line of its docstring."""
    listed = re.findall(
        r"^\| `(\w+)` \| (\w+) \| (.*\S) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE
    )
    wanted = []
    for name, rule in all_rules().items():
        make_good_files(folder / name)
        monkeypatch.chdir(folder / name)
        level = next(fault.level for fault in faults(BROKEN[name][0], port) if fault.rule == name)
        wanted.append(
            (name, LEVELS[level], " ".join((rule.__doc__ or "").partition("\n\n")[0].split()))
        )
    missing = ["| `{}` | {} | {} |".format(*row) for row in wanted if row not in listed]
    assert not missing, "docs/preflight.md lacks:\n" + "\n".join(missing)
    assert len(listed) == len(wanted), "docs/preflight.md lists rules that are gone"
