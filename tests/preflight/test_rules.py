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
    NO_GPU,
    ONE,
    VERBS,
    Broken,
    make_good_files,
    preflight,
    recipe_text,
    write,
)

from swiftkit.preflight.examine import all_rules
from swiftkit.recipe.recipe import RecipeFinding

DOCUMENT = ROOT / "docs" / "preflight.md"
CASES = [
    pytest.param(name, broken, id=f"{name}-{number}")
    for name, cases in BROKEN.items()
    for number, broken in enumerate(cases)
]
LEVELS = {"fail": "stops", "warn": "warns", "ok": "tells"}
EXPECTED_ON_GOOD = {"eval": {"broken_eval"}}  # `swift eval` is broken in itself


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the files of the good recipes; the home directory holds no key."""
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


def findings_of(broken: Broken, port: str = "0") -> list[RecipeFinding]:
    write(Path(), broken.files)
    Path("recipe.yaml").write_text(recipe_text(broken).replace("PORT", port), encoding="utf-8")
    environment = {name: value.replace("PORT", port) for name, value in broken.environment.items()}
    verb = VERBS.get(broken.base, broken.base)
    return preflight(Path("recipe.yaml"), broken.flags, environment, broken.machine, verb)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("base", GOOD)
def test_rules_on_a_good_recipe_are_silent(base: str) -> None:
    """So the findings about the fixtures below come from what they add."""
    rules = {finding.rule for finding in findings_of(Broken(base, machine=ONE))}
    assert rules == EXPECTED_ON_GOOD.get(base, set())


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("name", "broken"), CASES)
def test_rule_on_its_fixture_gives_a_finding_with_place_and_fix(
    name: str, broken: Broken, port: str
) -> None:
    """In one line, under the rule's name."""
    findings = [finding for finding in findings_of(broken, port) if finding.rule == name]
    assert any(broken.message in str(finding) for finding in findings), list(map(str, findings))
    for finding in findings:
        assert "\n" not in str(finding)
        assert finding.where
        assert finding.fix or name == "memory"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("size", [0, 4, 2000, 3_999_999_999, 4_000_000_000])
def test_large_model_of_an_unknown_family_is_known_by_its_weights(size: int) -> None:
    """A sparse file takes no room. Where a model is here its name, such as 8B, does not count."""
    write(Path(), {"Other-8B/config.json": '{"model_type": "other"}'})
    if size:
        with Path("Other-8B/model.safetensors").open("wb") as weights:
            weights.truncate(size)
    broken = Broken(yaml="model: Other-8B", machine=NO_GPU)
    is_large = any(finding.rule == "large_model_on_cpu" for finding in findings_of(broken))
    assert is_large is (size in (0, 4_000_000_000))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "model",
    ["Qwen/Qwen3-0.6B", "Qwen/Qwen2.5-1.5B-Instruct", "a/b-4bit", "a/SmolLM2-135M", "a/phi-4"],
)
def test_small_model_on_the_cpu_goes(model: str) -> None:
    """By its name; one that says nothing is not judged."""
    findings = findings_of(Broken(yaml=f"model: {model}", machine=NO_GPU))
    assert "large_model_on_cpu" not in {finding.rule for finding in findings}


def test_every_rule_has_a_fixture_and_every_fixture_a_rule() -> None:
    """At least 50 rules, none of them untried."""
    assert set(BROKEN) == set(all_rules())
    assert len(BROKEN) >= 50


def test_the_document_lists_every_rule(
    folder: Path, port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row each: its name, whether it stops a run, and the first line of its docstring."""
    text = DOCUMENT.read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*\S) \|$", text, re.MULTILINE)
    wanted = []
    for name, rule in all_rules().items():
        make_good_files(folder / name)
        monkeypatch.chdir(folder / name)
        findings = findings_of(BROKEN[name][0], port)
        level = next(finding.level for finding in findings if finding.rule == name)
        sentence = (rule.__doc__ or "").partition("\n")[0]
        assert sentence.endswith("."), f"{name}: the first line of its docstring is no sentence"
        wanted.append((name, LEVELS[level], sentence))
    missing = ["| `{}` | {} | {} |".format(*row) for row in wanted if row not in listed]
    assert not missing, "docs/preflight.md lacks:\n" + "\n".join(missing)
    assert len(listed) == len(wanted), "docs/preflight.md lists rules that are gone"
