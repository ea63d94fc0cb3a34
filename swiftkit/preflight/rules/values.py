"""Values that swift's parser refuses after ten seconds of imports, or that fail later."""

import difflib
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from swiftkit.recipe.arguments import Argument, looks_like_a_flag, table
from swiftkit.recipe.paths import looks_local
from swiftkit.recipe.recipe import Findings, Recipe
from swiftkit.terminal import shorten

_JSON = (
    "columns model_kwargs lr_scheduler_kwargs gradient_checkpointing_kwargs accelerator_config"
    " vllm_engine_kwargs vllm_limit_mm_per_prompt eval_generation_config eval_dataset_args"
    " extra_eval_args"
).split()
_SHARES = (
    "split_dataset_ratio lora_dropout vllm_gpu_memory_utilization top_p sglang_mem_fraction_static"
    " rlsd_lambda top_entropy_quantile"
).split()
_POSITIVE = (
    "max_length packing_length num_generations max_completion_length lora_rank steps_per_generation"
    " vllm_tensor_parallel_size per_device_train_batch_size per_device_eval_batch_size"
    " gradient_accumulation_steps"
).split()
# Names that no registry holds: flags -> what swift, transformers, peft or trl compare with.
_FIXED_NAMES = {
    "deepspeed teacher_deepspeed": "zero0 zero1 zero2 zero3 zero2_offload zero3_offload",
    "fsdp": "fsdp2",
    "rope_scaling": "linear dynamic yarn",
    "device_map": "auto balanced balanced_low_0 sequential cpu cuda mps npu xpu hpu mlu musa meta",
    "ddp_backend": "nccl gloo mpi ccl hccl cncl mccl",
    "init_weights": "true false gaussian pissa olora loftq lora-ga lora_ga eva corda orthogonal"
    " mica bat",
    "lora_ga_direction": "ArBr A2rBr ArB2r random",
    "lora_ga_scale": "gd unit stable weightS",
    "galore_proj_type": "std reverse_std right left full",
    "test_convert_dtype": "float16 bfloat16 float32",
    "torch_compile_mode": "default reduce-overhead max-autotune max-autotune-no-cudagraphs",
}
_LOSSES = {
    "dpo": "sigmoid hinge ipo exo_pair nca_pair robust bco_pair sppo_hard aot aot_unpaired"
    " apo_zero apo_down discopop sft",
    "cpo": "sigmoid hinge ipo simpo",
    "simpo": "sigmoid hinge ipo simpo",
    "kto": "kto apo_zero_unpaired",
    "grpo": "grpo bnpo dr_grpo dapo cispo sapo real fipo",
}
# What is no name: a kernel of the hub, a backend for each device.
_MARKS = {"attn_impl": "/", "ddp_backend": ":", "device_map": ":"}
# A name, a file or JSON
_CONFIGURATIONS = ("deepspeed", "teacher_deepspeed", "fsdp", "rope_scaling", "device_map")


def wrong_type(recipe: Recipe) -> Findings:
    """A value is not a number, or not true or false, where swift expects one."""
    problems = {"bool": "is neither true nor false", "dict": "cannot be read"}
    for flag, argument, value in _refused_values(recipe):
        if argument.kind != "choice":
            problem = problems.get(argument.kind, "is not a number")
            yield recipe.fail(flag, f"{shorten(value, 57)} {problem}", f"write {argument.expected}")


def wrong_choice(recipe: Recipe) -> Findings:
    """A value is not one of those that swift offers."""
    for flag, argument, value in _refused_values(recipe):
        if argument.kind == "choice":
            message = f"{shorten(value, 57)} is not one of the choices"
            fix = f"write {argument.expected}"
            if len(argument.choices) > 8:  # optim has 41
                fix = f"try {', '.join(_near(value, argument.choices))}"
            yield recipe.fail(flag, message, fix)


def missing_value(recipe: Recipe) -> Findings:
    """A flag has no value and needs one."""
    for flag, values in recipe.settings.items():
        argument = recipe.arguments.get(flag)
        if argument and not values and argument.nargs in ("1", "+"):
            yield recipe.fail(flag, "has no value", f"write --{flag} VALUE, or leave it out")


def too_many_values(recipe: Recipe) -> Findings:
    """A flag has several values where swift takes one."""
    for flag, values in recipe.settings.items():
        argument = recipe.arguments.get(flag)
        most = {"1": 1, "?": 1, "0": 0}.get(argument.nargs) if argument else None
        if most is not None and len(values) > most:
            message = f"has {len(values)} values and takes {most or 'none'}"
            yield recipe.fail(flag, message, "put a text with spaces in quotes")


def value_like_a_flag(recipe: Recipe) -> Findings:
    """The parser takes a value that begins with a dash for a flag, also -1e-4."""
    for flag, values in recipe.settings.items():
        typed = recipe.places.get(flag) == f"--{flag}"
        for value in filter(looks_like_a_flag, values):
            if typed and value.startswith("--"):
                continue  # it is a flag
            fix = f"write --{flag}={value} on the command line"
            if "e-" in value:
                fix += ", or 0.0001 for 1e-4"
            yield recipe.fail(flag, f"the parser takes {shorten(value, 57)} for a flag", fix)


def broken_json(recipe: Recipe) -> Findings:
    """A value is neither JSON nor the name of a JSON file, and has to be."""
    for flag in recipe.present(*_JSON):
        text = recipe.get_str(flag)
        looks_like_json = text.startswith("{")
        if not text or (not looks_like_json and Path(text).expanduser().is_file()):
            continue
        try:
            is_object = isinstance(json.loads(text), dict)
        except (ValueError, RecursionError):
            is_object = False
        if not is_object:
            fix = """write '{"name": "value"}'"""
            message = f"{shorten(text, 57)} is not a JSON object"
            if looks_like_json and flag != "accelerator_config":
                yield recipe.warn(flag, f"{message}: swift guesses what is meant", fix)
            else:
                yield recipe.fail(flag, message, fix)


def out_of_range(recipe: Recipe) -> Findings:
    """A share is outside of 0 to 1, or a size below 1."""
    for flag in recipe.present(*_SHARES):
        number = recipe.get_float(flag)
        if number is not None and not 0 <= number <= 1:
            message = f"{recipe.get_str(flag)} is not a share"
            yield recipe.fail(flag, message, "write a number from 0 to 1")
    for flag in recipe.present(*_POSITIVE):
        number = recipe.get_float(flag)
        is_used = flag != "num_generations" or recipe.stage == "grpo"
        if number is not None and number < 1 and is_used:
            yield recipe.fail(flag, f"{recipe.get_str(flag)} is too small", "write 1 or more")
    epochs, rate = recipe.get_float("num_train_epochs"), recipe.get_float("learning_rate")
    if recipe.trains and epochs == 0 and recipe.get_int("max_steps", -1) <= 0:
        yield recipe.fail("num_train_epochs", "0 trains nothing", "write 1 or more")
    if recipe.trains and rate is not None and recipe.is_set("learning_rate") and rate >= 1:
        message = f"{recipe.get_str('learning_rate')} is far above what training bears"
        yield recipe.warn("learning_rate", message, "write 1e-4 for LoRA, 1e-5 for full training")


def unknown_name(recipe: Recipe) -> Findings:
    """Neither swift nor a plugin registers this template, reward, scheduler or the like."""
    known = _known_names(recipe)
    for flag in recipe.present(*known):
        values = recipe.settings[flag]
        if flag == "loss_scale":  # default+last_round
            values = recipe.get_str("loss_scale").split("+")
        for value in values:
            if value in known[flag] or value in ("", "None") or _is_other(flag, value):
                continue
            if not _is_registered(recipe, value):
                fix = f"try {', '.join(_near(value, known[flag]))}"
                if flag in table().names:
                    fix += ", or add the plugin that registers it"
                yield recipe.fail(flag, f"swift knows no {shorten(value, 57)}", fix)


def _known_names(recipe: Recipe) -> dict[str, Sequence[str]]:
    """Return flag -> the names that it takes."""
    known: dict[str, Sequence[str]] = dict(table().names)
    for flags, names in _FIXED_NAMES.items():
        known |= dict.fromkeys(flags.split(), names.split())
    for prefix in ("", "ref_", "reward_", "teacher_"):
        known[f"{prefix}model_type"] = list(table().model_types)
    known["reward_template"] = table().names["template"]
    if recipe.verb == "rlhf":
        known["loss_type"] = _LOSSES.get(recipe.stage, "").split()
    return {flag: names for flag, names in known.items() if names}


def _is_other(flag: str, value: str) -> bool:
    """Return True for a value that is no name, but fits the flag: a file, JSON, a hub's kernel."""
    if flag in _CONFIGURATIONS:
        is_file = os.path.isfile(value)  # noqa: PTH113  # Path.is_file raises for long names
        if is_file or value.startswith("{") or looks_local(value):
            return True
    if flag == "init_weights":
        return value.lower() in ("true", "false") or value.startswith("pissa_niter_")
    return _MARKS.get(flag, value + " ") in value


def _near(value: str, names: Sequence[str]) -> list[str]:
    """Return at most six names: those that go on from it, then the most similar."""
    near = sorted((name for name in names if name.startswith(value)), key=len)
    near += difflib.get_close_matches(value.lower(), names, n=2, cutoff=0.5)
    near += [name for name in sorted(names) if name.startswith(value[:3])]
    return list(dict.fromkeys(near or sorted(names)))[:6]


def _is_registered(recipe: Recipe, name: str) -> bool:
    """Return True if a plugin or a file beside it has the name in quotes, as class or keyword."""
    word = re.escape(name)
    pattern = re.compile(rf"""["']{word}["']|\b{word}\s*=|\bclass {word}\b""")
    for plugin in recipe.get_list("external_plugins"):
        file, room = Path(plugin).expanduser(), 1 << 20
        if not file.is_file():
            continue
        for path in (file, *sorted(file.parent.glob("*.py"))):
            text = path.read_text(encoding="utf-8", errors="replace")[:room]
            room -= len(text)
            if pattern.search(text):
                return True
    return False


def _refused_values(recipe: Recipe) -> Iterator[tuple[str, Argument, str]]:
    """Yield each flag with the value that its argument does not accept."""
    for flag, values in recipe.settings.items():
        argument = recipe.arguments.get(flag)
        if argument and argument.kind != "flag":
            for value in values:
                if not argument.accepts(value):
                    yield flag, argument, value
