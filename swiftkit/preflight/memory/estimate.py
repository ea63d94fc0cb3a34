"""The sizes of a recipe that decide about memory; formula.py computes with them."""

from pathlib import Path

from swiftkit.preflight.memory.formula import MemorySetup
from swiftkit.preflight.memory.model_shape import ModelShape, model_shape
from swiftkit.recipe.model_files import model_config, quantization, read_object
from swiftkit.recipe.recipe import Recipe

_PAIRS = ("dpo", "rm", "orpo", "cpo", "simpo", "kto")  # two sequences a row
_GENERATING = ("grpo", "ppo", "gkd")
_SERVING = ("infer", "deploy", "app", "rollout")
_QUESTION = 2048  # tokens; an assumption, where a recipe sets no length for serving
_ANSWER = 2048  # tokens, where it sets no max_new_tokens either
_VLLM_BATCH = 8192  # tokens that vLLM computes at once (max_num_batched_tokens)
# Flags of each backend: the length, and the GPUs that share a model
_BACKENDS = {
    "vllm": ("vllm_max_model_len", "vllm_tensor_parallel_size"),
    "sglang": ("sglang_context_length", "sglang_tp_size"),
    "lmdeploy": ("lmdeploy_session_len", "lmdeploy_tp"),
}


def memory_setup(recipe: Recipe) -> MemorySetup | None:
    """Return what decides about the memory; None for an unknown model, or where swift runs none."""
    config = model_config(recipe)
    shape = model_shape(config)
    if shape is None or not (recipe.trains or recipe.verb in _SERVING):
        return None
    if not recipe.trains:
        return _serving_setup(recipe, shape)
    modules = tuple(recipe.get_list("target_modules"))
    experts = any("experts" in name for name in recipe.get_list("target_parameters"))
    stage, offload = zero_config(recipe)
    generated = 0
    if recipe.stage in _GENERATING:
        generated = recipe.get_int("max_completion_length", 512)
    scored = {"grpo": generated, "ppo": generated, "rm": 1}
    # gpt-oss has no sdpa in transformers, and silently gets eager.
    attention = "eager" if config.get("model_type") == "gpt_oss" else "sdpa"
    return MemorySetup(
        shape=shape,
        method="full" if recipe.get_str("tuner_type") == "full" else "lora",
        bits=_bits(recipe),
        adapter=shape.lora_parameters(recipe.get_int("lora_rank", 8), modules, experts),
        zero=3 if recipe.get_str("fsdp") else stage,
        gpus=max(recipe.processes, 1),
        batch=recipe.get_int("per_device_train_batch_size", 1),
        length=_length(recipe) or shape.longest or 2048,
        attention=recipe.get_str("attn_impl") or attention,
        checkpointing=recipe.get_bool("gradient_checkpointing"),
        fused_loss=recipe.get_bool("use_liger_kernel"),
        optimizer=recipe.get_str("optim"),
        deepspeed=bool(recipe.get_str("deepspeed")),
        references=_references(recipe),
        rows=2 if recipe.stage in _PAIRS else 1,
        generated=generated,
        scored=scored.get(recipe.stage, 0),
        offload=offload,
        save_only_model=recipe.get_bool("save_only_model"),
    )


def serving_backend(recipe: Recipe) -> str:
    """Return what generates in serving: transformers, vllm, sglang or lmdeploy."""
    return "vllm" if recipe.verb == "rollout" else recipe.get_str("infer_backend")


def _serving_setup(recipe: Recipe, shape: ModelShape) -> MemorySetup:
    """Return the weights and the cache of keys and values that serving needs at least.

    transformers fills the cache as requests come: counted are max_batch_size of them. vLLM and its
    like reserve a share of the GPU, and stop where one request of the longest length does not fit.
    """
    backend = serving_backend(recipe)
    longest = shape.longest or 1 << 30
    if backend in _BACKENDS:
        length_flag, shards_flag = _BACKENDS[backend]
        batch, shards = 1, recipe.get_int(shards_flag, 1)
        length = recipe.get_int(length_flag, 0) or min(longest, 1 << 17)
        computed = min(length, _VLLM_BATCH)
    else:
        batch = max(recipe.get_int("max_batch_size", 1), 1)  # -1: all that come
        # One process spreads the model over the GPUs that it sees.
        shards = max(len(recipe.machine.gpus), 1) if recipe.processes == 1 else 1
        answer = recipe.get_int("max_new_tokens", 0) or _ANSWER
        length = recipe.get_int("max_model_len", 0) or recipe.get_int("max_length", 0)
        length = length or min(longest, _QUESTION + answer)
        computed = batch * length
    return MemorySetup(
        shape=shape,
        bits=_bits(recipe),
        batch=batch,
        length=length,
        train=False,
        shards=max(shards, 1),
        computed=computed,
    )


def zero_config(recipe: Recipe) -> tuple[int, bool]:
    """Return (stage, is the optimizer offloaded) of --deepspeed: swift's name, or a JSON file."""
    value = recipe.get_str("deepspeed")
    if value.startswith("zero") and value[4:5].isdecimal():
        return int(value[4]), value.endswith("offload")
    zero = read_object(Path(value).expanduser()).get("zero_optimization") if value else None
    if not isinstance(zero, dict):
        return 0, False
    stage, offload = zero.get("stage"), zero.get("offload_optimizer")
    device = offload.get("device") if isinstance(offload, dict) else None
    return stage if isinstance(stage, int) else 0, device in ("cpu", "nvme")


def _bits(recipe: Recipe) -> int:
    """Return the bits of a base weight. MXFP4 is dequantized to 16 in training and on old GPUs."""
    bits = recipe.get_int("quant_bits", 0)
    if recipe.get_str("quant_method") in ("bnb", "hqq", "quanto", "eetq") and bits in (4, 8):
        return bits
    method = quantization(recipe)
    packs_mxfp4 = serving_backend(recipe) == "vllm" or "kernels" in recipe.machine.versions
    if method in ("bitsandbytes", "gptq", "awq"):
        return 4
    if method == "mxfp4" and not recipe.trains and packs_mxfp4:
        return 4
    if method == "fp8":
        return 8
    return 32 if recipe.get_str("torch_dtype") == "float32" else 16


def _length(recipe: Recipe) -> int:
    """Return the tokens of a row: of a packed one, else of max_length; 0 where it is not set."""
    length = 0
    if recipe.get_bool("packing"):
        length = recipe.get_int("packing_length", 0)
    return length or recipe.get_int("max_length", 0)


def _references(recipe: Recipe) -> int:
    """Return the number of whole frozen models beside the trained one."""
    models = 2 if recipe.stage == "ppo" else 0  # the reward model and the value model
    has_reference = recipe.stage in ("dpo", "kto", "ppo", "grpo")
    is_off = recipe.stage == "grpo" and recipe.get_float("beta") == 0
    if has_reference and recipe.get_str("tuner_type") == "full" and not is_off:
        models += 1
    if recipe.is_set("teacher_model"):
        models += 1
    return models
