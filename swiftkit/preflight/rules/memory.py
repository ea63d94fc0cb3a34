"""Whether the run fits."""

from collections.abc import Iterator

from swiftkit.findings import Level
from swiftkit.preflight.memory.estimate import setup_of
from swiftkit.preflight.memory.formula import Memory, memory_of
from swiftkit.recipe.recipe import Fault, Recipe

_NEWS = 2_000_000_000  # bytes: less is no news


def memory(recipe: Recipe) -> Iterator[Fault]:
    """The memory that a GPU would need, beside what nvidia-smi shows: an estimate, not measured."""
    setup = setup_of(recipe)
    if setup is None or (recipe.on_cpu and recipe.true("use_cpu")):
        return
    needed = memory_of(setup)
    parts = ", ".join(
        f"{name} {size / 1e9:.1f}" for name, size in vars(needed).items() if size >= 5e7
    )
    told = f"about {needed.total / 1e9:.0f} GB a GPU (estimate, not measured: {parts})"
    smallest = min(recipe.machine.gpus, key=lambda gpu: gpu.total_memory, default=None)
    if smallest and needed.total > smallest.total_memory:
        message = f"{told}; {smallest.name} has {smallest.total_memory / 1e9:.0f} GB"
        yield recipe.warn("memory", message, _advice(recipe, needed))
    elif smallest and needed.total > smallest.free_memory:
        message = f"{told}; of {smallest.total_memory / 1e9:.0f} GB only {smallest.free_memory / 1e9:.0f} are free"
        yield recipe.warn("memory", message, "stop what uses the GPU: nvidia-smi names it")
    elif needed.total > _NEWS:
        seen = (
            f"; {smallest.name} has {smallest.free_memory / 1e9:.0f} GB free"
            if smallest
            else "; nvidia-smi shows no GPU here"
        )
        yield Fault(Level.OK, "memory", told + seen, where=recipe.file)


def _advice(recipe: Recipe, needed: Memory) -> str:
    """What helps against the largest part."""
    sizes = vars(needed)
    largest = max(sizes, key=lambda name: sizes[name])
    if largest in ("activations", "cache", "logits"):
        many = recipe.whole("per_device_train_batch_size", 1) > 1
        return (
            "lower per_device_train_batch_size"
            if many
            else "lower max_length, or use a fused loss or attention"
        )
    return "shard over more GPUs with --deepspeed zero3, or load the base model with --quant_method bnb --quant_bits 4"
