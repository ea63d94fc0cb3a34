"""What a recipe reads: models, adapters, data, plugins. What is missing here is found late, or
looked up on a hub."""

from collections.abc import Iterator
from pathlib import Path

from swiftkit.recipe.model_files import missing_shards, pointers
from swiftkit.recipe.paths import DATASETS, OFFLINE, Hub, datasets, given, looks_local
from swiftkit.recipe.recipe import Fault, Recipe

_MODELS = ("model", "reward_model", "ref_model", "teacher_model")
_ADAPTERS = (
    "adapters",
    "ref_adapters",
    "reward_adapters",
    "teacher_adapters",
    "resume_from_checkpoint",
)
_INPUTS = (
    "deepspeed",
    "teacher_deepspeed",
    "fsdp",
    "custom_dataset_info",
    "cached_dataset",
    "cached_val_dataset",
    "system",
)
_REGISTERING = ("external_plugins", "custom_dataset_info")
_MODEL_PARTS = {
    "config.json": ("config.json",),
    "weights": ("*.safetensors", "*.bin"),
    "tokenizer": ("tokenizer*", "vocab.json", "*.tiktoken", "tekken.json"),
}


def no_model(recipe: Recipe) -> Iterator[Fault]:
    """No model is named, and no adapter that names one."""
    others = (
        ()
        if recipe.trains and not recipe.true("resume_only_model")
        else ("adapters", "mcore_model", "mcore_adapter")
    )
    if recipe.arguments and not recipe.says("model", *others):
        yield recipe.fail("model", "none is given", "add --model DIRECTORY")


def no_dataset(recipe: Recipe) -> Iterator[Fault]:
    """A training without data."""
    if recipe.trains and not recipe.says("dataset", "cached_dataset"):
        yield recipe.fail("dataset", "none is given", "add --dataset FILE.jsonl")


def missing_model(recipe: Recipe) -> Iterator[Fault]:
    """A model's path that is not there; swift would look for it on a hub."""
    for flag, value in given(recipe, _MODELS):
        path = Path(value).expanduser()
        if path.is_file():
            yield recipe.fail(flag, f"{path.absolute()} is a file", "give the model's directory")
        elif not path.exists() and looks_local(value):
            yield _missing(
                recipe, flag, path, "train, merge or download it first, or give a hub id ORG/NAME"
            )
        elif not path.exists() and "/" not in value and not Hub.of(recipe).hugging_face:
            yield _missing(recipe, flag, path, "give a model's path, or a hub id ORG/NAME")


def incomplete_model(recipe: Recipe) -> Iterator[Fault]:
    """A model's folder without config, weights or tokenizer, with shards missing, or with Git LFS
    pointers."""
    fix = "copy or export the whole model directory"
    for flag, path in ((flag, Path(value).expanduser()) for flag, value in given(recipe, _MODELS)):
        if not path.is_dir():
            continue
        for wanted, patterns in _MODEL_PARTS.items():
            if not any(next(path.glob(pattern), None) for pattern in patterns):
                yield recipe.fail(flag, f"{path.absolute()} has no {wanted}", fix)
        if shards := missing_shards(path):
            yield recipe.fail(
                flag, f"{path.absolute()} lacks {len(shards)} shards, first {shards[0]}", fix
            )
        if files := pointers(path):
            yield recipe.fail(
                flag,
                f"{path.absolute()}/{files[0]} is a Git LFS pointer",
                "fetch the weights: git lfs pull",
            )


def missing_adapter(recipe: Recipe) -> Iterator[Fault]:
    """An adapter or checkpoint that is not there, or that is none."""
    for flag, value in given(recipe, _ADAPTERS):
        name = value.partition("=")[2] or value  # deploy's NAME=PATH
        path = Path(name).expanduser()
        if path.is_dir() and flag != "resume_from_checkpoint" and not _is_adapter(path):
            fix = "give a checkpoint of LoRA training; a full model is given by --model"
            yield recipe.fail(flag, f"{path.absolute()} has no adapter_config.json", fix)
        elif not path.exists() and (looks_local(name) or flag == "resume_from_checkpoint"):
            yield _missing(recipe, flag, path, "train first, or correct the path")


def incomplete_checkpoint(recipe: Recipe) -> Iterator[Fault]:
    """A checkpoint to resume from that lacks the trainer's state: a save that was cut off."""
    path = Path(recipe.text("resume_from_checkpoint")).expanduser()
    whole = (
        recipe.says("resume_from_checkpoint")
        and path.is_dir()
        and not recipe.true("resume_only_model")
    )
    if whole and not (path / "trainer_state.json").exists():
        fix = "take an earlier checkpoint, or add --resume_only_model true"
        yield recipe.fail(
            "resume_from_checkpoint", f"{path.absolute()} has no trainer_state.json", fix
        )


def missing_data(recipe: Recipe) -> Iterator[Fault]:
    """A data file that is not there; swift tries its name as a hub id."""
    for flag, value, name in datasets(recipe):
        path = Path(name).expanduser()
        if path.exists() or _is_registered(value, recipe):
            continue
        if looks_local(name):
            yield _missing(
                recipe, flag, path, "make it with `swiftkit convert`, or correct the path"
            )
        elif "/" not in name and not Hub.of(recipe).hugging_face:
            yield _missing(recipe, flag, path, "give a data set's path, or a hub id ORG/NAME")


def sample_count(recipe: Recipe) -> Iterator[Fault]:
    """FILE#COUNT with a count that is no number, or zero."""
    for flag, value in given(recipe, DATASETS):
        count = value.rpartition("#")[2]
        if "#" in value and not Path(value).exists() and not (count.isdigit() and int(count)):
            yield recipe.fail(
                flag, f"{value}: {count!r} is no number of samples", "write FILE#1000"
            )


def empty_data(recipe: Recipe) -> Iterator[Fault]:
    """A data file without rows: a division by zero, much later."""
    for flag, _, name in datasets(recipe):
        path = Path(name).expanduser()
        if path.is_file() and _is_empty(path):
            yield recipe.fail(
                flag, f"{path.absolute()} is empty", "look at the rejects of `swiftkit convert`"
            )


def bad_plugin(recipe: Recipe) -> Iterator[Fault]:
    """A plugin that is not there, or no .py file."""
    for flag, value in given(recipe, ("external_plugins",)):
        path = Path(value).expanduser()
        if not path.exists():
            yield _missing(recipe, flag, path, "correct the path")
        elif path.suffix != ".py":
            yield recipe.fail(flag, f"{path.absolute()} is no .py file", "give a Python file")


def missing_file(recipe: Recipe) -> Iterator[Fault]:
    """A configuration, cached data set or prompt file that is not there."""
    for flag, value in given(recipe, _INPUTS):
        path = Path(value).expanduser()
        one_line = "\n" not in value and len(value) < 4096
        if (
            one_line
            and not value.startswith("{")
            and _names_a_file(flag, value)
            and not path.exists()
        ):
            yield _missing(recipe, flag, path, "correct the path")


def unreachable_hub(recipe: Recipe) -> Iterator[Fault]:
    """A hub's name on a machine that is set offline and has no copy."""
    hub = Hub.of(recipe)
    models = [
        (flag, value.partition("=")[2] or value, "model")
        for flag, value in given(recipe, (*_MODELS, *_ADAPTERS))
    ]
    data = [
        (flag, name, "dataset")
        for flag, value, name in datasets(recipe)
        if not _is_registered(value, recipe)
    ]
    for flag, name, kind in models + data:
        known = (
            Path(name).expanduser().exists()
            or looks_local(name)
            or flag == "resume_from_checkpoint"
        )
        if (
            not known
            and ("/" in name or hub.hugging_face)
            and hub.unreachable(kind, name.partition(":")[0])
        ):
            fix = f"download it first and give its path, or unset {', '.join(OFFLINE)}"
            yield recipe.warn(
                flag, f"{name} would be looked up on a hub, but this machine is set offline", fix
            )


def _is_registered(value: str, recipe: Recipe) -> bool:
    """Whether a plugin or a dataset_info.json names the data set: its id stands there in quotes."""
    name = value.partition("#")[0].partition(":")[0]
    files = [Path(file).expanduser() for flag in _REGISTERING for file in recipe.values(flag)]
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()]
    return any(f"{quote}{name}{quote}" in text for text in texts for quote in "'\"")


def _is_empty(path: Path) -> bool:
    with path.open("rb") as file:
        return not file.read(1 << 20).strip()


def _is_adapter(path: Path) -> bool:
    """swift's own look (base_args.py, _check_is_adapter)."""
    return any(
        (path / name).exists()
        for name in ("adapter_config.json", "default/adapter_config.json", "reft")
    )


def _names_a_file(flag: str, value: str) -> bool:
    """`deepspeed: zero3` and a prompt that is written out name none."""
    if flag in ("system", "fsdp", "deepspeed", "teacher_deepspeed"):
        return value.endswith((".txt", ".json")) if flag == "system" else looks_local(value)
    return looks_local(value) or flag.startswith("cached_")


def _missing(recipe: Recipe, flag: str, path: Path, fix: str) -> Fault:
    return recipe.fail(flag, f"no such path: {path.absolute()}", fix)
