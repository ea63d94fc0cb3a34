"""Keys that swift does not know, or takes for others."""

import difflib
from collections.abc import Iterator

from swiftkit.recipe.arguments import arguments_of, verbs
from swiftkit.recipe.reading import completions
from swiftkit.recipe.recipe import Fault, Recipe

# Flags of ms-swift 3.x and 2.x -> what to write now; empty where nothing took its place.
RENAMED = {
    "train_type": "tuner_type",
    "sft_type": "tuner_type",
    "tensor_parallel_size": "vllm_tensor_parallel_size",
    "pipeline_parallel_size": "vllm_pipeline_parallel_size",
    "data_parallel_size": "vllm_data_parallel_size",
    "gpu_memory_utilization": "vllm_gpu_memory_utilization",
    "max_num_seqs": "vllm_max_num_seqs",
    "enforce_eager": "vllm_enforce_eager",
    "limit_mm_per_prompt": "vllm_limit_mm_per_prompt",
    "enable_prefix_caching": "vllm_enable_prefix_caching",
    "max_lora_rank": "vllm_max_lora_rank",
    "quantization_bit": "quant_bits",
    "lora_target_modules": "target_modules",
    "lora_lr_ratio": "lorap_lr_ratio",
    "model_id_or_path": "model",
    "ckpt_dir": "adapters",
    "template_type": "template",
    "dataset_test_ratio": "split_dataset_ratio",
    "batch_size": "per_device_train_batch_size",
    "eval_batch_size": "per_device_eval_batch_size",
    "custom_train_dataset_path": "dataset",
    "custom_val_dataset_path": "val_dataset",
    "plugin": "external_plugins",
    "multi_turn_func": "multi_turn_scheduler",
    "num_infer_workers": "",
    "overwrite_output_dir": "",
    "save_safetensors": "",
    "include_tokens_per_second": "",
    "swanlab_lark_webhook_url": "swanlab_webhook_url",
    "swanlab_lark_secret": "swanlab_secret",
}
_SECRETS = ("swanlab_token", "hub_token", "api_key")


def renamed_key(recipe: Recipe) -> Iterator[Fault]:
    """A flag of ms-swift 3.x or 2.x that 4.6 does not know, with its new name."""
    for flag in recipe.given:
        # Megatron has its own
        if recipe.arguments and flag in RENAMED and flag not in recipe.arguments:
            new = RENAMED[flag]
            changes = {flag: None} | ({new: recipe.given[flag]} if new else {})
            fix = f"write {new}" if new else "leave it out"
            yield recipe.fail(
                flag, "is a flag of an older ms-swift that 4.6 does not know", fix, **changes
            )


def unknown_key(recipe: Recipe) -> Iterator[Fault]:
    """A flag that no verb of swift knows, with the nearest name."""
    everywhere = {name for verb in verbs() for name in arguments_of(verb)}
    for flag in _strange(recipe):
        if flag not in everywhere:
            near = difflib.get_close_matches(flag, recipe.arguments, n=1, cutoff=0.6)
            fix = f"write {near[0]}" if near else "look it up in ms-swift's list of arguments"
            yield recipe.fail(flag, f"is no argument of swift {recipe.verb}", fix)


def key_of_another_verb(recipe: Recipe) -> Iterator[Fault]:
    """A flag that only other verbs of swift know."""
    for flag in _strange(recipe):
        others = [verb for verb in verbs() if flag in arguments_of(verb)]
        if others:
            message = f"is known to swift {', '.join(others)}, but not to swift {recipe.verb}"
            yield recipe.fail(flag, message, "leave it out", **{flag: None})


def ambiguous_key(recipe: Recipe) -> Iterator[Fault]:
    """The beginning of several flags, which the parser refuses."""
    for flag in recipe.given:
        ways = completions(flag, recipe.verb)
        if flag not in recipe.arguments and flag not in RENAMED and len(ways) > 1:
            yield recipe.fail(flag, f"could be {', '.join(ways[:4])}", "write the whole name")


def abbreviated_key(recipe: Recipe) -> Iterator[Fault]:
    """The beginning of one flag, which swift takes in silence: a typing mistake, or soon another
    flag."""
    for flag in recipe.given:
        ways = completions(flag, recipe.verb)
        if flag not in recipe.arguments and flag not in RENAMED and len(ways) == 1:
            change = {flag: None, ways[0]: recipe.given[flag]}
            yield recipe.warn(flag, f"is taken for {ways[0]}", f"write {ways[0]}", **change)


def key_twice(recipe: Recipe) -> Iterator[Fault]:
    """A key that stands twice in the YAML: the first value is lost without a word."""
    for flag, place in recipe.twice.items():
        yield recipe.fail(flag, f"stands also at {place}, which is lost", "keep one of them")


def secret_in_recipe(recipe: Recipe) -> Iterator[Fault]:
    """A key or token in a flag or a file: swift prints its arguments and keeps them in
    args.json."""
    for flag in recipe.says(*_SECRETS):
        variable = {
            "swanlab_token": "SWANLAB_API_KEY",
            "hub_token": "HF_TOKEN or MODELSCOPE_API_TOKEN",
        }.get(flag)
        fix = f"put it into {variable}" if variable else "put a proxy with a key before the server"
        yield recipe.warn(flag, "is printed, and kept in args.json", fix)


def shadowed_variable(recipe: Recipe) -> Iterator[Fault]:
    """A variable of the ENV block that is set otherwise outside, and so has no effect."""
    for name, value in recipe.own_environment.items():
        if recipe.environment.get(name, value) != value:
            message = f"{name} is set in the environment to another value, which wins"
            yield recipe.warn("ENV", message, f"unset {name}, or take it out of ENV")


def _strange(recipe: Recipe) -> list[str]:
    known = recipe.arguments
    if not known:
        return []  # a verb that the table does not hold
    return [
        flag
        for flag in recipe.given
        if flag not in known and flag not in RENAMED and not completions(flag, recipe.verb)
    ]
