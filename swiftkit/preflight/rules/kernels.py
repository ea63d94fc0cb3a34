"""Attention, liger, packing, quantization, vLLM: what needs a package or a GPU of its own."""

from collections.abc import Iterator

from swiftkit.recipe.model_files import quantization
from swiftkit.recipe.recipe import Fault, Recipe

_FLASH = ("flash_attn", "flash_attention_2", "flash_attention_3", "flash_attention_4")
_BACKENDS = {"vllm": "vllm", "sglang": "sglang", "lmdeploy": "lmdeploy"}
_QUANTIZERS = {"bnb": "bitsandbytes", "hqq": "hqq", "eetq": "eetq", "quanto": "optimum-quanto", "awq": "autoawq",
               "gptq": "gptqmodel", "gptq_v2": "gptqmodel", "bitsandbytes": "bitsandbytes"}  # fmt: skip
_BITS = {
    "bnb": (4, 8),
    "hqq": (1, 2, 3, 4, 8),
    "quanto": (2, 4, 8),
    "eetq": (8,),
    "awq": (4,),
    "gptq": (2, 3, 4, 8),
}


def liger_without_triton(recipe: Recipe) -> Iterator[Fault]:
    """liger kernels without liger, without triton, or without a GPU: they crash in mid-training."""
    if not recipe.true("use_liger_kernel"):
        return
    for package in ("liger-kernel", "triton"):
        if recipe.machine.lacks(package):
            yield recipe.fail(
                "use_liger_kernel",
                f"{package} is not installed",
                "pip install 'swiftkit[gpu]', or leave it out",
            )
    if recipe.on_cpu:
        message = "its kernels crash without a GPU"
        yield recipe.fail("use_liger_kernel", message, "leave it out", use_liger_kernel=None)


def flash_attention_missing(recipe: Recipe) -> Iterator[Fault]:
    """Flash attention that is not installed, or has no GPU to run on."""
    given = recipe.text("attn_impl")
    package = {"flash_attention_3": "kernels", "flash_attention_4": "flash-attn"}.get(
        given, "flash-attn"
    )
    if given in _FLASH and (
        recipe.machine.lacks(package) or recipe.true("use_cpu") or not recipe.machine.gpus
    ):
        message = (
            f"{package} is not installed"
            if recipe.machine.lacks(package)
            else "there is no GPU for it"
        )
        fix = f"pip install {package} --no-build-isolation, or write sdpa"
        yield recipe.fail("attn_impl", message, fix)


def flash_attention_3(recipe: Recipe) -> Iterator[Fault]:
    """FlashAttention 3 on a GPU before Hopper."""
    old = [gpu for gpu in recipe.machine.gpus if 0 < gpu.capability < 9]
    if recipe.text("attn_impl") == "flash_attention_3" and old:
        yield recipe.fail(
            "attn_impl",
            f"FlashAttention 3 needs Hopper, not {old[0].name}",
            "write flash_attn or sdpa",
        )


def packing_without_flash(recipe: Recipe) -> Iterator[Fault]:
    """packing or padding_free with an attention that cannot keep the rows apart."""
    for flag in ("packing", "padding_free"):
        if recipe.true(flag) and recipe.trains and recipe.text("attn_impl") not in _FLASH:
            given = recipe.text("attn_impl") or "no attn_impl"
            yield recipe.fail(
                flag, f"needs flash attention, not {given}", "add --attn_impl flash_attn"
            )


def packing_and_lazy(recipe: Recipe) -> Iterator[Fault]:
    """packing, or streaming, with lazy_tokenize."""
    for flag in ("packing", "streaming"):
        if recipe.true(flag) and recipe.true("lazy_tokenize"):
            yield recipe.fail(
                "lazy_tokenize",
                f"and {flag} exclude each other",
                "leave it out",
                lazy_tokenize=None,
            )


def quantizer_missing(recipe: Recipe) -> Iterator[Fault]:
    """A quantization whose package is not installed."""
    method = recipe.text("quant_method") or quantization(recipe)
    package = _QUANTIZERS.get(method)
    if package and recipe.machine.lacks(package):
        flag = "quant_method" if recipe.says("quant_method") else "model"
        alone = ", in an environment of its own" if package == "gptqmodel" else ""
        yield recipe.fail(flag, f"{package} is not installed", f"pip install {package}{alone}")


def quantization_incomplete(recipe: Recipe) -> Iterator[Fault]:
    """quant_bits without quant_method, the other way round, or a number of bits that the method has
    not."""
    method, bits = recipe.text("quant_method"), recipe.text("quant_bits")
    if bits and not method:
        yield recipe.fail("quant_bits", "has no effect without a method", "add --quant_method bnb")
    elif method and not bits and method != "fp8":
        yield recipe.fail("quant_method", f"{method} needs a number of bits", "add --quant_bits 4")
    elif method in _BITS and bits.isdigit() and int(bits) not in _BITS[method]:
        offered = " or ".join(map(str, _BITS[method]))
        yield recipe.fail("quant_bits", f"{method} has no {bits} bits", f"write {offered}")


def calibration_data(recipe: Recipe) -> Iterator[Fault]:
    """AWQ or GPTQ without rows to calibrate on."""
    if (
        recipe.verb == "export"
        and recipe.text("quant_method") in ("awq", "gptq", "gptq_v2")
        and not recipe.says("dataset")
    ):
        yield recipe.fail(
            "dataset",
            f"{recipe.text('quant_method')} needs rows to calibrate on",
            "add --dataset FILE.jsonl#256",
        )


def fp8_without_gpu(recipe: Recipe) -> Iterator[Fault]:
    """FP8 without a GPU that computes it."""
    able = [gpu for gpu in recipe.machine.gpus if gpu.capability >= 8.9 or not gpu.capability]
    if recipe.text("quant_method") == "fp8" and recipe.machine.has_swift and not able:
        yield recipe.fail(
            "quant_method",
            "fp8 needs a GPU of Ada, Hopper or newer",
            "write bnb, or run it on such a GPU",
        )


def vllm_missing(recipe: Recipe) -> Iterator[Fault]:
    """vLLM, SGLang or LMDeploy where it is not installed."""
    backend = recipe.text("infer_backend")
    if (
        recipe.true("use_vllm")
        and recipe.text("vllm_mode") != "server"
        and recipe.machine.lacks("vllm")
    ):
        yield recipe.fail(
            "use_vllm",
            "vLLM is not installed beside ms-swift",
            "leave it out: transformers generates then",
        )
    if backend in _BACKENDS and recipe.machine.lacks(_BACKENDS[backend]):
        fix = "write transformers, or run it in the environment that has it"
        if backend == "vllm" and recipe.verb == "deploy":
            fix = "bash scripts/setup_vllm.sh, then bash recipes/deploy_vllm.sh; or write transformers"
        yield recipe.fail("infer_backend", f"{backend} is not installed in this environment", fix)
    if recipe.verb == "rollout" and recipe.machine.lacks("vllm"):
        yield recipe.fail(
            "model",
            "swift rollout needs vLLM, which is not installed",
            "run it in the environment that has it",
        )


def vllm_without_vllm(recipe: Recipe) -> Iterator[Fault]:
    """vllm_* settings where vLLM does not run: without effect."""
    runs = (
        recipe.true("use_vllm")
        or recipe.text("infer_backend") == "vllm"
        or recipe.verb == "rollout"
    )
    dead = [flag for flag in recipe.settings if flag.startswith("vllm_") and flag != "vllm_mode"]
    spoken_of = recipe.says(
        "use_vllm"
    )  # a recipe that turns it off keeps the settings for the machine that turns it on
    if dead and not runs and not spoken_of and recipe.verb in ("rlhf", "infer", "deploy"):
        fix = (
            "leave it out, or add --use_vllm true"
            if recipe.trains
            else "leave it out, or add --infer_backend vllm"
        )
        yield from (
            recipe.warn(flag, "has no effect without vLLM", fix, **{flag: None}) for flag in dead
        )


def vllm_mode(recipe: Recipe) -> Iterator[Fault]:
    """vllm_mode without use_vllm, use_vllm without it, or a server without an address."""
    if recipe.stage not in ("grpo", "gkd"):
        return
    runs, mode = recipe.true("use_vllm"), recipe.text("vllm_mode")
    if mode and not runs:
        yield recipe.fail(
            "vllm_mode",
            "swift refuses it without use_vllm",
            "add --use_vllm true, or leave it out",
            vllm_mode=None,
        )
    elif runs and not mode:
        yield recipe.fail(
            "use_vllm", "needs a mode", "add --vllm_mode colocate", vllm_mode=["colocate"]
        )
    elif mode == "server" and not recipe.says("vllm_server_host", "vllm_server_base_url"):
        yield recipe.fail(
            "vllm_mode",
            "server needs an address",
            "add --vllm_server_host HOST --vllm_server_port PORT",
        )


def vllm_shards(recipe: Recipe) -> Iterator[Fault]:
    """vLLM's tensor parallelism that does not divide the processes, or exceeds the GPUs."""
    size = recipe.whole("vllm_tensor_parallel_size", 1)
    colocated = recipe.true("use_vllm") and recipe.text("vllm_mode") == "colocate"
    if colocated and recipe.processes % max(size, 1):
        message = f"{size} does not divide the {recipe.processes} processes"
        yield recipe.fail("vllm_tensor_parallel_size", message, "write a divisor of the processes")
    elif (
        not recipe.trains
        and recipe.says("vllm_tensor_parallel_size")
        and 0 < len(recipe.machine.gpus) < size
    ):
        message = f"{size} GPUs are wanted, {len(recipe.machine.gpus)} are there"
        yield recipe.fail(
            "vllm_tensor_parallel_size", message, f"write {len(recipe.machine.gpus)} or less"
        )
