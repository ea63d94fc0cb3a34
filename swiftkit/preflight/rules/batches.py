"""Arithmetic of batches and steps, as swift computes it (rlhf_trainers/args_mixin.py)."""

from collections.abc import Iterator

from swiftkit.recipe.recipe import Fault, Recipe


def group_of_one(recipe: Recipe) -> Iterator[Fault]:
    """GRPO with one answer a question: nothing to compare it with."""
    taught = recipe.says("teacher_model", "teacher_model_server")
    if recipe.stage == "grpo" and recipe.whole("num_generations", 8) == 1 and not taught:
        yield recipe.fail(
            "num_generations",
            "one answer has no advantage over others",
            "write 8",
            num_generations=["8"],
        )


def uneven_groups(recipe: Recipe) -> Iterator[Fault]:
    """num_generations that does not divide the answers of a generation."""
    if recipe.stage != "grpo" or not _sizes_are_good(recipe):
        return
    answers, group = _generation_batch(recipe), recipe.whole("num_generations", 8)
    if group > 1 and answers and answers % group:
        flag = (
            "num_generations" if recipe.says("num_generations") else "per_device_train_batch_size"
        )
        fits = [str(number) for number in range(2, min(answers, 64) + 1) if answers % number == 0]
        message = f"{answers} answers a generation ({_product(recipe)}) do not split into groups of {group}"
        fix = (
            f"write --num_generations {' or '.join(fits[-3:])}"
            if fits
            else f"make the product a multiple of {group}"
        )
        yield recipe.fail(flag, message, fix)


def generation_batch(recipe: Recipe) -> Iterator[Fault]:
    """generation_batch_size that the batch does not divide, or that contradicts
    steps_per_generation."""
    if (
        recipe.stage not in ("grpo", "gkd")
        or not recipe.says("generation_batch_size")
        or not _sizes_are_good(recipe)
    ):
        return
    given, batch = recipe.whole("generation_batch_size", 0), _global_batch(recipe)
    steps = recipe.whole("steps_per_generation", 0)
    if steps and given != batch * steps:
        message = f"{given} is not {batch} x {steps} steps_per_generation"
        yield recipe.fail(
            "generation_batch_size", message, "leave one of the two out", generation_batch_size=None
        )
    elif not steps and given % batch:
        message = f"{given} is no multiple of the batch, {batch}"
        yield recipe.fail(
            "generation_batch_size", message, f"write {max(given // batch, 1) * batch}"
        )


def uneven_evaluation(recipe: Recipe) -> Iterator[Fault]:
    """An evaluation batch that does not hold whole groups of answers."""
    if recipe.stage != "grpo" or not _sizes_are_good(recipe) or not recipe.evaluates:
        return
    group = recipe.whole("num_generations_eval", 0) or recipe.whole("num_generations", 8)
    batch = recipe.whole("per_device_eval_batch_size", 8) * recipe.processes
    if group > 1 and batch % group:
        message = f"{batch} answers of an evaluation do not split into groups of {group}"
        yield recipe.fail(
            "per_device_eval_batch_size", message, f"write --per_device_eval_batch_size {group}"
        )


def batch_of_one(recipe: Recipe) -> Iterator[Fault]:
    """KTO with one row an update: its KL term compares rows with each other."""
    rows = _global_batch(recipe) * recipe.whole("gradient_accumulation_steps", 16)
    if recipe.stage == "kto" and rows <= 1 and recipe.text("loss_type") != "apo_zero_unpaired":
        message = "a batch of one row has no other to compare with"
        yield recipe.fail(
            "per_device_train_batch_size", message, "write 2 or more, or accumulate more steps"
        )


def warmup_beyond_end(recipe: Recipe) -> Iterator[Fault]:
    """A warmup that is longer than the run: the learning rate never gets there."""
    warmup, steps = recipe.number("warmup_steps") or 0, recipe.whole("max_steps", -1)
    if recipe.trains and 0 < steps <= warmup:
        message = f"{warmup:.0f} steps of warmup in a run of {steps}"
        yield recipe.warn("warmup_steps", message, f"write {max(steps // 20, 1)}")


def never_saved(recipe: Recipe) -> Iterator[Fault]:
    """save_steps beyond max_steps: a crash loses everything."""
    every, steps = recipe.whole("save_steps", 500), recipe.whole("max_steps", -1)
    if (
        recipe.trains
        and recipe.says("save_steps")
        and 0 < steps < every
        and recipe.text("save_strategy") == "steps"
    ):
        message = f"saves after {every} steps, and the run has {steps}"
        yield recipe.warn("save_steps", message, f"write {max(steps // 2, 1)}")


def streamed_epochs(recipe: Recipe) -> Iterator[Fault]:
    """Streaming without max_steps: the number of rows is not known."""
    if recipe.trains and recipe.true("streaming") and recipe.whole("max_steps", -1) <= 0:
        yield recipe.fail(
            "streaming", "the run has no end: the number of rows is not known", "add --max_steps N"
        )


def _sizes_are_good(recipe: Recipe) -> bool:
    sizes = (
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
        "steps_per_generation",
        "num_generations",
    )
    return all(recipe.whole(flag, 1) >= 1 for flag in sizes)


def _global_batch(recipe: Recipe) -> int:
    return max(recipe.whole("per_device_train_batch_size", 1) * recipe.processes, 1)


def _generation_batch(recipe: Recipe) -> int:
    """Answers of one generation. swift accumulates one step in GRPO where nothing is said."""
    if recipe.says("generation_batch_size"):
        return recipe.whole("generation_batch_size", 0)
    steps = recipe.whole("steps_per_generation", 0) or recipe.whole(
        "gradient_accumulation_steps", 1
    )
    return _global_batch(recipe) * steps


def _product(recipe: Recipe) -> str:
    if recipe.says("generation_batch_size"):
        return "generation_batch_size"
    steps = recipe.whole("steps_per_generation", 0) or recipe.whole(
        "gradient_accumulation_steps", 1
    )
    return f"{recipe.whole('per_device_train_batch_size', 1)} a process x {recipe.processes} x {steps} steps"
