"""Keys that swift does not know, or takes for others."""

import difflib

from swiftkit.recipe.arguments import arguments_of, verbs
from swiftkit.recipe.reading import completions
from swiftkit.recipe.recipe import Findings, Recipe

# Flags of ms-swift 3.x and 2.x and of other tools (LLaMA-Factory, axolotl, TRL, unsloth, vLLM,
# transformers' own arguments) -> what to write now; empty where nothing takes its place.
RENAMED = {
    "train_type": "tuner_type",
    "sft_type": "tuner_type",
    "tensor_parallel_size": "vllm_tensor_parallel_size",
    "pipeline_parallel_size": "vllm_pipeline_parallel_size",
    "data_parallel_size": "vllm_data_parallel_size",
    "gpu_memory_utilization": "vllm_gpu_memory_utilization",
    "tp": "vllm_tensor_parallel_size",
    "tp_size": "vllm_tensor_parallel_size",
    "max_num_seqs": "vllm_max_num_seqs",
    "enforce_eager": "vllm_enforce_eager",
    "limit_mm_per_prompt": "vllm_limit_mm_per_prompt",
    "enable_prefix_caching": "vllm_enable_prefix_caching",
    "max_lora_rank": "vllm_max_lora_rank",
    "reasoning_parser": "vllm_reasoning_parser",
    "quantization": "vllm_quantization",
    "quantization_bit": "quant_bits",
    "quantization_method": "quant_method",
    "quantization_type": "bnb_4bit_quant_type",
    "double_quantization": "bnb_4bit_use_double_quant",
    "bnb_4bit_comp_dtype": "bnb_4bit_compute_dtype",
    "lora_target_modules": "target_modules",
    "lora_modules_to_save": "modules_to_save",
    "additional_target": "modules_to_save",
    "lora_dropout_p": "lora_dropout",
    "lora_bias_trainable": "lora_bias",
    "finetuning_type": "tuner_type",
    "lora_target": "target_modules",
    "lora_lr_ratio": "lorap_lr_ratio",
    "loraplus_lr_ratio": "lorap_lr_ratio",
    "init_lora_weights": "init_weights",
    "model_id_or_path": "model",
    "model_name_or_path": "model",
    "base_model": "model",
    "reward_model_path": "reward_model",
    "reward_model_name_or_path": "reward_model",
    "teacher_model_name_or_path": "teacher_model",
    "ref_model_name_or_path": "ref_model",
    "ref_model_adapters": "ref_adapters",
    "reward_model_adapters": "reward_adapters",
    "tokenizer_name_or_path": "",
    "ckpt_dir": "adapters",
    "adapter_name_or_path": "adapters",
    "lora_model_dir": "adapters",
    "lora_path": "adapters",
    "peft_model_path": "adapters",
    "lora_modules": "adapters",
    "template_type": "template",
    "chat_template": "template",
    "tool_format": "agent_template",
    "tools_prompt": "agent_template",
    "default_system": "system",
    "system_prompt": "system",
    "dataset_test_ratio": "split_dataset_ratio",
    "val_size": "split_dataset_ratio",
    "val_set_size": "split_dataset_ratio",
    "eval_size": "split_dataset_ratio",
    "test_size": "split_dataset_ratio",
    "train_dataset": "dataset",
    "train_file": "dataset",
    "dataset_name": "dataset",
    "datasets": "dataset",
    "validation_file": "val_dataset",
    "test_datasets": "val_dataset",
    "custom_train_dataset_path": "dataset",
    "custom_val_dataset_path": "val_dataset",
    "cutoff_len": "max_length",
    "sequence_len": "max_length",
    "seq_len": "max_length",
    "seq_length": "max_length",
    "max_seq_length": "max_length",
    "max_seq_len": "max_length",
    "model_max_length": "max_length",
    "truncation_side": "truncation_strategy",
    "buffer_size": "shuffle_buffer_size",
    "interleave_probs": "interleave_prob",
    "preprocess_num_proc": "dataset_num_proc",
    "preprocessing_num_workers": "dataset_num_proc",
    "dataset_num_processes": "dataset_num_proc",
    "batch_size": "per_device_train_batch_size",
    "micro_batch_size": "per_device_train_batch_size",
    "train_batch_size": "per_device_train_batch_size",
    "eval_batch_size": "per_device_eval_batch_size",
    "per_device_batch_size": "per_device_train_batch_size",
    "num_epochs": "num_train_epochs",
    "n_epochs": "num_train_epochs",
    "train_epochs": "num_train_epochs",
    "epoch": "num_train_epochs",
    "epochs": "num_train_epochs",
    "lr": "learning_rate",
    "lr_scheduler": "lr_scheduler_type",
    "optim_type": "optim",
    "num_workers": "dataloader_num_workers",
    "evals_per_epoch": "",
    "saves_per_epoch": "",
    "sample_packing": "packing",
    "neat_packing": "packing",
    "dtype": "torch_dtype",
    "infer_dtype": "torch_dtype",
    "attn_implementation": "attn_impl",
    "flash_attention": "attn_impl",
    "enable_liger_kernel": "use_liger_kernel",
    "moe_aux_loss_coef": "router_aux_loss_coef",
    "deepspeed_config": "deepspeed",
    "deepspeed_config_path": "deepspeed",
    "new_special_tokens_config": "",
    "pref_beta": "beta",
    "dpo_beta": "beta",
    "kto_beta": "beta",
    "pref_loss": "loss_type",
    "pref_ftx": "rpo_alpha",
    "dpo_label_smoothing": "label_smoothing",
    "kto_chosen_weight": "desirable_weight",
    "kto_rejected_weight": "undesirable_weight",
    "ppo_epochs": "num_ppo_epochs",
    "max_prompt_length": "max_length",
    "max_tokens": "max_new_tokens",
    "max_gen_length": "max_new_tokens",
    "rl": "rlhf_type",
    "reward_functions": "reward_funcs",
    "plugin": "external_plugins",
    "multi_turn_func": "multi_turn_scheduler",
    "export_dir": "output_dir",
    "save_dir": "output_dir",
    "galore_update_interval": "galore_update_proj_gap",
    "swanlab_run_name": "swanlab_exp_name",
    "swanlab_api_key": "",
    "swanlab_logdir": "",
    "wandb_run_id": "",
    "num_infer_workers": "",
    "overwrite_output_dir": "",
    "overwrite_cache": "",
    "save_safetensors": "safe_serialization",
    "include_tokens_per_second": "",
    "trust_remote_code": "",
    "use_fast_tokenizer": "",
    "low_cpu_mem_usage": "",
    "plot_loss": "",
    "check_dataset_strategy": "",
    "dataset_text_field": "",
    "dataset_kwargs": "",
    "eval_human": "",
    "model_cache_dir": "",
    "tool_call_parser": "",
    "enable_auto_tool_choice": "",
    "load_dataset_config": "load_data_args",
    "merge_lora_and_save": "merge_lora",
    "show_dataset_sample": "val_dataset_sample",
    "neftune_alpha": "neftune_noise_alpha",
    "dataset_dir": "",
    "media_dir": "",
    "do_sample": "",
    "cache_dir": "",
    "swanlab_lark_webhook_url": "swanlab_webhook_url",
    "swanlab_lark_secret": "swanlab_secret",
}
_OF_EVAL = "a flag of `swiftkit eval`: recipes/eval.sh takes those after --"
# A flag of another tool that other values stand for: in words, and as flags where it is true.
_TRANSLATED: dict[str, tuple[str, dict[str, list[str]]]] = {
    "adapter": ("write tuner_type lora (and quant_bits 4 for qlora), or adapters DIRECTORY", {}),
    "max_samples": ("write the number behind the data: dataset FILE#1000", {}),
    "self_cognition_sample": ("write dataset swift/self-cognition#500", {}),
    "train_dataset_sample": ("write the number behind the data: dataset FILE#1000", {}),
    "stage": ("the verb says it: swift pt, swift sft, swift rlhf --rlhf_type dpo", {}),
    "use_lora": ("write tuner_type lora", {"tuner_type": ["lora"]}),
    "use_peft": ("write tuner_type lora", {"tuner_type": ["lora"]}),
    "nproc_per_node": ("write NPROC_PER_NODE=4 in front of the command", {}),
    "num_gpus": ("write NPROC_PER_NODE=4 in front of the command", {}),
    "limit": (_OF_EVAL, {}),
    "trials": (_OF_EVAL, {}),
    "concurrency": (_OF_EVAL, {}),
    "gate": (_OF_EVAL, {}),
    "dry_run": (_OF_EVAL, {}),
    "lora_target_linear": ("write target_modules all-linear", {"target_modules": ["all-linear"]}),
    "flash_attn": ("write attn_impl flash_attn or sdpa", {"attn_impl": ["flash_attn"]}),
    "use_flash_attn": ("write attn_impl flash_attn", {"attn_impl": ["flash_attn"]}),
    "sdp_attention": ("write attn_impl sdpa", {"attn_impl": ["sdpa"]}),
    "use_unsloth": ("write tuner_backend unsloth", {"tuner_backend": ["unsloth"]}),
    "use_swanlab": ("write report_to swanlab", {"report_to": ["swanlab"]}),
    "use_wandb": ("write report_to wandb", {"report_to": ["wandb"]}),
    "wandb_project": ("write report_to wandb, and set WANDB_PROJECT", {}),
    "load_in_4bit": (
        "write quant_method bnb and quant_bits 4",
        {"quant_method": ["bnb"], "quant_bits": ["4"]},
    ),
    "load_in_8bit": (
        "write quant_method bnb and quant_bits 8",
        {"quant_method": ["bnb"], "quant_bits": ["8"]},
    ),
    "train_on_inputs": ("write loss_scale all", {"loss_scale": ["all"]}),
    "train_on_prompt": ("write loss_scale all", {"loss_scale": ["all"]}),
    "mask_history": ("write loss_scale last_round", {"loss_scale": ["last_round"]}),
    "disable_gradient_checkpointing": (
        "write gradient_checkpointing false",
        {"gradient_checkpointing": ["false"]},
    ),
    "pure_bf16": ("write torch_dtype bfloat16", {"torch_dtype": ["bfloat16"]}),
    "freeze_trainable_layers": ("write trainable_parameters, the beginnings of their names", {}),
    "tokenized_path": ("write cached_dataset, made by swift export --to_cached_dataset true", {}),
}
_SAMPLE_COUNTS = ("max_samples", "train_dataset_sample")
# Values that swift calls otherwise
_VALUES = {
    "torch_dtype": {"bf16": "bfloat16", "fp16": "float16", "half": "float16", "fp32": "float32"},
    "target_modules": {"all": "all-linear"},
}
_SECRETS = {
    "swanlab_token": "put it into SWANLAB_API_KEY",
    "hub_token": "put it into HF_TOKEN or MODELSCOPE_API_TOKEN",
    "api_key": "put a proxy with a key before the server",
}


def renamed_key(recipe: Recipe) -> Findings:
    """A flag belongs to an older ms-swift or to another tool; what to write now is given."""
    message = "is a flag of an older ms-swift or of another tool, which 4.6 does not know"
    given = dict(recipe.typed)  # with what is added here: two old flags may mean one new one
    for flag in _unknown(recipe, renamed=True):
        changes: dict[str, list[str] | None] = {flag: None}
        new = RENAMED.get(flag, "")
        if flag in _TRANSLATED:
            fix, flags = _TRANSLATED[flag]
            if recipe.get_bool(flag):
                changes |= flags
            if flag in _SAMPLE_COUNTS and given.get("dataset"):
                given["dataset"] = [_sampled(name, recipe.typed[flag]) for name in given["dataset"]]
                changes["dataset"] = given["dataset"]
            yield recipe.fail(flag, message, fix, **changes)
        elif new and new in recipe.arguments:
            values = recipe.typed[flag]
            if recipe.arguments[new].nargs in ("+", "*"):
                values = ",".join(values).split(",")  # other tools take one word with commas
            values = [_VALUES.get(new, {}).get(value, value) for value in values]
            if new in given and recipe.arguments[new].nargs not in ("+", "*"):
                yield recipe.fail(flag, message, f"leave it out: {new} is given", **changes)
                continue
            if new in given:
                values = [*given[new], *values]
            given[new] = values
            fix = (
                f"write {new}"
                if values == recipe.typed[flag]
                else f"write {new} {' '.join(values)}"
            )
            yield recipe.fail(flag, message, fix, **changes | {new: values})
        else:
            yield recipe.fail(flag, message)


def _sampled(name: str, count: list[str]) -> str:
    """Return NAME#COUNT; a name that has a count keeps it, and -1 means all rows."""
    number = "".join(count)
    return f"{name}#{number}" if "#" not in name and number.isdecimal() else name


def unknown_key(recipe: Recipe) -> Findings:
    """No verb of swift knows a flag; the nearest name is given."""
    for flag in _unknown(recipe):
        if not completions(flag, recipe.verb) and not _knowing_verbs(flag):
            # Typing mistakes; names that are less alike mean something else (max_rows, max_steps).
            near = difflib.get_close_matches(flag, recipe.arguments, n=1, cutoff=0.85)
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
    flags = []
    for flag in unknown:
        # The beginning of one flag is taken for it (adapter, in swift infer).
        is_begun = len(completions(flag, recipe.verb)) == 1
        if renamed == ((flag in RENAMED or flag in _TRANSLATED) and not is_begun):
            flags.append(flag)
    return flags


def _knowing_verbs(flag: str) -> list[str]:
    return [verb for verb in verbs() if flag in arguments_of(verb)]
