"""Attention, liger, packing, quantization, vLLM: what needs a package or a GPU of its own."""

from swiftkit.recipe.model_files import quantization
from swiftkit.recipe.recipe import Findings, Recipe, whole_number

_FLASH = ("flash_attn", "flash_attention_2", "flash_attention_3", "flash_attention_4")
_QUANTIZERS = {
    "bnb": "bitsandbytes", "bitsandbytes": "bitsandbytes", "hqq": "hqq", "eetq": "eetq",
    "quanto": "optimum-quanto", "awq": "autoawq", "gptq": "gptqmodel", "gptq_v2": "gptqmodel",
}  # fmt: skip
_BITS = {
    "bnb": (4, 8), "hqq": (1, 2, 3, 4, 8), "quanto": (2, 4, 8), "eetq": (8,), "awq": (4,),
    "gptq": (2, 3, 4, 8),
}  # fmt: skip


def liger_without_triton(recipe: Recipe) -> Findings:
    """Without liger, triton or a GPU liger's kernels crash in mid-training."""
    flag = "use_liger_kernel"
    if not recipe.get_bool(flag):
        return
    for package in ("liger-kernel", "triton"):
        if recipe.machine.lacks(package):
            fix = "pip install 'swiftkit[gpu]', or leave it out"
            yield recipe.fail(flag, f"{package} is not installed", fix)
    if recipe.on_cpu:
        yield recipe.fail(flag, "its kernels crash without a GPU")


def flash_attention_missing(recipe: Recipe) -> Findings:
    """Flash attention is not installed, or has no GPU to run on."""
    attention = recipe.get_str("attn_impl")
    package = "kernels" if attention == "flash_attention_3" else "flash-attn"
    is_missing = recipe.machine.lacks(package)
    if attention in _FLASH and (is_missing or recipe.on_cpu):
        message = f"{package} is not installed" if is_missing else "there is no GPU for it"
        fix = f"pip install {package} --no-build-isolation, or write sdpa"
        yield recipe.fail("attn_impl", message, fix)


def flash_attention_3(recipe: Recipe) -> Findings:
    """FlashAttention 3 needs a GPU of Hopper or newer."""
    old = [gpu for gpu in recipe.machine.gpus if 0 < gpu.capability < 9]
    if recipe.get_str("attn_impl") == "flash_attention_3" and old:
        message = f"FlashAttention 3 needs Hopper, not {old[0].name}"
        yield recipe.fail("attn_impl", message, "write flash_attn or sdpa")


def packing_without_flash(recipe: Recipe) -> Findings:
    """packing and padding_free need an attention that keeps the rows apart."""
    attention = recipe.get_str("attn_impl")
    for flag in ("packing", "padding_free"):
        if recipe.trains and recipe.get_bool(flag) and attention not in _FLASH:
            message = f"needs flash attention, not {attention or 'no attn_impl'}"
            yield recipe.fail(flag, message, "add --attn_impl flash_attn")


def packing_and_lazy(recipe: Recipe) -> Findings:
    """packing and streaming exclude lazy_tokenize."""
    for flag in ("packing", "streaming"):
        if recipe.get_bool(flag) and recipe.get_bool("lazy_tokenize"):
            yield recipe.fail("lazy_tokenize", f"and {flag} exclude each other")


def quantizer_missing(recipe: Recipe) -> Findings:
    """The package of a quantization is not installed."""
    method = recipe.get_str("quant_method") or quantization(recipe)
    package = _QUANTIZERS.get(method)
    if package and recipe.machine.lacks(package):
        flag = "quant_method" if recipe.is_set("quant_method") else "model"
        fix = f"pip install {package}"
        if package == "gptqmodel":
            fix += ", in an environment of its own"
        yield recipe.fail(flag, f"{package} is not installed", fix)


def quantization_incomplete(recipe: Recipe) -> Findings:
    """quant_bits and quant_method need each other, and a number of bits that the method has."""
    method, bits = recipe.get_str("quant_method"), recipe.get_str("quant_bits")
    if bits and not method:
        yield recipe.fail("quant_bits", "has no effect without a method", "add --quant_method bnb")
    elif method and not bits and method != "fp8":
        yield recipe.fail("quant_method", f"{method} needs a number of bits", "add --quant_bits 4")
    elif method in _BITS and bits.isdecimal() and whole_number(bits) not in _BITS[method]:
        fix = f"write {' or '.join(map(str, _BITS[method]))}"
        yield recipe.fail("quant_bits", f"{method} has no {bits} bits", fix)


def calibration_data(recipe: Recipe) -> Findings:
    """AWQ and GPTQ need rows to calibrate on."""
    method = recipe.get_str("quant_method")
    calibrates = recipe.verb == "export" and method in ("awq", "gptq", "gptq_v2")
    # load_data_args takes the data of the checkpoint's training.
    if calibrates and not recipe.is_set("dataset") and not recipe.get_bool("load_data_args"):
        message = f"{method} needs rows to calibrate on"
        yield recipe.fail("dataset", message, "add --dataset FILE.jsonl#256")


def fp8_without_gpu(recipe: Recipe) -> Findings:
    """FP8 needs a GPU that computes it."""
    able = [gpu for gpu in recipe.machine.gpus if gpu.capability >= 8.9 or not gpu.capability]
    if recipe.get_str("quant_method") == "fp8" and recipe.machine.has_swift and not able:
        message = "fp8 needs a GPU of Ada, Hopper or newer"
        yield recipe.fail("quant_method", message, "write bnb, or run it on such a GPU")


def vllm_missing(recipe: Recipe) -> Findings:
    """vLLM, SGLang or LMDeploy is not installed."""
    lacks_vllm = recipe.machine.lacks("vllm")
    if recipe.get_bool("use_vllm") and recipe.get_str("vllm_mode") != "server" and lacks_vllm:
        fix = "leave it out: transformers generates then"
        yield recipe.fail("use_vllm", "vLLM is not installed beside ms-swift", fix)
    backend = recipe.get_str("infer_backend")
    if backend in ("vllm", "sglang", "lmdeploy") and recipe.machine.lacks(backend):
        fix = "write transformers, or run it in the environment that has it"
        if backend == "vllm" and recipe.verb == "deploy":
            fix = "bash scripts/setup_vllm.sh, then bash recipes/deploy_vllm.sh"
            fix += "; or write transformers"
        yield recipe.fail("infer_backend", f"{backend} is not installed in this environment", fix)
    if recipe.verb == "rollout" and lacks_vllm:
        message = "swift rollout needs vLLM, which is not installed"
        yield recipe.fail("model", message, "run it in the environment that has it")


def vllm_without_vllm(recipe: Recipe) -> Findings:
    """vllm_* settings have no effect where vLLM does not run."""
    # A recipe that says `use_vllm: false` keeps the settings for a machine that turns it on.
    if recipe.verb not in ("rlhf", "infer", "deploy") or recipe.is_set("use_vllm"):
        return
    if recipe.get_bool("use_vllm") or recipe.get_str("infer_backend") == "vllm":
        return
    switch = "--use_vllm true" if recipe.trains else "--infer_backend vllm"
    for flag in recipe.settings:
        if flag.startswith("vllm_") and flag != "vllm_mode":
            fix = f"leave it out, or add {switch}"
            yield recipe.warn(flag, "has no effect without vLLM", fix, **{flag: None})


def vllm_mode(recipe: Recipe) -> Findings:
    """vllm_mode and use_vllm need each other, and a server needs an address."""
    if recipe.stage not in ("grpo", "gkd"):
        return
    runs, mode = recipe.get_bool("use_vllm"), recipe.get_str("vllm_mode")
    if mode and not runs:
        fix = "add --use_vllm true, or leave it out"
        yield recipe.fail("vllm_mode", "swift refuses it without use_vllm", fix, vllm_mode=None)
    elif runs and not mode:
        fix = "add --vllm_mode colocate"
        yield recipe.fail("use_vllm", "needs a mode", fix, vllm_mode=["colocate"])
    elif mode == "server" and not recipe.is_set("vllm_server_host", "vllm_server_base_url"):
        fix = "add --vllm_server_host HOST --vllm_server_port PORT"
        yield recipe.fail("vllm_mode", "server needs an address", fix)


def vllm_shards(recipe: Recipe) -> Findings:
    """vLLM's tensor parallelism does not divide the processes, or exceeds the GPUs."""
    flag = "vllm_tensor_parallel_size"
    size, gpus = recipe.get_int(flag, 1), len(recipe.machine.gpus)
    colocated = recipe.get_bool("use_vllm") and recipe.get_str("vllm_mode") == "colocate"
    if colocated and recipe.processes % max(size, 1):
        message = f"{size} does not divide the {recipe.processes} processes"
        yield recipe.fail(flag, message, "write a divisor of the processes")
    elif not recipe.trains and recipe.is_set(flag) and 0 < gpus < size:
        message = f"{size} GPUs are wanted, {gpus} are there"
        yield recipe.fail(flag, message, f"write {gpus} or less")
