"""Where a run writes: room, old results, settings of saving that contradict each other."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from swiftkit.preflight.memory.estimate import setup_of
from swiftkit.preflight.memory.formula import checkpoint_bytes
from swiftkit.recipe.recipe import Fault, Recipe


def old_export(recipe: Recipe) -> Iterator[Fault]:
    """An export into a folder that exists: it stops, or with exist_ok keeps the OLD weights and
    reports success."""
    folder = Path(recipe.text("output_dir")).expanduser()
    kept = recipe.true("exist_ok") and not recipe.true("merge_lora")
    if recipe.verb == "export" and folder.name and folder.exists() and not kept:
        yield recipe.fail(
            "output_dir",
            f"{folder.absolute()} exists already",
            "remove it, or choose another --output_dir",
        )


def unwritable_output(recipe: Recipe) -> Iterator[Fault]:
    """An output folder that cannot be made or written."""
    for flag in recipe.says("output_dir", "result_path", "eval_output_dir"):
        folder = _nearest(Path(recipe.text(flag)).expanduser().absolute())
        if not folder.is_dir() and folder != Path(recipe.text(flag)).absolute():
            yield recipe.fail(flag, f"{folder} is a file", f"choose another --{flag}")
        elif not os.access(folder, os.W_OK):
            yield recipe.fail(flag, f"{folder} cannot be written", f"choose another --{flag}")


def full_disk(recipe: Recipe) -> Iterator[Fault]:
    """Less room than the checkpoints that save_total_limit keeps, and the one being written, will
    take."""
    setup = setup_of(recipe) if recipe.trains and recipe.text("save_strategy") != "no" else None
    if setup is None:
        return
    folder = _nearest(Path(recipe.text("output_dir") or ".").expanduser().absolute())
    kept = recipe.whole("save_total_limit", 0)
    one, free = checkpoint_bytes(setup), shutil.disk_usage(folder).free
    if free < one * (kept + 1 if kept else 1):
        told = f"{kept} kept and one being written" if kept else "the first alone"
        message = f"{free / 1e9:.0f} GB free in {folder}; a checkpoint takes about {one / 1e9:.0f} GB ({told})"
        yield recipe.fail(
            "output_dir",
            message,
            "free some, choose another --output_dir, or add --save_only_model true",
        )
    elif not kept and free < one * 10:
        message = (
            f"no save_total_limit: {free / 1e9:.0f} GB are full after {free // one} checkpoints "
            f"of {one / 1e9:.0f} GB"
        )
        yield recipe.warn("save_total_limit", message, "add --save_total_limit 2")


def mixed_checkpoints(recipe: Recipe) -> Iterator[Fault]:
    """A fixed output folder that holds checkpoints of an earlier run: old and new ones mix."""
    folder = Path(recipe.text("output_dir")).expanduser()
    fixed = (
        recipe.says("output_dir") and recipe.says("add_version") and not recipe.true("add_version")
    )
    if recipe.trains and fixed and not recipe.says("resume_from_checkpoint") and folder.is_dir():
        old = sorted(folder.glob("checkpoint-*"))
        if old:
            message = f"{folder.absolute()} holds {len(old)} checkpoints of an earlier run"
            yield recipe.warn(
                "output_dir", message, "remove them, or go on with --resume_from_checkpoint"
            )


def symlink_without_evaluation(recipe: Recipe) -> Iterator[Fault]:
    """create_checkpoint_symlink without an evaluation: the run fails after its last step."""
    if recipe.true("create_checkpoint_symlink") and not recipe.evaluates:
        fix = "leave it out: last-checkpoint comes without it"
        message = "fails after the last step when nothing is evaluated"
        yield recipe.fail("create_checkpoint_symlink", message, fix, create_checkpoint_symlink=None)


def best_model(recipe: Recipe) -> Iterator[Fault]:
    """load_best_model_at_end without an evaluation at each save."""
    if not recipe.true("load_best_model_at_end"):
        return
    saves, looks = (
        recipe.text("save_strategy"),
        recipe.text("eval_strategy") or recipe.text("save_strategy"),
    )
    if not recipe.evaluates:
        message = "there is no evaluation to choose by"
        yield recipe.fail(
            "load_best_model_at_end",
            message,
            "add --split_dataset_ratio 0.01 or --val_dataset FILE",
        )
    elif saves != looks and saves != "best":
        message = f"saves by {saves} and evaluates by {looks}"
        yield recipe.fail("load_best_model_at_end", message, f"write --eval_strategy {saves}")
    elif saves == "steps" and _save_steps(recipe) % max(
        recipe.whole("eval_steps", _save_steps(recipe)), 1
    ):
        message = f"save_steps {_save_steps(recipe)} is no multiple of eval_steps {recipe.text('eval_steps')}"
        yield recipe.fail(
            "load_best_model_at_end", message, "make save_steps a multiple of eval_steps"
        )


def appended_results(recipe: Recipe) -> Iterator[Fault]:
    """A result file that exists: swift appends to it."""
    path = Path(recipe.text("result_path")).expanduser()
    if recipe.says("result_path") and path.is_file() and path.stat().st_size:
        message = f"{path.absolute()} exists, and new answers are appended to the old ones"
        yield recipe.warn("result_path", message, "remove it, or choose another --result_path")


def _save_steps(recipe: Recipe) -> int:
    return recipe.whole("save_steps", 500)


def _nearest(path: Path) -> Path:
    """The path itself, or the nearest folder above it that is there."""
    return next((place for place in (path, *path.parents) if place.exists()), Path("/"))
