"""From a recipe to the sizes that decide about memory (swiftkit/preflight/memory/formula.py)."""

from pathlib import Path

from swiftkit.preflight.memory.formula import Setup
from swiftkit.preflight.memory.model_shape import shape_of
from swiftkit.recipe.model_files import config_of, quantization, read_object
from swiftkit.recipe.recipe import Recipe

_PAIRS = ("dpo", "rm", "orpo", "cpo", "simpo", "kto")  # two sequences a row
_GENERATING = ("grpo", "ppo", "gkd")


def setup_of(recipe: Recipe) -> Setup | None:
    """None where the model's config.json is not there or of no family that we know, or where swift
    runs no model."""
    shape = shape_of(config_of(recipe))
    if shape is None or not (recipe.trains or recipe.verb in ("infer", "deploy")):
        return None
    method = "full" if recipe.text("tuner_type") == "full" else "lora"
    experts = any("experts" in name for name in recipe.values("target_parameters"))
    modules = tuple(recipe.values("target_modules"))
    stage, stages = recipe.stage, zero_config(recipe)
    generated = _generated(recipe)
    return Setup(
        shape=shape,
        method=method,
        bits=_bits(recipe),
        trainable=shape.lora_parameters(recipe.whole("lora_rank", 8), modules, experts),
        zero=3 if recipe.text("fsdp") else stages[0],
        gpus=max(recipe.processes, 1),
        batch=recipe.whole("per_device_train_batch_size" if recipe.trains else "max_batch_size", 1),
        length=_length(recipe, shape.longest),
        attention=attention(recipe),
        checkpointing=recipe.true("gradient_checkpointing"),
        fused_loss=recipe.true("use_liger_kernel"),
        optimizer=recipe.text("optim"),
        deepspeed=bool(recipe.text("deepspeed")),
        references=_references(recipe, method),
        rows=2 if stage in _PAIRS else 1,
        generated=generated,
        scored=generated if stage in ("grpo", "ppo") else 1 if stage == "rm" else 0,
        train=recipe.trains,
        offload=stages[1],
        save_only_model=recipe.true("save_only_model"),
    )


def zero_config(recipe: Recipe) -> tuple[int, bool]:
    """(stage, whether the optimizer is offloaded) of --deepspeed: a name of swift's, or a JSON
    file."""
    value = recipe.text("deepspeed")
    if value.startswith("zero") and value[4:5].isdigit():
        return int(value[4]), value.endswith("offload")
    optimization = read_object(Path(value).expanduser()).get("zero_optimization") if value else None
    if not isinstance(optimization, dict):
        return 0, False
    stage, offload = optimization.get("stage"), optimization.get("offload_optimizer")
    device = offload.get("device") if isinstance(offload, dict) else None
    return (stage if isinstance(stage, int) else 0), device in ("cpu", "nvme")


def attention(recipe: Recipe) -> str:
    """gpt-oss has no sdpa in transformers: without a word it is eager."""
    return recipe.text("attn_impl") or (
        "eager" if config_of(recipe).get("model_type") == "gpt_oss" else "sdpa"
    )


def _bits(recipe: Recipe) -> int:
    """MXFP4 and other ready-made formats: in training MXFP4 is dequantized to 16 bits."""
    loaded = (
        recipe.whole("quant_bits", 0)
        if recipe.text("quant_method") in ("bnb", "hqq", "quanto", "eetq")
        else 0
    )
    if loaded in (4, 8):
        return loaded
    return (
        4
        if quantization(recipe) in ("bitsandbytes", "gptq", "awq")
        else 32
        if recipe.text("torch_dtype") == "float32"
        else 16
    )


def _length(recipe: Recipe, longest: int) -> int:
    """Tokens of a row: of a packed one, of max_length, else the longest that the model takes."""
    packed = recipe.whole("packing_length", 0) if recipe.true("packing") else 0
    served = 0 if recipe.trains else recipe.whole("max_model_len", 0)
    return packed or served or recipe.whole("max_length", 0) or longest or 2048


def _generated(recipe: Recipe) -> int:
    if not recipe.trains:
        return 0  # inside the length that is served
    return recipe.whole("max_completion_length", 512) if recipe.stage in _GENERATING else 0


def _references(recipe: Recipe, method: str) -> int:
    """Whole frozen models beside the trained one: with LoRA the reference is the model without its
    adapter."""
    beta_off = recipe.stage == "grpo" and recipe.number("beta") == 0
    reference = recipe.stage in ("dpo", "kto", "ppo", "grpo") and method == "full" and not beta_off
    return int(reference) + (2 if recipe.stage == "ppo" else 0) + bool(recipe.says("teacher_model"))
