"""What preflight says about the memory of a recipe."""

import json
import re
from pathlib import Path

import pytest
from helpers.preflight_recipes import H100, LARGE, QWEN, VERSIONS, make_good_files, preflight

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


QWEN3_8B = QWEN | {
    "hidden_size": 4096, "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8,
    "head_dim": 128, "intermediate_size": 12288, "vocab_size": 151936, "max_position_embeddings": 40960,
}  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "flags", "low", "high", "words"),
    [
        ("deploy", "--max_batch_size 32 --max_new_tokens 2048", 35, 50, "32 requests of 4,096"),
        ("deploy", "--max_batch_size 1 --max_length 1024", 16, 20, "one request of 1,024"),
        ("deploy", "--infer_backend vllm", 20, 30, "one request of 40,960"),
        ("rollout", "--vllm_tensor_parallel_size 2", 10, 15, "one request of 40,960"),
    ],
)
def test_serving_needs_weights_and_the_cache_of_its_requests(
    recipe: Path, verb: str, flags: str, low: int, high: int, words: str
) -> None:
    """Qwen3-8B has 16.4 GB of weights in 16 bits, and 147 kB of keys and values a token."""
    Path("model/config.json").write_text(json.dumps(QWEN3_8B), encoding="utf-8")
    recipe.write_text("model: model\nmodel_type: qwen3\n", encoding="utf-8")
    findings = preflight(recipe, flags.split(), {}, Machine((H100,) * 2, VERSIONS), verb)
    (finding,) = (finding for finding in findings if finding.rule == "memory")
    assert finding.level is Level.OK
    amount = re.match(r"about (\d+) GB a GPU", finding.message)
    assert amount
    gpus = 1 if "vllm" in flags or verb == "rollout" else 2
    assert low <= int(amount[1]) * gpus <= high + 2
    assert words in finding.message


def test_a_server_that_does_not_fit_is_told_what_lowers_it(recipe: Path) -> None:
    """The largest part decides: here the cache."""
    Path("model/config.json").write_text(json.dumps(QWEN3_8B), encoding="utf-8")
    recipe.write_text("model: model\nmodel_type: qwen3\n", encoding="utf-8")
    flags = "--max_batch_size 256 --max_length 4096".split()
    findings = preflight(recipe, flags, {}, Machine((H100,), VERSIONS), "deploy")
    (finding,) = (finding for finding in findings if finding.rule == "memory")
    assert finding.level is Level.WARN
    assert "max_batch_size" in finding.fix
