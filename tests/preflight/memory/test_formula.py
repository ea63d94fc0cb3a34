"""The memory estimate beside figures that are not its own: papers, and models on the CPU. No GPU has
seen it."""

import dataclasses
import json
import subprocess
import sys
from typing import Any

import pytest
from helpers.paths import ROOT

from swiftkit.preflight.memory.formula import MemorySetup, checkpoint_bytes, memory_of
from swiftkit.preflight.memory.model_shape import ModelShape, model_shape

LLAMA = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "vocab_size": 32000,
    "num_hidden_layers": 32, "num_attention_heads": 32,
}  # fmt: skip


def shape_of(config: dict[str, Any]) -> ModelShape:
    shape = model_shape(config)
    assert shape
    return shape


@pytest.mark.parametrize(("zero", "gigabytes"), [(0, 120), (1, 31.4), (2, 16.6), (3, 1.9)])
def test_zero_stages_take_what_figure_1_of_the_paper_says(zero: int, gigabytes: float) -> None:
    """Full training of 7.5B parameters on 64 GPUs (Rajbhandari et al. 2020, arXiv 1910.02054).

    In stage 3 swift's configuration keeps 1B gathered parameters besides, 2 bytes each.
    """
    setup = MemorySetup(shape_of(LLAMA), method="full", zero=zero, gpus=64, deepspeed=True)
    memory = memory_of(setup)
    size = memory["weights"] + memory["gradients"] + memory["optimizer"]
    if zero == 3:
        size -= 2_000_000_000
    assert size / setup.shape.parameters == pytest.approx(gigabytes / 7.5, rel=0.02)


def test_checkpoint_of_full_training_holds_14_bytes_a_parameter() -> None:
    """Weights in 16 bits, and the float32 copy and two moments of the paper, section 3.1."""
    setup = MemorySetup(shape_of(LLAMA), method="full", deepspeed=True)
    assert checkpoint_bytes(setup) == 14 * 6738415616
    without = dataclasses.replace(setup, save_only_model=True)
    assert checkpoint_bytes(without) == 2 * 6738415616


def test_cache_of_opt_13b_is_800_kb_a_token() -> None:
    """vLLM's paper gives 800 KB for OPT-13B (arXiv 2309.06180): 2 x 40 layers x 5120 x 2 bytes."""
    opt = shape_of({**LLAMA, "hidden_size": 5120, "num_hidden_layers": 40})
    memory = memory_of(MemorySetup(opt, length=2048, train=False))
    assert memory["cache"] / 2048 == pytest.approx(800 * 1024, rel=0.01)


SIZES = {
    "hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 500,
}  # fmt: skip
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 128}
LOCAL_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
CASES: list[tuple[dict[str, Any], str]] = [
    ({"model_type": "llama", **SIZES}, "sdpa"),
    ({"model_type": "llama", **SIZES}, "eager"),
    ({"model_type": "qwen2", **SIZES}, "sdpa"),
    ({"model_type": "qwen3", **SIZES}, "sdpa"),
    ({"model_type": "qwen3", **SIZES}, "eager"),
    ({"model_type": "qwen3_moe", **SIZES, **EXPERTS}, "sdpa"),
    ({"model_type": "mixtral", **SIZES, **LOCAL_EXPERTS}, "sdpa"),
    ({"model_type": "gpt_oss", **SIZES, **LOCAL_EXPERTS}, "eager"),
]


@pytest.mark.e2e
def test_activations_and_4_bits_are_near_what_torch_and_bitsandbytes_keep() -> None:
    """The tensors that autograd saves for one block, on the CPU: the estimate is within a third."""
    batch, length = 2, 256
    lines = "".join(json.dumps([*case, batch, length]) + "\n" for case in CASES)
    done = subprocess.run(
        [sys.executable, ROOT / "tests/helpers/measure_activations.py"],
        input=lines,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *measured, bits = map(float, done.stdout.split())
    for (config, attention), size in zip(CASES, measured, strict=True):
        estimates = []
        for layers in (3, 4):
            shape = shape_of({**config, "num_hidden_layers": layers})
            setup = MemorySetup(
                shape, batch=batch, length=length, attention=attention, checkpointing=False
            )
            estimates.append(memory_of(setup)["activations"])
        assert 0.67 < (estimates[1] - estimates[0]) / size < 1.33, (config, attention)
    linear = shape_of(LLAMA).linear_parameters
    weights = memory_of(MemorySetup(shape_of(LLAMA), bits=4, train=False))["weights"]
    others = 2 * (shape_of(LLAMA).parameters - linear)
    assert (weights - others) * 8 / linear == pytest.approx(bits, rel=0.001)


def test_eager_attention_of_gpt_oss_20b_takes_6_bytes_a_pair() -> None:
    """64 heads x 4,096 x 4,096 tokens x 6 bytes: the 6.5 GB that were seen in training it."""
    config = {
        "model_type": "gpt_oss", "hidden_size": 2880, "intermediate_size": 2880, "head_dim": 64,
        "num_hidden_layers": 24, "num_attention_heads": 64, "num_key_value_heads": 8,
        "vocab_size": 201088, "num_local_experts": 32, "num_experts_per_tok": 4,
    }  # fmt: skip
    setup = MemorySetup(shape_of(config), length=4096, attention="eager")
    other = dataclasses.replace(setup, attention="sdpa")
    difference = memory_of(setup)["activations"] - memory_of(other)["activations"]
    assert difference == pytest.approx(6.5e9, rel=0.02)


@pytest.mark.parametrize(
    "saving",
    [
        {"zero": 3},
        {"checkpointing": True},
        {"fused_loss": True},
        {"attention": "flash_attn"},
        {"offload": True},
        {"bits": 4},
        {"method": "lora"},
        {"batch": 1},
        {"length": 1024},
        {"references": 0},
        {"rows": 1},
        {"generated": 0},
        {"optimizer": "adamw_8bit"},
    ],
)
def test_each_saving_takes_less_memory(saving: dict[str, Any]) -> None:
    """Beside a setup that saves nothing."""
    wasteful = MemorySetup(
        shape_of(LLAMA), method="full", gpus=4, batch=4, length=4096, attention="eager",
        checkpointing=False, references=1, rows=2, generated=512, adapter=10**8,
    )  # fmt: skip
    smaller = memory_of(dataclasses.replace(wasteful, **saving))
    assert sum(smaller.values()) < sum(memory_of(wasteful).values())
