"""Batches and steps, computed as swift does it (rlhf_trainers/args_mixin.py)."""

from swiftkit.recipe.recipe import Findings, Recipe

_SIZES = (
    "per_device_train_batch_size gradient_accumulation_steps steps_per_generation num_generations"
).split()


def group_of_one(recipe: Recipe) -> Findings:
    """GRPO has nothing to compare one answer per question with."""
    has_teacher = recipe.is_set("teacher_model", "teacher_model_server")
    if recipe.stage == "grpo" and _group_size(recipe) == 1 and not has_teacher:
        message = "one answer has no advantage over others"
        yield recipe.fail("num_generations", message, "write 8", num_generations=["8"])


def uneven_groups(recipe: Recipe) -> Findings:
    """num_generations does not divide the answers of a generation."""
    if recipe.stage != "grpo" or not _has_valid_sizes(recipe):
        return
    answers, origin = recipe.get_int("generation_batch_size", 0), "generation_batch_size"
    if not recipe.is_set(origin):
        # swift accumulates one step in GRPO where nothing is set.
        steps = recipe.get_int("steps_per_generation", 0)
        steps = steps or recipe.get_int("gradient_accumulation_steps", 1)
        answers = _global_batch(recipe) * steps
        batch = recipe.get_int("per_device_train_batch_size", 1)
        origin = f"{batch} a process x {recipe.processes} x {steps} steps"
    group = _group_size(recipe)
    if group > 1 and answers and answers % group:
        divisors = [str(size) for size in range(2, min(answers, 64) + 1) if answers % size == 0]
        fix = f"make the product a multiple of {group}"
        if divisors:
            fix = f"write --num_generations {' or '.join(divisors[-3:])}"
        flags = recipe.present("num_generations") or ["per_device_train_batch_size"]
        message = f"{answers} answers a generation ({origin}) do not split into groups of {group}"
        yield recipe.fail(flags[0], message, fix)


def generation_batch(recipe: Recipe) -> Findings:
    """generation_batch_size contradicts the batch or steps_per_generation."""
    flag = "generation_batch_size"
    generates = recipe.stage in ("grpo", "gkd")
    if not generates or not recipe.is_set(flag) or not _has_valid_sizes(recipe):
        return
    size, batch = recipe.get_int(flag, 0), _global_batch(recipe)
    steps = recipe.get_int("steps_per_generation", 0)
    if steps and size != batch * steps:
        message = f"{size} is not {batch} x {steps} steps_per_generation"
        yield recipe.fail(flag, message, "leave one of the two out", generation_batch_size=None)
    elif not steps and size % batch:
        message = f"{size} is not a multiple of the batch, {batch}"
        yield recipe.fail(flag, message, f"write {max(size // batch, 1) * batch}")


def uneven_evaluation(recipe: Recipe) -> Findings:
    """An evaluation batch does not hold whole groups of answers."""
    if recipe.stage != "grpo" or not _has_valid_sizes(recipe) or not recipe.evaluates:
        return
    flag = "per_device_eval_batch_size"
    group = recipe.get_int("num_generations_eval", 0) or _group_size(recipe)
    batch = recipe.get_int(flag, 8) * recipe.processes
    if group > 1 and batch % group:
        message = f"{batch} answers of an evaluation do not split into groups of {group}"
        yield recipe.fail(flag, message, f"write --{flag} {group}")


def batch_of_one(recipe: Recipe) -> Findings:
    """KTO's KL term compares rows of an update, and there is only one."""
    rows = _global_batch(recipe) * recipe.get_int("gradient_accumulation_steps", 16)
    has_kl = recipe.get_str("loss_type") != "apo_zero_unpaired"
    if recipe.stage == "kto" and rows <= 1 and has_kl:
        flag, message = (
            "per_device_train_batch_size",
            "a batch of one row has no other to compare with",
        )
        yield recipe.fail(flag, message, "write 2 or more, or accumulate more steps")


def warmup_beyond_end(recipe: Recipe) -> Findings:
    """The warmup is longer than the run, which never reaches its learning rate."""
    warmup, steps = recipe.get_float("warmup_steps") or 0, recipe.get_int("max_steps", -1)
    if recipe.trains and 0 < steps <= warmup:
        message = f"{warmup:.0f} steps of warmup in a run of {steps}"
        yield recipe.warn("warmup_steps", message, f"write {max(steps // 20, 1)}")


def never_saved(recipe: Recipe) -> Findings:
    """save_steps is beyond max_steps, so a crash loses everything."""
    save_steps, steps = recipe.get_int("save_steps", 500), recipe.get_int("max_steps", -1)
    saves_by_steps = recipe.is_set("save_steps") and recipe.get_str("save_strategy") == "steps"
    if recipe.trains and saves_by_steps and 0 < steps < save_steps:
        message = f"saves after {save_steps} steps, and the run has {steps}"
        yield recipe.warn("save_steps", message, f"write {max(steps // 2, 1)}")


def streamed_epochs(recipe: Recipe) -> Findings:
    """Streaming needs max_steps, because the number of rows is not known."""
    if recipe.trains and recipe.get_bool("streaming") and recipe.get_int("max_steps", -1) <= 0:
        message = "the run has no end: the number of rows is not known"
        yield recipe.fail("streaming", message, "add --max_steps N")


def _has_valid_sizes(recipe: Recipe) -> bool:
    return all(recipe.get_int(flag, 1) >= 1 for flag in _SIZES)


def _group_size(recipe: Recipe) -> int:
    return recipe.get_int("num_generations", 8)


def _global_batch(recipe: Recipe) -> int:
    return max(recipe.get_int("per_device_train_batch_size", 1) * recipe.processes, 1)
