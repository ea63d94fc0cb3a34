"""Values that swift's parser refuses after ten seconds of imports, or that fail later."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from swiftkit.recipe.arguments import looks_like_a_flag, table
from swiftkit.recipe.recipe import Fault, Recipe

_JSON = (
    "columns model_kwargs lr_scheduler_kwargs gradient_checkpointing_kwargs accelerator_config vllm_engine_kwargs"
    " vllm_limit_mm_per_prompt eval_generation_config eval_dataset_args extra_eval_args"
).split()
_SHARES = (
    "split_dataset_ratio lora_dropout vllm_gpu_memory_utilization top_p sglang_mem_fraction_static rlsd_lambda"
    " top_entropy_quantile"
).split()
_POSITIVE = (
    "max_length packing_length num_generations max_completion_length lora_rank save_total_limit steps_per_generation"
    " vllm_max_model_len vllm_tensor_parallel_size per_device_train_batch_size per_device_eval_batch_size"
    " gradient_accumulation_steps"
).split()
_NAMED = ("tuner_type", "template", "agent_template", "reward_funcs", "multi_turn_scheduler")


def wrong_type(recipe: Recipe) -> Iterator[Fault]:
    """A value that is no number, or no true or false, where swift wants one."""
    for flag, value, wanted in _refused(recipe, choice=False):
        what = (
            "is no number"
            if "number" in wanted
            else "is no truth value"
            if "true" in wanted
            else "cannot be read"
        )
        yield recipe.fail(flag, f"{_short(value)} {what}", f"write {wanted}")


def wrong_choice(recipe: Recipe) -> Iterator[Fault]:
    """A value that is none of those that swift offers."""
    for flag, value, wanted in _refused(recipe, choice=True):
        yield recipe.fail(flag, f"{_short(value)} is no choice", f"write {wanted}")


def missing_value(recipe: Recipe) -> Iterator[Fault]:
    """A flag without a value that needs one."""
    for flag, values in recipe.settings.items():
        argument = recipe.arguments.get(flag)
        if argument and not values and argument.nargs in ("1", "+"):
            yield recipe.fail(flag, "has no value", f"write --{flag} VALUE, or leave it out")


def too_many_values(recipe: Recipe) -> Iterator[Fault]:
    """Several values where swift takes one; it stops at the second."""
    for flag, values in recipe.settings.items():
        argument = recipe.arguments.get(flag)
        most = {"1": 1, "?": 1, "0": 0}.get(argument.nargs, 1 << 30) if argument else 1 << 30
        if len(values) > most:
            yield recipe.fail(
                flag,
                f"has {len(values)} values and takes {most or 'none'}",
                "put a text with spaces in quotes",
            )


def value_like_a_flag(recipe: Recipe) -> Iterator[Fault]:
    """A value that begins with a dash: the parser takes it for a flag, also -1e-4."""
    for flag, values in recipe.settings.items():
        for value in filter(looks_like_a_flag, values):
            if recipe.places.get(flag) != f"--{flag}" or not value.startswith("--"):
                fix = f"write --{flag}={value} on the command line" + (
                    ", or 0.0001 for 1e-4" if "e-" in value else ""
                )
                yield recipe.fail(flag, f"the parser takes {_short(value)} for a flag", fix)


def broken_json(recipe: Recipe) -> Iterator[Fault]:
    """A value that has to be JSON, or the name of a JSON file, and is neither."""
    for flag in recipe.says(*_JSON):
        text = recipe.text(flag)
        if text and not Path(text).expanduser().is_file() and not _is_object(text):
            yield recipe.fail(
                flag, f"{_short(text)} is no JSON object", """write '{"name": "value"}'"""
            )


def out_of_range(recipe: Recipe) -> Iterator[Fault]:
    """A share outside 0 to 1, or a size below 1."""
    for flag in recipe.says(*_SHARES):
        number = recipe.number(flag)
        if number is not None and not 0 <= number <= 1:
            yield recipe.fail(
                flag, f"{recipe.text(flag)} is no share", "write a number from 0 to 1"
            )
    for flag in recipe.says(*_POSITIVE):
        number = recipe.number(flag)
        if (
            number is not None
            and number < 1
            and not (flag == "num_generations" and recipe.stage != "grpo")
        ):
            yield recipe.fail(flag, f"{recipe.text(flag)} is too small", "write 1 or more")


def unknown_name(recipe: Recipe) -> Iterator[Fault]:
    """A template, reward, scheduler, tuner or loss scale that neither swift nor a plugin
    registers."""
    known = {flag: set(table().names[flag]) for flag in _NAMED} | {
        "model_type": set(table().model_types)
    }
    for flag in recipe.says(*known):
        for value in recipe.settings[flag]:
            if (
                value not in known[flag]
                and value not in ("", "None")
                and not _registered(recipe, value)
            ):
                yield _unknown(recipe, flag, value)
    for part in recipe.text("loss_scale").split("+") if recipe.says("loss_scale") else ():
        if part not in table().names["loss_scale"] and not _registered(recipe, part):
            yield _unknown(recipe, "loss_scale", part)


def _unknown(recipe: Recipe, flag: str, value: str) -> Fault:
    names = sorted(table().names.get(flag, ()) or table().model_types)
    near = [name for name in names if name.startswith(value[:3])][:4] or names[:4]
    return recipe.fail(
        flag,
        f"swift knows no {_short(value)}",
        f"try {', '.join(near)}, or add the plugin that registers it",
    )


def _registered(recipe: Recipe, name: str) -> bool:
    """Whether a plugin names it in quotes, as a class or as a keyword's value; also in the files
    beside the plugin."""
    texts = [
        text
        for file in recipe.values("external_plugins")
        for text in _plugin_texts(Path(file).expanduser())
    ]
    word = re.escape(name)
    return any(
        re.search(rf"""["']{word}["']|\b{word}\s*=|\bclass {word}\b""", text) for text in texts
    )


def _plugin_texts(file: Path) -> Iterator[str]:
    """A plugin and what it may import from its folder, a megabyte in all at most."""
    left = 1 << 20
    for path in [file, *sorted(file.parent.glob("*.py"))] if file.is_file() else []:
        text = path.read_text(encoding="utf-8", errors="replace")[:left]
        left -= len(text)
        yield text


def _refused(recipe: Recipe, choice: bool) -> Iterator[tuple[str, str, str]]:
    for flag, values in recipe.settings.items():
        argument = recipe.arguments.get(flag)
        if argument and (argument.kind == "choice") == choice and argument.kind != "flag":
            yield from (
                (flag, value, argument.refuses(value))
                for value in values
                if argument.refuses(value)
            )


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _short(value: str) -> str:
    return value if len(value) < 60 else f"{value[:57]}..."
