"""AUDIT=1: the rewards of a recipe are audited before it trains."""

from pathlib import Path

import pytest
from evals.audit.audit_rows import write_rows

from swiftkit.cli.launch import check
from swiftkit.evals.audit.recipe_rewards import audit_rewards
from swiftkit.findings import Level
from swiftkit.recipe.machine import Machine
from swiftkit.recipe.reading import read
from swiftkit.recipe.recipe import RecipeFinding

REWARDS = """
import re
def answer(completions, solution, **kwargs):
    found = [re.fullmatch(r"\\s*<answer>([^<]*)</answer>\\s*", text) for text in completions]
    return [float(bool(m) and m[1].strip() == gold) for m, gold in zip(found, solution)]
def tags(completions, **kwargs):
    return [float(text.startswith("<answer>")) for text in completions]
def anywhere(completions, solution, **kwargs):
    return [float(gold in text) for text, gold in zip(completions, solution)]
"""


def findings(folder: Path, *rewards: str, stops: bool = True) -> list[RecipeFinding]:
    (folder / "mine.py").write_text(REWARDS, encoding="utf-8")
    data = write_rows(folder, "numbers")
    flags = ["--rlhf_type", "grpo", "--dataset", str(data), "--reward_funcs", *rewards]
    flags += ["--external_plugins", str(folder / "mine.py")]
    recipe, unreadable = read(None, flags, "rlhf", {}, Machine((), {}))
    assert not unreadable
    return audit_rewards(recipe, stops)


def test_sound_rewards_pass_beside_one_that_looks_at_the_form(tmp_path: Path) -> None:
    assert findings(tmp_path, "answer", "tags") == []


def test_a_flawed_reward_stops_the_training(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, "answer", "anywhere")
    assert finding.level is Level.FAIL
    assert "every_answer" in finding.message
    assert f"swiftkit audit {tmp_path}/mine.py:anywhere" in finding.fix


def test_a_warning_goes_on(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, "anywhere", stops=False)
    assert finding.level is Level.WARN


def test_one_reward_has_to_look_at_the_answer(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, "tags")
    assert "no reward looks at the answer" in finding.message


def test_what_cannot_be_audited_is_said(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, "no_such_reward")
    assert "no_such_reward" in finding.message


def test_the_launcher_audits_only_where_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a preflight that finds nothing which stops."""
    asked = []
    monkeypatch.setattr(
        "swiftkit.evals.audit.recipe_rewards.audit_rewards",
        lambda recipe, stops: asked.append((recipe.stage, stops)) or [],
    )
    monkeypatch.setattr("swiftkit.preflight.examine.all_rules", dict)
    recipe = tmp_path / "recipe.yaml"
    for text, value in (
        ("rlhf_type: grpo\n", ""),
        ("rlhf_type: grpo\n", "0"),
        ("rlhf_type: dpo\n", "1"),
        ("rlhf_type: grpo\n", "1"),
        ("rlhf_type: grpo\n", "WARN"),
    ):
        recipe.write_text(text)
        monkeypatch.setenv("AUDIT", value)
        assert check(recipe, [], Machine((), {}), "rlhf") == []
    assert asked == [("grpo", True), ("grpo", False)]
