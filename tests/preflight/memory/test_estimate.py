"""What preflight says about the memory of a recipe."""

import json
from pathlib import Path

import pytest
from helpers.preflight_recipes import H100, LARGE, VERSIONS, make_good_files, preflight

from swiftkit.findings import Level
from swiftkit.recipe.machine import Machine
from swiftkit.recipe.recipe import RecipeFinding


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe of a large model."""
    make_good_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model/config.json").write_text(json.dumps(LARGE), encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text("model: model\nmodel_type: qwen3\ndataset: [train.jsonl]\n", encoding="utf-8")
    return path


def memory_finding(recipe: Path, *flags: str) -> RecipeFinding:
    findings = preflight(recipe, flags, {}, Machine((H100,), VERSIONS), "sft")
    return next(finding for finding in findings if finding.rule == "memory")


def test_memory_says_that_it_is_an_estimate(recipe: Path) -> None:
    """Beside what nvidia-smi shows; a run that does not fit is a warning with what helps."""
    finding = memory_finding(recipe)
    assert finding.level is Level.WARN
    assert "estimate, not measured" in finding.message
    assert "NVIDIA H100 has 80 GB" in finding.message
    assert "zero3" in finding.fix


def test_memory_that_fits_is_no_warning(recipe: Path) -> None:
    """The advice above: 4 bits and short rows."""
    flags = "--quant_method bnb --quant_bits 4 --max_length 512".split()
    assert memory_finding(recipe, *flags).level is Level.OK
