"""GPUs, processes, DeepSpeed, FSDP and the CPU."""

import re
from pathlib import Path

from swiftkit.preflight.memory.estimate import zero_config
from swiftkit.preflight.memory.model_shape import model_shape
from swiftkit.recipe.model_files import model_config, weight_bytes
from swiftkit.recipe.recipe import Findings, Recipe, whole_number

_LARGE = 2_000_000_000  # parameters; a step of such a model takes minutes on a CPU
# 8B, 0.6B, the 30B and the A3B of 30B-A3B, the 7B of 8x7B; not 4bit
_SIZE_IN_NAME = re.compile(r"(?<![0-9.])([0-9]+(?:\.[0-9]+)?)[bB](?![A-Za-z0-9])")


def broken_gpu(recipe: Recipe) -> Findings:
    """nvidia-smi shows an error in place of a GPU, which is counted all the same."""
    for fault in recipe.machine.gpu_faults:
        fix = "mend it, or name the others in CUDA_VISIBLE_DEVICES"
        yield recipe.warn("GPU", fault, fix)


def deepspeed_without_gpu(recipe: Recipe) -> Findings:
    """DeepSpeed is set where there is no GPU, and without use_cpu."""
    if recipe.get_str("deepspeed") and not recipe.machine.gpus and not recipe.get_bool("use_cpu"):
        fix = "run it on a machine with GPUs, leave it out, or add --use_cpu true (zero2 only)"
        yield recipe.fail("deepspeed", "nvidia-smi shows no GPU", fix)


def deepspeed_missing(recipe: Recipe) -> Findings:
    """DeepSpeed is not installed."""
    if recipe.get_str("deepspeed") and recipe.machine.lacks("deepspeed"):
        yield recipe.fail("deepspeed", "deepspeed is not installed", "pip install 'swiftkit[gpu]'")


def zero3_on_cpu(recipe: Recipe) -> Findings:
    """ZeRO-3 on the CPU needs the plugin that starts DeepSpeed's processes first."""
    if zero_config(recipe)[0] != 3 or not recipe.get_bool("use_cpu"):
        return
    for plugin in recipe.get_list("external_plugins"):
        path = Path(plugin).expanduser()
        if path.is_file() and b"init_distributed" in path.read_bytes():
            return
    message = "ZeRO-3 on the CPU needs deepspeed.init_distributed() before the model"
    fix = "write --deepspeed zero2, or add --external_plugins"
    yield recipe.fail("deepspeed", message, f"{fix} swiftkit/swift_plugins/deepspeed_on_cpu.py")


def deepspeed_taken_away(recipe: Recipe) -> Findings:
    """ACCELERATE_USE_CPU silently turns DeepSpeed into plain DDP."""
    if recipe.get_str("deepspeed") and _is_accelerate_on_cpu(recipe):
        message = "ACCELERATE_USE_CPU silently gives plain DDP instead"
        yield recipe.fail("deepspeed", message, "unset ACCELERATE_USE_CPU and add --use_cpu true")


def deepspeed_and_fsdp(recipe: Recipe) -> Findings:
    """DeepSpeed and FSDP exclude each other."""
    if recipe.get_str("deepspeed") and recipe.get_str("fsdp"):
        fix = "keep one; recipes: DEEPSPEED=none"
        yield recipe.fail("fsdp", "and deepspeed exclude each other", fix)


def sharded_by_one_process(recipe: Recipe) -> Findings:
    """One process with DeepSpeed, FSDP or liger sees several GPUs: swift stops at that."""
    flags = [flag for flag in ("deepspeed", "fsdp") if recipe.get_str(flag)]
    if recipe.get_bool("use_liger_kernel"):
        flags.append("use_liger_kernel")
    gpus, processes = len(recipe.machine.gpus), recipe.environment.get("NPROC_PER_NODE", "")
    if flags and recipe.trains and gpus > 1 and not processes:
        message = f"one process sees {gpus} GPUs, and swift would spread the model over them"
        fix = f"set NPROC_PER_NODE={gpus} (recipes/*.sh do), or CUDA_VISIBLE_DEVICES=0"
        yield recipe.warn(flags[0], message, fix)


def uneven_processes(recipe: Recipe) -> Findings:
    """The number of processes does not divide the GPUs, or exceeds them."""
    value, gpus = recipe.environment.get("NPROC_PER_NODE", ""), len(recipe.machine.gpus)
    shares_one = recipe.environment.get("SWIFT_SINGLE_DEVICE_MODE", "0") == "1"
    processes = whole_number(value)
    if recipe.get_bool("use_cpu") or shares_one or not processes:
        return
    if gpus % processes:
        message = f"NPROC_PER_NODE={value}, but there are {gpus} GPUs"
        fix = f"set NPROC_PER_NODE={gpus}, or hide GPUs: CUDA_VISIBLE_DEVICES"
        yield recipe.fail("NPROC_PER_NODE", message, fix)


def processes_apart(recipe: Recipe) -> Findings:
    """Several processes on the CPU without use_cpu train apart and overwrite each other."""
    is_parallel = recipe.trains and recipe.processes > 1 and not recipe.machine.gpus
    if is_parallel and not recipe.is_set("use_cpu", "deepspeed"):
        message = f"{recipe.processes} processes would train apart and overwrite each other"
        yield recipe.fail("use_cpu", message, "add --use_cpu true")


def half_of_the_answers(recipe: Recipe) -> Findings:
    """Of several processes that infer on the CPU only the first one's rows are written."""
    is_parallel = recipe.verb == "infer" and recipe.processes > 1 and not recipe.machine.gpus
    if is_parallel and not _is_accelerate_on_cpu(recipe):
        message = f"{recipe.processes} processes on the CPU write only the first one's rows"
        fix = "set ACCELERATE_USE_CPU=true, or NPROC_PER_NODE=1"
        yield recipe.fail("result_path", message, fix)


def fsdp_on_cpu(recipe: Recipe) -> Findings:
    """FSDP on the CPU silently runs plain DDP."""
    if recipe.get_str("fsdp") and recipe.on_cpu:
        yield recipe.warn("fsdp", "silently gives plain DDP on the CPU", "leave it out")


def fsdp_model_only(recipe: Recipe) -> Findings:
    """FSDP2's sharded checkpoints do not go with save_only_model."""
    if recipe.get_str("fsdp") == "fsdp2" and recipe.get_bool("save_only_model"):
        message = "FSDP2 saves sharded checkpoints, which hold the optimizer too"
        yield recipe.fail("save_only_model", message)


def no_gpu(recipe: Recipe) -> Findings:
    """A training without GPU and use_cpu stops at bf16, the default of most models."""
    is_float32 = recipe.get_str("torch_dtype") == "float32"
    is_float32 = is_float32 and recipe.settings.get("fp16") == ["false"]
    chosen = is_float32 or recipe.get_bool("use_cpu") or recipe.get_str("deepspeed")
    if recipe.trains and recipe.machine.has_swift and not recipe.machine.gpus and not chosen:
        fix = "add --use_cpu true --torch_dtype float32 --fp16 false"
        fix += ", or run it through recipes/*.sh"
        yield recipe.fail("use_cpu", "nvidia-smi shows no GPU, and bf16 needs one", fix)


def large_model_on_cpu(recipe: Recipe) -> Findings:
    """A model of billions of parameters takes months on a CPU; GPUS=0 says that it is meant."""
    machine = recipe.machine
    if not recipe.trains or machine.gpus or not machine.has_swift:
        return
    large = _large_model(recipe)
    if large and whole_number(recipe.environment.get("GPUS", "")) != 0:
        reason = machine.gpu_problem or "nvidia-smi shows no GPU"
        message = f"{large} would be trained on the CPU: {reason}"
        yield recipe.fail("model", message, "run it on a GPU, or say GPUS=0")


def _large_model(recipe: Recipe) -> str:
    """Return how large the model is; empty for a small one, and where nothing tells.

    config.json tells it of the families that are known, the files of weights of any other, and the
    name of what is not here: Qwen/Qwen3-30B-A3B.
    """
    shape = model_shape(model_config(recipe))
    if shape:
        billions = shape.parameters / 1e9
        return f"{billions:.1f} billion parameters" if shape.parameters >= _LARGE else ""
    folder = Path(recipe.get_str("model")).expanduser()
    size = weight_bytes(folder)
    if size:
        return f"a model of {size / 1e9:.1f} GB" if size >= 2 * _LARGE else ""
    sizes = [float(size) for size in _SIZE_IN_NAME.findall(folder.name)]
    return f"{max(sizes):g} billion parameters" if max(sizes, default=0) * 1e9 >= _LARGE else ""


def half_precision_on_cpu(recipe: Recipe) -> Findings:
    """float32 on the CPU needs fp16 false, because swift turns fp16 on by itself."""
    dtype = recipe.get_str("torch_dtype")
    turns_on = dtype in ("float32", "float16") and not recipe.is_set("fp16", "bf16")
    if recipe.trains and recipe.get_bool("use_cpu") and turns_on:
        message = f"torch_dtype {dtype} turns fp16 on by itself, which the CPU cannot train"
        yield recipe.fail("fp16", message, "add --fp16 false", fp16=["false"])


def two_precisions(recipe: Recipe) -> Findings:
    """fp16 and bf16 exclude each other."""
    if recipe.get_bool("fp16") and recipe.get_bool("bf16"):
        yield recipe.fail("fp16", "and bf16 exclude each other", "keep bf16", fp16=None)


def old_gpu(recipe: Recipe) -> Findings:
    """A GPU before Ampere computes no bf16."""
    old = [gpu for gpu in recipe.machine.gpus if 0 < gpu.capability < 8]
    if old and (recipe.get_str("torch_dtype") == "bfloat16" or recipe.get_bool("bf16")):
        flag = "torch_dtype" if recipe.is_set("torch_dtype") else "bf16"
        yield recipe.fail(flag, f"{old[0].name} computes no bf16", "write --torch_dtype float16")


def _is_accelerate_on_cpu(recipe: Recipe) -> bool:
    return recipe.environment.get("ACCELERATE_USE_CPU", "").lower() in ("true", "1")
