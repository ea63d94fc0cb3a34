"""The memory that a run would need, beside what its GPUs have."""

from swiftkit.findings import Level
from swiftkit.preflight.memory.estimate import memory_setup, serving_backend
from swiftkit.preflight.memory.formula import memory_of
from swiftkit.recipe.recipe import Findings, Recipe, RecipeFinding

_WORTH_SAYING = 2_000_000_000  # bytes


def memory(recipe: Recipe) -> Findings:
    """A GPU would need about this much memory, beside what it has: an estimate, not measured."""
    setup = memory_setup(recipe)
    if setup is None or recipe.get_bool("use_cpu"):
        return
    sizes = memory_of(setup)
    total = sum(sizes.values())
    parts = ", ".join(f"{name} {size / 1e9:.1f}" for name, size in sizes.items() if size >= 5e7)
    message = f"about {total / 1e9:.0f} GB a GPU (estimate, not measured: {parts})"
    share = 1.0  # of the GPU
    if not recipe.trains:
        requests = f"{setup.batch} requests" if setup.batch > 1 else "one request"
        message += f", for {requests} of {setup.length:,} tokens"
        if serving_backend(recipe) == "vllm":
            share = recipe.get_float("vllm_gpu_memory_utilization") or 0.9
    known = [gpu for gpu in recipe.machine.gpus if gpu.total_memory]
    smallest = min(known, key=lambda gpu: gpu.total_memory, default=None)
    if smallest is None:
        if total > _WORTH_SAYING:
            lacks = "does not say how much it has" if recipe.machine.gpus else "shows no GPU here"
            message += f"; nvidia-smi {lacks}"
            yield RecipeFinding(Level.OK, "memory", message, where=recipe.file)
        return
    has, free = smallest.total_memory / 1e9, smallest.free_memory / 1e9
    if total > smallest.total_memory * share:
        message += f"; {smallest.name} has {has:.0f} GB"
        yield recipe.warn("memory", message, _advice(recipe, sizes))
    elif total > smallest.free_memory:
        message += f"; of {has:.0f} GB only {free:.0f} are free"
        yield recipe.warn("memory", message, "stop what uses the GPU: nvidia-smi names it")
    elif total > _WORTH_SAYING:
        message += f"; {smallest.name} has {free:.0f} GB free"
        yield RecipeFinding(Level.OK, "memory", message, where=recipe.file)


def _advice(recipe: Recipe, sizes: dict[str, int]) -> str:
    """Say what helps against the largest part."""
    largest = max(sizes, key=lambda name: sizes[name])
    quantize = "load the base model with --quant_method bnb --quant_bits 4"
    is_vllm = not recipe.trains and serving_backend(recipe) == "vllm"
    if largest not in ("activations", "cache", "logits"):
        if is_vllm:
            return "share it among more GPUs with --vllm_tensor_parallel_size, or quantize it"
        if not recipe.trains:
            return f"let it see more GPUs (CUDA_VISIBLE_DEVICES), or {quantize}"
        return f"shard over more GPUs with --deepspeed zero3, or {quantize}"
    if is_vllm:
        return "lower vllm_max_model_len"
    if not recipe.trains:
        return "lower max_batch_size, or max_new_tokens"
    if recipe.get_int("per_device_train_batch_size", 1) > 1:
        return "lower per_device_train_batch_size"
    return "lower max_length, or use a fused loss or attention"
