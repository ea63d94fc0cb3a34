"""The memory estimate: its parameter counts are exact, its sum grows with what takes memory. No GPU
has seen it."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT
from helpers.preflight_recipes import H100, LARGE, VERSIONS, make_good_files
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.preflight import Machine, preflight
from swiftkit.preflight.memory.formula import Setup, checkpoint_bytes, memory_of, trainable
from swiftkit.preflight.memory.model_shape import shape_of

SIZES = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 160,
}  # fmt: skip
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
MODELS: list[dict[str, Any]] = [
    {"model_type": "llama", **SIZES},
    {
        "model_type": "llama",
        **SIZES,
        "attention_bias": True,
        "mlp_bias": True,
        "tie_word_embeddings": True,
    },
    {"model_type": "mistral", **SIZES},
    {"model_type": "qwen2", **SIZES, "tie_word_embeddings": True},
    {"model_type": "qwen3", **SIZES, "head_dim": 32},
    {"model_type": "qwen3", **{name: size for name, size in SIZES.items() if name != "head_dim"}},
    {"model_type": "qwen3", **SIZES, "attention_bias": True},
    {"model_type": "qwen2_moe", **SIZES, **EXPERTS, "shared_expert_intermediate_size": 48},
    {"model_type": "qwen3_moe", **SIZES, **EXPERTS},
    {"model_type": "qwen3_moe", **SIZES, **EXPERTS, "mlp_only_layers": [0]},
    {"model_type": "mixtral", **SIZES, "num_local_experts": 4, "num_experts_per_tok": 2},
    {"model_type": "gpt_oss", **SIZES, "num_local_experts": 4, "num_experts_per_tok": 2},
]
MIXED = MODELS[9]  # dense and sparse layers
LINEAR = {"r": 4, "target_modules": "all-linear"}
ATTENTION = {"r": 8, "target_modules": ["q_proj", "v_proj"]}
WITH_EXPERTS = {
    "r": 4,
    "target_modules": "all-linear",
    "target_parameters": ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"],
}
GPT_OSS_20B = {
    "model_type": "gpt_oss", "hidden_size": 2880, "intermediate_size": 2880, "num_hidden_layers": 24, "head_dim": 64,
    "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 201088, "num_local_experts": 32,
    "num_experts_per_tok": 4, "sliding_window": 128,
}  # fmt: skip


def setup(**changes: Any) -> Setup:
    shape = shape_of(
        {**MODELS[8], "hidden_size": 1024, "vocab_size": 50_000, "num_hidden_layers": 8}
    )
    assert shape
    return Setup(
        **{"shape": shape, "trainable": shape.lora_parameters(8, ("all-linear",)), **changes}
    )


@pytest.mark.e2e
def test_parameters_are_exact() -> None:
    """Of every family that is known, and of LoRA on all linears, on two of them, and on experts."""
    # Where some layers are dense, peft takes their names for the experts of the others too: not
    # counted here.
    pairs = [
        (model, lora)
        for model in MODELS
        for lora in (LINEAR, ATTENTION)
        if lora is ATTENTION or model is not MIXED
    ]
    pairs += [
        (model, WITH_EXPERTS)
        for model in MODELS
        if model["model_type"] in ("gpt_oss", "qwen3_moe") and model is not MIXED
    ]
    script = ROOT / "tests/helpers/count_parameters.py"
    lines = "".join(json.dumps(pair) + "\n" for pair in pairs)
    done = subprocess.run(
        [sys.executable, script], input=lines, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for (model, lora), line in zip(pairs, done.stdout.splitlines(), strict=True):
        shape = shape_of(model)
        assert shape
        modules = lora["target_modules"]
        names = (modules,) if isinstance(modules, str) else tuple(modules)
        adapters = shape.lora_parameters(lora["r"], names, "target_parameters" in lora)
        assert [shape.parameters, adapters] == json.loads(line), (model, lora)


def test_gpt_oss_20b() -> None:
    """20.9B parameters; LoRA of rank 8 has 3.98M on the linears, 88.5M on the experts; eager
    attention as seen."""
    shape = shape_of(GPT_OSS_20B)
    assert shape
    assert shape.parameters == 20_914_757_184
    assert shape.lora_parameters(8, ("all-linear",)) == 3_981_312
    assert shape.lora_parameters(8, (), experts=True) == 88_473_600
    at = [
        memory_of(Setup(shape, length=length, attention="eager")).activations
        for length in (2048, 4096)
    ]
    flat = [memory_of(Setup(shape, length=length)).activations for length in (2048, 4096)]
    assert [round((eager - other) / 1e9, 1) for eager, other in zip(at, flat, strict=True)] == [
        1.6,
        6.4,
    ]


GROWING = {
    "batch": (1, 64), "length": (16, 65_536), "references": (0, 3), "trainable": (10**6, 10**9), "rows": (1, 2),
    "generated": (0, 4096),
}  # fmt: skip
KINDS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["lora", "full"]),
        "bits": st.sampled_from([4, 8, 16, 32]),
        "zero": st.integers(0, 3),
        "gpus": st.sampled_from([1, 2, 8, 64]),
        "attention": st.sampled_from(["eager", "sdpa", "flash_attn"]),
        "checkpointing": st.booleans(),
        "fused_loss": st.booleans(),
        "deepspeed": st.booleans(),
        "optimizer": st.sampled_from(["adamw_torch", "adamw_8bit", "sgd", "adafactor"]),
    }
)


@settings(max_examples=150, deadline=None)
@given(KINDS, st.sampled_from(sorted(GROWING)), st.data())
def test_more_never_takes_less(kind: dict[str, Any], name: str, drawn: st.DataObject) -> None:
    """A longer row, a larger batch, a larger adapter, another reference: each part stays or
    grows."""
    low, high = GROWING[name]
    small = drawn.draw(st.integers(low, high))
    large = drawn.draw(st.integers(small, high))
    few, many = (vars(memory_of(setup(**kind, **{name: size}))) for size in (small, large))
    assert all(many[part] >= few[part] >= 0 for part in few)


@settings(max_examples=150, deadline=None)
@given(KINDS)
def test_what_saves_memory_saves_it(kind: dict[str, Any]) -> None:
    """A higher ZeRO stage, fewer bits, checkpointing, a fused loss, flash attention, LoRA, not
    full: never more."""
    total = memory_of(setup(**kind)).total
    for saving in (
        {"zero": 3},
        {"checkpointing": True},
        {"fused_loss": True},
        {"attention": "flash_attn"},
        {"offload": True},
    ):
        assert memory_of(setup(**{**kind, **saving})).total <= total, saving
    totals = [memory_of(setup(**{**kind, "bits": bits})).total for bits in (4, 8, 16)]
    assert totals == sorted(totals)
    assert (
        memory_of(setup(**{**kind, "method": "lora"})).total
        <= memory_of(setup(**{**kind, "method": "full"})).total
    )


def test_zero_shards_what_it_says() -> None:
    """Stage 1 the optimizer, stage 2 the gradients too, stage 3 the weights too (arXiv 1910.02054,
    figure 1)."""
    base = setup(method="full", gpus=4, deepspeed=True)
    count = trainable(base)
    stages = [memory_of(dataclasses.replace(base, zero=stage)) for stage in range(4)]
    assert [one.optimizer for one in stages] == [12 * count, 3 * count, 3 * count, 3 * count]
    assert [one.gradients for one in stages] == [2 * count, 2 * count, count // 2, count // 2]
    assert stages[2].weights == 2 * count
    assert checkpoint_bytes(base) == 14 * count
    assert checkpoint_bytes(dataclasses.replace(base, save_only_model=True)) == 2 * count


@pytest.mark.parametrize(
    "config",
    [{}, {"model_type": "bert"}, {"model_type": "llama"}, {**MODELS[0], "hidden_size": "x"}],
)
def test_no_guess_for_what_is_not_known(config: dict[str, Any]) -> None:
    """Another family, or a config.json without its sizes: no estimate instead of a wrong one."""
    assert shape_of(config) is None


def test_it_says_that_it_is_an_estimate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside what nvidia-smi shows; a run that does not fit is warned of, with what helps against
    its largest part."""
    make_good_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model/config.json").write_text(json.dumps(LARGE), encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(
        "model: model\nmodel_type: qwen3\ndataset: [train.jsonl]\n", encoding="utf-8"
    )

    def said(*flags: str) -> str:
        found = preflight(tmp_path / "recipe.yaml", flags, {}, Machine((H100,), VERSIONS), "sft")
        return str(next(fault for fault in found if fault.rule == "memory"))

    assert "estimate, not measured" in said()
    assert "NVIDIA H100 has 80 GB" in said()
    assert "zero3" in said()
    assert "warn" not in said("--quant_method", "bnb", "--quant_bits", "4", "--max_length", "512")
