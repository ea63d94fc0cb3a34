"""GPUs, processes, DeepSpeed, FSDP and the CPU."""

from collections.abc import Iterator
from pathlib import Path

from swiftkit.preflight.memory.estimate import zero_config
from swiftkit.recipe.recipe import Fault, Recipe


def deepspeed_without_gpu(recipe: Recipe) -> Iterator[Fault]:
    """DeepSpeed where there is no GPU, and the CPU is not asked for."""
    if recipe.text("deepspeed") and not recipe.machine.gpus and not recipe.true("use_cpu"):
        fix = "run it on a machine with GPUs, leave it out, or add --use_cpu true (zero2 only)"
        yield recipe.fail("deepspeed", "nvidia-smi shows no GPU", fix)


def deepspeed_missing(recipe: Recipe) -> Iterator[Fault]:
    """DeepSpeed that is not installed."""
    if recipe.text("deepspeed") and recipe.machine.lacks("deepspeed"):
        yield recipe.fail("deepspeed", "deepspeed is not installed", "pip install 'swiftkit[gpu]'")


def zero3_on_cpu(recipe: Recipe) -> Iterator[Fault]:
    """ZeRO-3 on the CPU without the plugin that starts DeepSpeed's processes first."""
    if zero_config(recipe)[0] == 3 and recipe.true("use_cpu") and not _starts_deepspeed(recipe):
        fix = "write --deepspeed zero2, or add --external_plugins swiftkit/swift_plugins/deepspeed_on_cpu.py"
        yield recipe.fail(
            "deepspeed",
            "ZeRO-3 on the CPU needs deepspeed.init_distributed() before the model",
            fix,
        )


def deepspeed_taken_away(recipe: Recipe) -> Iterator[Fault]:
    """ACCELERATE_USE_CPU beside DeepSpeed: plain DDP runs instead, without a word."""
    if recipe.text("deepspeed") and recipe.environment.get("ACCELERATE_USE_CPU", "").lower() in (
        "true",
        "1",
    ):
        message = "ACCELERATE_USE_CPU gives plain DDP instead, without a word"
        yield recipe.fail("deepspeed", message, "unset ACCELERATE_USE_CPU and add --use_cpu true")


def deepspeed_and_fsdp(recipe: Recipe) -> Iterator[Fault]:
    """DeepSpeed and FSDP at once."""
    if recipe.text("deepspeed") and recipe.text("fsdp"):
        yield recipe.fail(
            "fsdp", "and deepspeed exclude each other", "keep one; recipes: DEEPSPEED=none"
        )


def sharded_by_one_process(recipe: Recipe) -> Iterator[Fault]:
    """DeepSpeed, FSDP or liger in one process that sees several GPUs: swift spreads the model over
    them and stops."""
    processes = recipe.environment.get("NPROC_PER_NODE", "")
    flags = [flag for flag in ("deepspeed", "fsdp") if recipe.text(flag)] + [
        "use_liger_kernel"
    ] * recipe.true("use_liger_kernel")
    if flags and recipe.trains and len(recipe.machine.gpus) > 1 and not processes:
        message = f"one process sees {len(recipe.machine.gpus)} GPUs, and swift would spread the model over them"
        fix = f"set NPROC_PER_NODE={len(recipe.machine.gpus)} (recipes/*.sh do), or CUDA_VISIBLE_DEVICES=0"
        yield recipe.warn(flags[0], message, fix)


def uneven_processes(recipe: Recipe) -> Iterator[Fault]:
    """A number of processes that does not divide the GPUs, or exceeds them."""
    told, gpus = recipe.environment.get("NPROC_PER_NODE", ""), len(recipe.machine.gpus)
    single = recipe.environment.get("SWIFT_SINGLE_DEVICE_MODE", "0") == "1"
    if (
        told.isdigit()
        and int(told)
        and gpus
        and not recipe.true("use_cpu")
        and not single
        and gpus % int(told)
    ):
        message = f"NPROC_PER_NODE={told}, but there are {gpus} GPUs"
        yield recipe.fail(
            "NPROC_PER_NODE",
            message,
            f"set NPROC_PER_NODE={gpus}, or hide GPUs: CUDA_VISIBLE_DEVICES",
        )


def processes_apart(recipe: Recipe) -> Iterator[Fault]:
    """Several processes on the CPU without use_cpu: independent trainings that overwrite each
    other."""
    if (
        recipe.trains
        and recipe.processes > 1
        and not recipe.machine.gpus
        and not recipe.says("use_cpu", "deepspeed")
    ):
        message = f"{recipe.processes} processes would train apart and overwrite each other"
        yield recipe.fail("use_cpu", message, "add --use_cpu true", use_cpu=["true"])


def half_of_the_answers(recipe: Recipe) -> Iterator[Fault]:
    """Inference by several processes on the CPU: only the first one's rows are written."""
    alone = not recipe.machine.gpus and recipe.environment.get(
        "ACCELERATE_USE_CPU", ""
    ).lower() not in ("true", "1")
    if recipe.verb == "infer" and recipe.processes > 1 and alone:
        message = f"{recipe.processes} processes on the CPU write only the first one's rows"
        yield recipe.fail(
            "result_path", message, "set ACCELERATE_USE_CPU=true, or NPROC_PER_NODE=1"
        )


def fsdp_on_cpu(recipe: Recipe) -> Iterator[Fault]:
    """FSDP on the CPU: plain DDP runs instead, without a word."""
    if recipe.text("fsdp") and recipe.on_cpu:
        yield recipe.warn("fsdp", "gives plain DDP on the CPU, without a word", "leave it out")


def fsdp_model_only(recipe: Recipe) -> Iterator[Fault]:
    """FSDP2 with save_only_model, which its sharded checkpoints cannot do."""
    if recipe.text("fsdp") == "fsdp2" and recipe.true("save_only_model"):
        message = "FSDP2 saves sharded checkpoints, which hold the optimizer too"
        yield recipe.fail("save_only_model", message, "leave it out", save_only_model=None)


def no_gpu(recipe: Recipe) -> Iterator[Fault]:
    """Training without a GPU and without use_cpu: bf16, the default of most models, stops the
    run."""
    float32 = recipe.text("torch_dtype") == "float32" and recipe.settings.get("fp16") == ["false"]
    chosen = float32 or recipe.true("use_cpu") or bool(recipe.text("deepspeed"))
    if recipe.trains and recipe.machine.has_swift and not recipe.machine.gpus and not chosen:
        fix = (
            "add --use_cpu true --torch_dtype float32 --fp16 false, or run it through recipes/*.sh"
        )
        yield recipe.fail("use_cpu", "nvidia-smi shows no GPU, and bf16 needs one", fix)


def half_precision_on_cpu(recipe: Recipe) -> Iterator[Fault]:
    """float32 on the CPU without fp16 false: swift turns fp16 on by itself."""
    turned_on = recipe.text("torch_dtype") in ("float32", "float16") and not recipe.says(
        "fp16", "bf16"
    )
    if recipe.trains and recipe.true("use_cpu") and turned_on:
        message = f"torch_dtype {recipe.text('torch_dtype')} turns fp16 on by itself, which the CPU cannot train"
        yield recipe.fail("fp16", message, "add --fp16 false", fp16=["false"])


def two_precisions(recipe: Recipe) -> Iterator[Fault]:
    """fp16 and bf16 at once."""
    if recipe.true("fp16") and recipe.true("bf16"):
        yield recipe.fail("fp16", "and bf16 exclude each other", "keep bf16", fp16=None)


def old_gpu(recipe: Recipe) -> Iterator[Fault]:
    """bf16 on a GPU before Ampere."""
    old = [gpu for gpu in recipe.machine.gpus if 0 < gpu.capability < 8]
    if old and (recipe.text("torch_dtype") == "bfloat16" or recipe.true("bf16")):
        flag = "torch_dtype" if recipe.says("torch_dtype") else "bf16"
        yield recipe.fail(flag, f"{old[0].name} computes no bf16", "write --torch_dtype float16")


def _starts_deepspeed(recipe: Recipe) -> bool:
    files = [Path(file).expanduser() for file in recipe.values("external_plugins")]
    return any(
        "init_distributed" in file.read_text(encoding="utf-8", errors="replace")
        for file in files
        if file.is_file()
    )
