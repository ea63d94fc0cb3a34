"""Keys that swift does not know, or takes for others."""

import difflib

from swiftkit.recipe.arguments import arguments_of, verbs
from swiftkit.recipe.reading import completions
from swiftkit.recipe.recipe import Findings, Recipe

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
_SECRETS = {
    "swanlab_token": "put it into SWANLAB_API_KEY",
    "hub_token": "put it into HF_TOKEN or MODELSCOPE_API_TOKEN",
    "api_key": "put a proxy with a key before the server",
}


def renamed_key(recipe: Recipe) -> Findings:
    """A flag belongs to ms-swift 3.x or 2.x; its new name is given."""
    message = "is a flag of an older ms-swift that 4.6 does not know"
    for flag in _unknown(recipe, renamed=True):
        new = RENAMED[flag]
        if new:
            changes = {flag: None, new: recipe.typed[flag]}
            yield recipe.fail(flag, message, f"write {new}", **changes)
        else:
            yield recipe.fail(flag, message)


def unknown_key(recipe: Recipe) -> Findings:
    """No verb of swift knows a flag; the nearest name is given."""
    for flag in _unknown(recipe):
        if not completions(flag, recipe.verb) and not _knowing_verbs(flag):
            near = difflib.get_close_matches(flag, recipe.arguments, n=1, cutoff=0.6)
            fix = f"write {near[0]}" if near else "look it up in ms-swift's list of arguments"
            yield recipe.fail(flag, f"is not an argument of swift {recipe.verb}", fix)


def key_of_another_verb(recipe: Recipe) -> Findings:
    """Only other verbs of swift know a flag."""
    for flag in _unknown(recipe):
        others = _knowing_verbs(flag)
        if others and not completions(flag, recipe.verb):
            message = f"is known to swift {', '.join(others)}, but not to swift {recipe.verb}"
            yield recipe.fail(flag, message)


def ambiguous_key(recipe: Recipe) -> Findings:
    """The parser refuses the beginning of several flags."""
    for flag in _unknown(recipe):
        names = completions(flag, recipe.verb)
        if len(names) > 1:
            yield recipe.fail(flag, f"could be {', '.join(names[:4])}", "write the whole name")


def abbreviated_key(recipe: Recipe) -> Findings:
    """swift silently accepts the beginning of a flag, which may be a typing mistake."""
    for flag in _unknown(recipe):
        names = completions(flag, recipe.verb)
        if len(names) == 1:
            changes = {flag: None, names[0]: recipe.typed[flag]}
            yield recipe.warn(flag, f"is taken for {names[0]}", f"write {names[0]}", **changes)


def key_twice(recipe: Recipe) -> Findings:
    """A key stands twice in the YAML, and its first value is silently lost."""
    for flag, place in recipe.repeated.items():
        yield recipe.fail(flag, f"stands also at {place}, which is lost", "keep one of them")


def secret_in_recipe(recipe: Recipe) -> Findings:
    """swift prints a key or a token, and keeps it in args.json."""
    for flag in recipe.present(*_SECRETS):
        yield recipe.warn(flag, "is printed, and kept in args.json", _SECRETS[flag])


def shadowed_variable(recipe: Recipe) -> Findings:
    """A variable of the ENV block has no effect: the environment sets another value."""
    for name, value in recipe.file_environment.items():
        if recipe.environment.get(name, value) != value:
            message = f"{name} is set in the environment to another value, which wins"
            yield recipe.warn("ENV", message, f"unset {name}, or take it out of ENV")


def _unknown(recipe: Recipe, renamed: bool = False) -> list[str]:
    """Return the flags that the verb does not know: those of older versions, or all others."""
    known = recipe.arguments
    unknown = [flag for flag in recipe.typed if known and flag not in known]
    return [flag for flag in unknown if (flag in RENAMED) == renamed]


def _knowing_verbs(flag: str) -> list[str]:
    return [verb for verb in verbs() if flag in arguments_of(verb)]
