"""The numbers of parameters that the memory estimate starts from are exact."""

import json
import subprocess
import sys
from typing import Any

import pytest
from helpers.paths import ROOT

from swiftkit.preflight.memory.model_shape import ModelShape, model_shape

SIZES = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 160,
}  # fmt: skip
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
LOCAL_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
BIASES = {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}
NO_HEAD_DIM = {name: size for name, size in SIZES.items() if name != "head_dim"}
MIXED = {"model_type": "qwen3_moe", **SIZES, **EXPERTS, "mlp_only_layers": [0]}
MODELS: list[dict[str, Any]] = [
    {"model_type": "llama", **SIZES},
    {"model_type": "llama", **SIZES, **BIASES},
    {"model_type": "mistral", **SIZES},
    {"model_type": "qwen2", **SIZES, "tie_word_embeddings": True},
    {"model_type": "qwen3", **SIZES, "head_dim": 32},
    {"model_type": "qwen3", **NO_HEAD_DIM},
    {"model_type": "qwen3", **SIZES, "attention_bias": True},
    {"model_type": "qwen2_moe", **SIZES, **EXPERTS, "shared_expert_intermediate_size": 48},
    {"model_type": "qwen3_moe", **SIZES, **EXPERTS},
    MIXED,
    {"model_type": "mixtral", **SIZES, **LOCAL_EXPERTS},
    {"model_type": "gpt_oss", **SIZES, **LOCAL_EXPERTS},
]
LINEAR = {"r": 4, "target_modules": "all-linear"}
ATTENTION = {"r": 8, "target_modules": ["q_proj", "v_proj"]}
EXPERT_NAMES = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
WITH_EXPERTS = {**LINEAR, "target_parameters": EXPERT_NAMES}

# Hidden size, MLP, layers, heads, key-value heads, vocabulary, and what else config.json says;
# the number of parameters in the files of weights that were released, as huggingface.co shows it.
TIED = {"tie_word_embeddings": True}
HEAD = {"head_dim": 128}
QWEN3_MOE = {"num_experts": 128, "moe_intermediate_size": 768}
QWEN2_MOE = {"num_experts": 60, "moe_intermediate_size": 1408}
PUBLISHED = {
    "meta-llama/Llama-2-7b-hf": ("llama", 4096, 11008, 32, 32, 32, 32000, {}, 6738415616),
    "meta-llama/Llama-3.1-8B": ("llama", 4096, 14336, 32, 32, 8, 128256, {}, 8030261248),
    "meta-llama/Llama-3.1-70B": ("llama", 8192, 28672, 80, 64, 8, 128256, {}, 70553706496),
    "mistralai/Mistral-7B-v0.1": ("mistral", 4096, 14336, 32, 32, 8, 32000, {}, 7241732096),
    "mistralai/Mixtral-8x7B-v0.1": (
        "mixtral", 4096, 14336, 32, 32, 8, 32000, {"num_local_experts": 8}, 46702792704,
    ),
    "Qwen/Qwen2.5-0.5B": ("qwen2", 896, 4864, 24, 14, 2, 151936, TIED, 494032768),
    "Qwen/Qwen2.5-7B": ("qwen2", 3584, 18944, 28, 28, 4, 152064, {}, 7615616512),
    "Qwen/Qwen1.5-MoE-A2.7B": (
        "qwen2_moe", 2048, 5632, 24, 16, 16, 151936,
        QWEN2_MOE | {"shared_expert_intermediate_size": 5632}, 14315784192,
    ),
    "Qwen/Qwen3-0.6B": ("qwen3", 1024, 3072, 28, 16, 8, 151936, TIED | HEAD, 596049920),
    "Qwen/Qwen3-8B": ("qwen3", 4096, 12288, 36, 32, 8, 151936, HEAD, 8190735360),
    "Qwen/Qwen3-30B-A3B": (
        "qwen3_moe", 2048, 6144, 48, 32, 4, 151936, QWEN3_MOE | HEAD, 30532122624,
    ),
    "openai/gpt-oss-20b": (
        "gpt_oss", 2880, 2880, 24, 64, 8, 201088, {"num_local_experts": 32}, 20914757184,
    ),
    "openai/gpt-oss-120b": (
        "gpt_oss", 2880, 2880, 36, 64, 8, 201088, {"num_local_experts": 128}, 116829156672,
    ),
}  # fmt: skip


def shape_of(name: str) -> ModelShape:
    family, *sizes, others, _ = PUBLISHED[name]
    names = [key for key in SIZES if key != "head_dim"]
    shape = model_shape({"model_type": family, **dict(zip(names, sizes, strict=True)), **others})
    assert shape
    return shape


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_of_a_released_model_are_those_of_its_files(name: str) -> None:
    """To the last one, for models of every family."""
    assert shape_of(name).parameters == PUBLISHED[name][-1]


def test_lora_parameters_are_those_that_others_report() -> None:
    """Llama 7B with rank 8 on q and v, as peft prints it; gpt-oss-20b on linears, on experts."""
    assert shape_of("meta-llama/Llama-2-7b-hf").lora_parameters(8, ("q_proj", "v_proj")) == 4194304
    gpt_oss = shape_of("openai/gpt-oss-20b")
    assert gpt_oss.lora_parameters(8, ("all-linear",)) == 3_981_312
    assert gpt_oss.lora_parameters(8, (), experts=True) == 88_473_600


@pytest.mark.e2e
def test_parameters_of_a_tiny_model_are_those_of_transformers_and_peft() -> None:
    """For every family, and LoRA on all linears, on two of them, and on experts."""
    pairs: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for model in MODELS:
        pairs.append((model, ATTENTION))
        # Where some layers are dense, peft takes their names for the experts of the others too:
        # not counted here.
        if model is not MIXED:
            pairs.append((model, LINEAR))
            if model["model_type"] in ("gpt_oss", "qwen3_moe"):
                pairs.append((model, WITH_EXPERTS))
    script = ROOT / "tests/helpers/count_parameters.py"
    lines = "".join(json.dumps(pair) + "\n" for pair in pairs)
    done = subprocess.run(
        [sys.executable, script], input=lines, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for (model, lora), line in zip(pairs, done.stdout.splitlines(), strict=True):
        shape = model_shape(model)
        assert shape
        modules = lora["target_modules"]
        names = (modules,) if isinstance(modules, str) else tuple(modules)
        adapters = shape.lora_parameters(lora["r"], names, "target_parameters" in lora)
        assert [shape.parameters, adapters] == json.loads(line), (model, lora)


@pytest.mark.parametrize(
    "config",
    [{}, {"model_type": "bert"}, {"model_type": "llama"}, {**MODELS[0], "hidden_size": "x"}],
)
def test_model_shape_of_an_unknown_model_is_none(config: dict[str, Any]) -> None:
    """Another family, or a config.json without its sizes: no estimate instead of a wrong one."""
    assert model_shape(config) is None
