"""Room and old results where a run writes, and settings of saving that contradict each other."""

import os
import shutil
from pathlib import Path

from swiftkit.preflight.memory.estimate import memory_setup
from swiftkit.preflight.memory.formula import checkpoint_bytes
from swiftkit.recipe.recipe import Findings, Recipe

_MEASURED_SCHEDULERS = ("reduce_lr_on_plateau", "greedy")


def old_export(recipe: Recipe) -> Findings:
    """An export stops at a folder that exists, or with exist_ok keeps the OLD weights."""
    folder = Path(recipe.get_str("output_dir")).expanduser()
    may_exist = recipe.get_bool("exist_ok") and not recipe.get_bool("merge_lora")
    if recipe.verb == "export" and folder.name and folder.exists() and not may_exist:
        fix = "remove it, or choose another --output_dir"
        yield recipe.fail("output_dir", f"{folder.absolute()} exists already", fix)


def unwritable_output(recipe: Recipe) -> Findings:
    """An output folder cannot be made or written."""
    for flag in recipe.present("output_dir", "result_path", "eval_output_dir", "logging_dir"):
        path = Path(recipe.get_str(flag)).expanduser().absolute()
        folder = _existing_part(path)
        fix = f"choose another --{flag}"
        names_a_file = flag == "result_path"
        for part in (path, *path.parents):
            if part.is_symlink() and not part.exists():
                yield recipe.fail(flag, f"{part} is a link to nowhere", fix)
        if not folder.is_dir() and not (names_a_file and folder == path):
            yield recipe.fail(flag, f"{folder} is a file", fix)
        elif names_a_file and path.is_dir():
            yield recipe.fail(flag, f"{path} is a folder", "name a file: --result_path FILE.jsonl")
        elif not os.access(folder, os.W_OK):
            yield recipe.fail(flag, f"{folder} cannot be written", fix)


def full_disk(recipe: Recipe) -> Findings:
    """The disk has less room than the checkpoints will take, kept ones and one being written."""
    if not recipe.trains or recipe.get_str("save_strategy") == "no":
        return
    setup = memory_setup(recipe)
    if setup is None:
        return
    folder = _existing_part(Path(recipe.get_str("output_dir") or ".").expanduser().absolute())
    kept = max(recipe.get_int("save_total_limit", 0), 0)  # -1: all
    size, free = checkpoint_bytes(setup), shutil.disk_usage(folder).free
    if free < size * (kept + 1 if kept else 1):
        which = f"{kept} kept and one being written" if kept else "the first alone"
        message = f"{free / 1e9:.0f} GB free in {folder}; a checkpoint takes about"
        message += f" {size / 1e9:.0f} GB ({which})"
        fix = "free some, choose another --output_dir, or add --save_only_model true"
        yield recipe.fail("output_dir", message, fix)
    elif not kept and free < size * 10:
        message = f"no save_total_limit: {free / 1e9:.0f} GB are full after {free // size}"
        message += f" checkpoints of {size / 1e9:.0f} GB"
        yield recipe.warn("save_total_limit", message, "add --save_total_limit 2")


def mixed_checkpoints(recipe: Recipe) -> Findings:
    """A fixed output folder holds checkpoints of an earlier run, which the new one would delete.

    transformers' save_total_limit counts them all and removes the oldest first.
    """
    is_fixed = recipe.is_set("output_dir") and recipe.is_set("add_version")
    is_fixed = is_fixed and not recipe.get_bool("add_version")
    if recipe.trains and is_fixed and not recipe.is_set("resume_from_checkpoint"):
        folder = Path(recipe.get_str("output_dir")).expanduser()
        checkpoints = list(folder.glob("checkpoint-*"))
        if checkpoints:
            message = f"{folder.absolute()} holds {len(checkpoints)} checkpoints of an earlier run:"
            message += " new ones would mix with them, and save_total_limit would delete them"
            fix = "choose another --output_dir, move them away, or go on"
            fix += " (RESUME=1 with a recipe, else --resume_from_checkpoint)"
            yield recipe.fail("output_dir", message, fix)


def symlink_without_evaluation(recipe: Recipe) -> Findings:
    """create_checkpoint_symlink fails after the last step when nothing is evaluated."""
    if recipe.get_bool("create_checkpoint_symlink") and not recipe.evaluates:
        message = "fails after the last step when nothing is evaluated"
        fix = "leave it out: last-checkpoint comes without it"
        yield recipe.fail("create_checkpoint_symlink", message, fix, create_checkpoint_symlink=None)


def without_evaluation(recipe: Recipe) -> Findings:
    """A setting goes by the result of evaluations, and there are none."""
    causes = {
        "early_stop_interval": recipe.get_int("early_stop_interval", 0) > 0,
        "callbacks": "early_stop" in recipe.get_list("callbacks"),
        "lr_scheduler_type": recipe.get_str("lr_scheduler_type") in _MEASURED_SCHEDULERS,
        "save_strategy": recipe.get_str("save_strategy") == "best",
    }
    if not recipe.trains:
        return
    for flag, is_cause in causes.items():
        if is_cause and not recipe.evaluates:
            fix = "add --split_dataset_ratio 0.01 or --val_dataset FILE, or leave it out"
            yield recipe.fail(flag, "goes by evaluations, and there is none", fix)
    if causes["save_strategy"] and recipe.evaluates and not recipe.is_set("eval_strategy"):
        # swift takes save_strategy for eval_strategy, which knows no "best".
        fix = "add --eval_strategy steps"
        yield recipe.fail(
            "save_strategy", "best needs an eval_strategy", fix, eval_strategy=["steps"]
        )


def best_model(recipe: Recipe) -> Findings:
    """load_best_model_at_end needs an evaluation at each save."""
    flag = "load_best_model_at_end"
    if not recipe.get_bool(flag):
        return
    saves, evaluates = recipe.get_str("save_strategy"), recipe.eval_strategy
    save_steps = recipe.get_int("save_steps", 500)
    eval_steps = max(recipe.get_int("eval_steps", save_steps), 1)
    if not recipe.evaluates:
        fix = "add --split_dataset_ratio 0.01 or --val_dataset FILE"
        yield recipe.fail(flag, "there is no evaluation to choose by", fix)
    elif saves not in (evaluates, "best"):
        message = f"saves by {saves} and evaluates by {evaluates}"
        yield recipe.fail(flag, message, f"write --eval_strategy {saves}")
    elif saves == "steps" and save_steps % eval_steps:
        message = f"save_steps {save_steps} is not a multiple of eval_steps {eval_steps}"
        yield recipe.fail(flag, message, "make save_steps a multiple of eval_steps")


def appended_results(recipe: Recipe) -> Findings:
    """swift appends to a result file that exists."""
    path = Path(recipe.get_str("result_path")).expanduser()
    if recipe.is_set("result_path") and path.is_file() and path.stat().st_size:
        message = f"{path.absolute()} exists, and new answers are appended to the old ones"
        yield recipe.warn("result_path", message, "remove it, or choose another --result_path")


def _existing_part(path: Path) -> Path:
    """Return the path itself, or the nearest folder above it that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
