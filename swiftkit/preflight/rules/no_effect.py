"""Settings without effect, and settings that contradict each other."""

from swiftkit.recipe.model_files import is_gpt_oss
from swiftkit.recipe.recipe import Findings, Recipe
from swiftkit.recipe.switches import is_on

_ADAPTERS_ONLY = (
    "lora_rank lora_alpha lora_dropout lora_bias lora_dtype use_rslora use_dora target_modules"
    " target_parameters init_weights"
).split()
_FULL_ONLY = (
    "freeze_parameters freeze_parameters_ratio freeze_parameters_regex trainable_parameters"
).split()
_STAGES = {
    "reward_funcs reward_weights num_generations num_iterations": ("grpo",),
    "multi_turn_scheduler log_completions": ("grpo", "gkd"),
    "max_completion_length": ("grpo", "ppo", "gkd"),
    "desirable_weight undesirable_weight": ("kto",),
    "simpo_gamma": ("simpo", "cpo"),
    "cpo_alpha": ("cpo", "simpo"),
    "rpo_alpha": ("dpo",),
    "label_smoothing": ("dpo", "cpo", "simpo"),
    "lmbda sft_alpha": ("gkd",),
    "teacher_model": ("gkd", "grpo"),
    "center_rewards_coefficient": ("rm",),
    "num_ppo_epochs kl_coef cliprange": ("ppo",),
    "reward_model": ("ppo", "grpo"),
}


def dead_save_steps(recipe: Recipe) -> Findings:
    """save_steps has no effect unless save_strategy is steps."""
    strategy = recipe.get_str("save_strategy")
    if recipe.trains and recipe.is_set("save_steps") and strategy != "steps":
        message = f"has no effect: save_strategy is {strategy}"
        fix = "write --save_strategy steps, or leave it out"
        yield recipe.warn("save_steps", message, fix, save_steps=None)


def dead_evaluation(recipe: Recipe) -> Findings:
    """eval_steps, eval_strategy and the like have no effect without validation data."""
    if not recipe.trains or recipe.evaluates:
        return
    flags = recipe.present("eval_steps", "eval_strategy")
    flags = [flag for flag in flags if recipe.get_str(flag) != "no"]
    if flags:
        flags += recipe.present("per_device_eval_batch_size")
    for flag in flags:
        message = "has no effect: there is no validation data (split_dataset_ratio is 0)"
        fix = "add --split_dataset_ratio 0.01 or --val_dataset FILE, or leave it out"
        yield recipe.warn(flag, message, fix, **{flag: None})


def dead_eval_steps(recipe: Recipe) -> Findings:
    """eval_steps has no effect where the evaluation comes by epoch, or never."""
    strategy = recipe.eval_strategy
    evaluates = recipe.trains and recipe.evaluates
    if evaluates and recipe.is_set("eval_steps") and strategy != "steps":
        message = f"has no effect: eval_strategy is {strategy}"
        fix = "write --eval_strategy steps, or leave it out"
        yield recipe.warn("eval_steps", message, fix, eval_steps=None)


def dead_split(recipe: Recipe) -> Findings:
    """swift sets split_dataset_ratio to 0 beside val_dataset and in streaming."""
    flag = "split_dataset_ratio"
    causes = recipe.present("val_dataset")
    if recipe.get_bool("streaming"):
        causes.append("streaming")
    if causes and recipe.is_set(flag) and (recipe.get_float(flag) or 0) > 0:
        yield recipe.warn(flag, f"has no effect beside {causes[0]}")


def dead_self_cognition(recipe: Recipe) -> Findings:
    """model_name and model_author have no effect without self-cognition data."""
    datasets = " ".join(recipe.get_list("dataset") + recipe.get_list("val_dataset"))
    if recipe.trains and "self-cognition" not in datasets.replace("_", "-"):
        for flag in recipe.present("model_name", "model_author"):
            yield recipe.warn(flag, "acts on self-cognition data only")


def dead_empty_think(recipe: Recipe) -> Findings:
    """ignore_empty_think never matches for gpt-oss, because Harmony has no <think>."""
    parts = recipe.get_str("loss_scale").split("+")
    if recipe.is_set("loss_scale") and "ignore_empty_think" in parts and is_gpt_oss(recipe):
        rest = [part for part in parts if part != "ignore_empty_think"]
        change = ["+".join(rest)] if rest else None
        message = "ignore_empty_think never matches Harmony text"
        yield recipe.warn("loss_scale", message, "leave it out", loss_scale=change)


def dead_epochs(recipe: Recipe) -> Findings:
    """num_train_epochs has no effect beside max_steps."""
    has_both = recipe.get_int("max_steps", -1) > 0 and recipe.is_set("num_train_epochs")
    if recipe.trains and has_both:
        message = f"has no effect: max_steps is {recipe.get_str('max_steps')}"
        fix = "leave one of the two out"
        yield recipe.warn("num_train_epochs", message, fix, num_train_epochs=None)


def dead_tuner_settings(recipe: Recipe) -> Findings:
    """LoRA's settings have no effect in full training, nor full training's in LoRA."""
    tuner = recipe.get_str("tuner_type")
    flags = _ADAPTERS_ONLY if tuner == "full" else _FULL_ONLY
    if not recipe.trains:
        return
    for flag in recipe.present(*flags):
        yield recipe.warn(flag, f"has no effect with tuner_type {tuner}")


def dead_stage_settings(recipe: Recipe) -> Findings:
    """A setting belongs to another stage of rlhf, as reward_funcs does in dpo."""
    for flags, stages in _STAGES.items():
        for flag in recipe.present(*flags.split()):
            if recipe.verb == "rlhf" and recipe.stage not in stages:
                message = f"has no effect in {recipe.stage}: it belongs to {', '.join(stages)}"
                yield recipe.warn(flag, message)


def dead_regex(recipe: Recipe) -> Findings:
    """target_modules has no effect beside target_regex."""
    if recipe.is_set("target_regex") and recipe.is_set("target_modules"):
        message = "has no effect beside target_regex"
        yield recipe.warn("target_modules", message, "leave one out", target_modules=None)


def two_warmups(recipe: Recipe) -> Findings:
    """warmup_ratio and warmup_steps exclude each other; a ratio is below 1."""
    ratio = recipe.get_float("warmup_ratio") or 0
    steps = recipe.get_float("warmup_steps") or 0
    if recipe.trains and ratio and steps:
        message = "and warmup_ratio exclude each other"
        yield recipe.fail("warmup_steps", message, "keep one", warmup_steps=None)
    elif recipe.trains and ratio >= 1:
        message = f"{recipe.get_str('warmup_ratio')} is not below 1"
        whole = f"{ratio:.0f}"
        fix = f"write --warmup_steps {whole} for steps"
        yield recipe.fail("warmup_ratio", message, fix, warmup_ratio=None, warmup_steps=[whole])


def two_starts(recipe: Recipe) -> Findings:
    """adapters stand beside resume_from_checkpoint, whose weights win."""
    # RESUME=1 runs the same recipe as before, which began with the adapters.
    resumes = is_on(recipe.environment, "RESUME")
    has_both = recipe.is_set("adapters") and recipe.is_set("resume_from_checkpoint")
    if recipe.trains and has_both and not resumes:
        message = "stands beside resume_from_checkpoint, whose weights win"
        fix = "leave adapters out; after SFT, in DPO, KTO and GRPO, --ref_adapters names the SFT"
        yield recipe.warn("adapters", message, f"{fix} checkpoint", adapters=None)


def hub_check(recipe: Recipe) -> Findings:
    """On a machine set offline check_model asks the hub for 22 to 25 s about a local model."""
    variables = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    offline = any(recipe.environment.get(name, "") in ("1", "true") for name in variables)
    if recipe.trains and offline and recipe.get_bool("check_model"):
        message = "a machine set offline asks the hub for 22 to 25 s at the trainer's start"
        yield recipe.warn("check_model", message, "add --check_model false", check_model=["false"])


def lost_rows(recipe: Recipe) -> Findings:
    """Over-long rows are cut at their end, so an answer or its tool call is lost."""
    flag = "truncation_strategy"
    if recipe.verb in ("sft", "rlhf") and recipe.get_str(flag) == "right":
        yield recipe.warn(flag, "cuts the end of a row, which is its answer", "write delete")
