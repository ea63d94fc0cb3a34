"""Settings without effect, and settings that contradict each other."""

from collections.abc import Iterator

from swiftkit.recipe.model_files import is_gpt_oss
from swiftkit.recipe.recipe import Fault, Recipe

_ADAPTERS_ONLY = ("lora_rank", "lora_alpha", "lora_dropout", "lora_bias", "lora_dtype", "use_rslora", "use_dora",
                  "target_modules", "target_parameters", "init_weights")  # fmt: skip
_FULL_ONLY = (
    "freeze_parameters",
    "freeze_parameters_ratio",
    "freeze_parameters_regex",
    "trainable_parameters",
)
_SELF_COGNITION = ("model_name", "model_author")
_STAGES = {
    "reward_funcs": ("grpo",),
    "reward_weights": ("grpo",),
    "num_generations": ("grpo",),
    "num_iterations": ("grpo",),
    "multi_turn_scheduler": ("grpo", "gkd"),
    "log_completions": ("grpo", "gkd"),
    "max_completion_length": ("grpo", "ppo", "gkd"),
    "desirable_weight": ("kto",),
    "undesirable_weight": ("kto",),
    "simpo_gamma": ("simpo", "cpo"),
    "cpo_alpha": ("cpo", "simpo"),
    "rpo_alpha": ("dpo",),
    "label_smoothing": ("dpo", "cpo", "simpo"),
    "lmbda": ("gkd",),
    "sft_alpha": ("gkd",),
    "teacher_model": ("gkd", "grpo"),
    "center_rewards_coefficient": ("rm",),
    "num_ppo_epochs": ("ppo",),
    "kl_coef": ("ppo",),
    "cliprange": ("ppo",),
    "reward_model": ("ppo", "grpo"),
}


def dead_save_steps(recipe: Recipe) -> Iterator[Fault]:
    """save_steps where save_strategy is not steps."""
    strategy = recipe.text("save_strategy")
    if recipe.says("save_steps") and strategy != "steps" and recipe.trains:
        message = f"has no effect: save_strategy is {strategy}"
        yield recipe.warn(
            "save_steps", message, "write --save_strategy steps, or leave it out", save_steps=None
        )


def dead_evaluation(recipe: Recipe) -> Iterator[Fault]:
    """eval_steps, eval_strategy or per_device_eval_batch_size without validation data."""
    flags = (
        recipe.says("eval_steps", "eval_strategy") if recipe.trains and not recipe.evaluates else []
    )
    flags = [flag for flag in flags if recipe.text(flag) != "no"]
    if flags and recipe.says("per_device_eval_batch_size"):
        flags.append("per_device_eval_batch_size")
    for flag in flags:
        message = "has no effect: there is no validation data (split_dataset_ratio is 0)"
        fix = "add --split_dataset_ratio 0.01 or --val_dataset FILE, or leave it out"
        yield recipe.warn(flag, message, fix, **{flag: None})


def dead_eval_steps(recipe: Recipe) -> Iterator[Fault]:
    """eval_steps where the evaluation comes by epoch, or never."""
    strategy = recipe.text("eval_strategy") or recipe.text("save_strategy")
    if recipe.trains and recipe.evaluates and recipe.says("eval_steps") and strategy != "steps":
        message = f"has no effect: eval_strategy is {strategy}"
        yield recipe.warn(
            "eval_steps", message, "write --eval_strategy steps, or leave it out", eval_steps=None
        )


def dead_split(recipe: Recipe) -> Iterator[Fault]:
    """split_dataset_ratio beside val_dataset or streaming: swift sets it to 0."""
    cause = (
        "val_dataset"
        if recipe.says("val_dataset")
        else "streaming"
        if recipe.true("streaming")
        else ""
    )
    if (
        cause
        and recipe.says("split_dataset_ratio")
        and (recipe.number("split_dataset_ratio") or 0) > 0
    ):
        message = f"has no effect beside {cause}"
        yield recipe.warn("split_dataset_ratio", message, "leave it out", split_dataset_ratio=None)


def dead_self_cognition(recipe: Recipe) -> Iterator[Fault]:
    """model_name or model_author without self-cognition data, where alone they stand in."""
    data = recipe.values("dataset") + recipe.values("val_dataset")
    if recipe.trains and not any(
        "self-cognition" in name or "self_cognition" in name for name in data
    ):
        for flag in recipe.says(*_SELF_COGNITION):
            yield recipe.warn(
                flag, "acts on self-cognition data only", "leave it out", **{flag: None}
            )


def dead_empty_think(recipe: Recipe) -> Iterator[Fault]:
    """ignore_empty_think for gpt-oss: Harmony has no <think>, so it never matches."""
    if (
        recipe.says("loss_scale")
        and "ignore_empty_think" in recipe.text("loss_scale")
        and is_gpt_oss(recipe)
    ):
        rest = [
            part for part in recipe.text("loss_scale").split("+") if part != "ignore_empty_think"
        ]
        message = "ignore_empty_think never matches Harmony text"
        yield recipe.warn(
            "loss_scale", message, "leave it out", loss_scale=["+".join(rest)] if rest else None
        )


def dead_epochs(recipe: Recipe) -> Iterator[Fault]:
    """num_train_epochs beside max_steps, which wins."""
    if recipe.whole("max_steps", -1) > 0 and recipe.says("num_train_epochs") and recipe.trains:
        message = f"has no effect: max_steps is {recipe.text('max_steps')}"
        yield recipe.warn(
            "num_train_epochs", message, "leave one of the two out", num_train_epochs=None
        )


def dead_tuner_settings(recipe: Recipe) -> Iterator[Fault]:
    """LoRA's settings in full training, or full training's in LoRA."""
    full = recipe.text("tuner_type") == "full"
    for flag in recipe.says(*(_ADAPTERS_ONLY if full else _FULL_ONLY)) if recipe.trains else ():
        message = f"has no effect with tuner_type {recipe.text('tuner_type')}"
        yield recipe.warn(flag, message, "leave it out", **{flag: None})


def dead_stage_settings(recipe: Recipe) -> Iterator[Fault]:
    """A setting of another stage of rlhf (reward_funcs in dpo)."""
    for flag in recipe.says(*_STAGES) if recipe.verb == "rlhf" else ():
        if recipe.stage not in _STAGES[flag]:
            message = f"has no effect in {recipe.stage}: it belongs to {', '.join(_STAGES[flag])}"
            yield recipe.warn(flag, message, "leave it out", **{flag: None})


def dead_regex(recipe: Recipe) -> Iterator[Fault]:
    """target_modules beside target_regex, which wins."""
    if recipe.says("target_regex") and recipe.says("target_modules"):
        yield recipe.warn(
            "target_modules",
            "has no effect beside target_regex",
            "leave one out",
            target_modules=None,
        )


def two_warmups(recipe: Recipe) -> Iterator[Fault]:
    """warmup_ratio and warmup_steps at once, or a ratio of 1 and more."""
    ratio, steps = recipe.number("warmup_ratio") or 0, recipe.number("warmup_steps") or 0
    if recipe.trains and ratio and steps:
        yield recipe.fail(
            "warmup_steps", "and warmup_ratio exclude each other", "keep one", warmup_steps=None
        )
    elif recipe.trains and ratio >= 1:
        message = f"{recipe.text('warmup_ratio')} is no share"
        fix = f"write --warmup_steps {ratio:.0f} for steps"
        yield recipe.fail(
            "warmup_ratio", message, fix, warmup_ratio=None, warmup_steps=[f"{ratio:.0f}"]
        )


def two_starts(recipe: Recipe) -> Iterator[Fault]:
    """adapters beside resume_from_checkpoint: which of the two goes on?"""
    # the same recipe as before, which began with them
    resumes = recipe.environment.get("RESUME", "0") not in ("", "0")
    if (
        recipe.trains
        and recipe.says("adapters")
        and recipe.says("resume_from_checkpoint")
        and not resumes
    ):
        fix = "leave adapters out; after SFT, in DPO, KTO and GRPO, --ref_adapters names the SFT checkpoint"
        yield recipe.warn(
            "adapters",
            "stands beside resume_from_checkpoint, whose weights win",
            fix,
            adapters=None,
        )


def hub_check(recipe: Recipe) -> Iterator[Fault]:
    """A local model on a machine without internet and check_model left on: 22 to 25 s of
    retries."""
    offline = any(
        recipe.environment.get(name, "") in ("1", "true")
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    )
    if recipe.trains and offline and recipe.true("check_model"):
        message = "a machine set offline asks the hub for 22 to 25 s at the trainer's start"
        yield recipe.warn("check_model", message, "add --check_model false", check_model=["false"])


def lost_rows(recipe: Recipe) -> Iterator[Fault]:
    """Over-long rows that are cut in training: an answer, or its tool call, loses its end."""
    if recipe.verb in ("sft", "rlhf") and recipe.text("truncation_strategy") == "right":
        yield recipe.warn(
            "truncation_strategy", "cuts the end of a row, which is its answer", "write delete"
        )
