"""The models, adapters, data and plugins that a recipe reads. swift finds late that one is missing,
or looks its name up on a hub."""

from pathlib import Path

from swiftkit.recipe.model_files import lfs_pointers, missing_shards
from swiftkit.recipe.paths import OFFLINE, RecipeHub, data_files, datasets, looks_local, set_values
from swiftkit.recipe.recipe import Findings, Recipe, RecipeFinding

_MODELS = ("model", "reward_model", "ref_model", "teacher_model")
_ADAPTERS = "adapters ref_adapters reward_adapters teacher_adapters resume_from_checkpoint".split()
# swift's own look at an adapter (base_args.py, _check_is_adapter)
_ADAPTER_FILES = ("adapter_config.json", "default/adapter_config.json", "reft")
_MODEL_PARTS = {
    "config.json": ("config.json",),
    "weights": ("*.safetensors", "*.bin"),
    "tokenizer": ("tokenizer*", "vocab.json", "*.tiktoken", "tekken.json"),
}


def no_model(recipe: Recipe) -> Findings:
    """The recipe names no model, and no adapter that names one."""
    flags = ["model"]
    if not recipe.trains or recipe.get_bool("resume_only_model"):
        flags += ["adapters", "mcore_model", "mcore_adapter"]
    if recipe.arguments and not recipe.is_set(*flags):
        yield recipe.fail("model", "none is given", "add --model DIRECTORY")


def no_dataset(recipe: Recipe) -> Findings:
    """The training names no data."""
    if recipe.trains and not recipe.is_set("dataset", "cached_dataset"):
        yield recipe.fail("dataset", "none is given", "add --dataset FILE.jsonl")


def missing_model(recipe: Recipe) -> Findings:
    """A model's path is not there, and swift would look for it on a hub."""
    for flag, value in set_values(recipe, _MODELS):
        path = Path(value).expanduser()
        if path.is_file():
            yield recipe.fail(flag, f"{path.absolute()} is a file", "give the model's directory")
        elif path.exists():
            continue
        elif looks_local(value):
            fix = "train, merge or download it first, or give a hub id ORG/NAME"
            yield _missing(recipe, flag, path, fix)
        elif "/" not in value and not RecipeHub.of(recipe).is_hugging_face:
            yield _missing(recipe, flag, path, "give a model's path, or a hub id ORG/NAME")


def incomplete_model(recipe: Recipe) -> Findings:
    """A model's folder lacks config, weights, tokenizer or shards, or holds Git LFS pointers."""
    fix = "copy or export the whole model directory"
    for flag, value in set_values(recipe, _MODELS):
        path = Path(value).expanduser()
        if not path.is_dir():
            continue
        folder = path.absolute()
        for part, patterns in _MODEL_PARTS.items():
            if not any(any(path.glob(pattern)) for pattern in patterns):
                yield recipe.fail(flag, f"{folder} has no {part}", fix)
        shards, pointers = missing_shards(path), lfs_pointers(path)
        if shards:
            yield recipe.fail(flag, f"{folder} lacks {len(shards)} shards, first {shards[0]}", fix)
        if pointers:
            message = f"{folder}/{pointers[0]} is a Git LFS pointer"
            yield recipe.fail(flag, message, "fetch the weights: git lfs pull")


def missing_adapter(recipe: Recipe) -> Findings:
    """An adapter or checkpoint is not there, or the folder holds none."""
    for flag, value in set_values(recipe, _ADAPTERS):
        name = value.partition("=")[2] or value  # deploy's NAME=PATH
        path = Path(name).expanduser()
        is_checkpoint = flag == "resume_from_checkpoint"
        if path.is_dir() and not is_checkpoint:
            if not any((path / file).exists() for file in _ADAPTER_FILES):
                fix = "give a checkpoint of LoRA training; a full model is given by --model"
                yield recipe.fail(flag, f"{path.absolute()} has no adapter_config.json", fix)
        elif not path.exists() and (is_checkpoint or looks_local(name)):
            yield _missing(recipe, flag, path, "train first, or correct the path")


def incomplete_checkpoint(recipe: Recipe) -> Findings:
    """A checkpoint to resume from lacks the trainer's state: its save was cut off."""
    flag = "resume_from_checkpoint"
    path = Path(recipe.get_str(flag)).expanduser()
    needs_state = recipe.is_set(flag) and not recipe.get_bool("resume_only_model")
    if needs_state and path.is_dir() and not (path / "trainer_state.json").exists():
        fix = "take an earlier checkpoint, or add --resume_only_model true"
        yield recipe.fail(flag, f"{path.absolute()} has no trainer_state.json", fix)


def missing_data(recipe: Recipe) -> Findings:
    """A data file is not there, and swift would try its name as a hub id."""
    for flag, value, name in datasets(recipe):
        path = Path(name).expanduser()
        if path.exists() or _is_registered(value, recipe):
            continue
        if looks_local(name):
            fix = "make it with `swiftkit convert`, or correct the path"
            yield _missing(recipe, flag, path, fix)
        elif "/" not in name and not RecipeHub.of(recipe).is_hugging_face:
            yield _missing(recipe, flag, path, "give a data set's path, or a hub id ORG/NAME")


def sample_count(recipe: Recipe) -> Findings:
    """The COUNT of FILE#COUNT is not a number, or zero."""
    for flag, value in set_values(recipe, ("dataset", "val_dataset")):
        count = value.rpartition("#")[2]
        is_number = count.isdecimal() and int(count) > 0
        if "#" in value and not is_number and not Path(value).exists():
            message = f"{value}: {count!r} is not a number of samples"
            yield recipe.fail(flag, message, "write FILE#1000")


def empty_data(recipe: Recipe) -> Findings:
    """A data file has no rows, which gives a division by zero much later."""
    for flag, path in data_files(recipe):
        with path.open("rb") as file:
            is_empty = not file.read(1 << 20).strip()
        if is_empty:
            fix = "look at the rejects of `swiftkit convert`"
            yield recipe.fail(flag, f"{path.absolute()} is empty", fix)


def bad_plugin(recipe: Recipe) -> Findings:
    """A plugin is not there, or is not a .py file."""
    for flag, value in set_values(recipe, ("external_plugins",)):
        path = Path(value).expanduser()
        if not path.exists():
            yield _missing(recipe, flag, path, "correct the path")
        elif path.suffix != ".py":
            yield recipe.fail(flag, f"{path.absolute()} is not a .py file", "give a Python file")


def missing_file(recipe: Recipe) -> Findings:
    """A configuration, cached data set or prompt file is not there."""
    cached = ("cached_dataset", "cached_val_dataset")
    configurations = ("deepspeed", "teacher_deepspeed", "fsdp", "custom_dataset_info")
    for flag, value in set_values(recipe, (*configurations, *cached, "system")):
        is_path = flag in cached or looks_local(value)  # `deepspeed: zero3` is not
        if flag == "system":  # or a prompt that is written out
            is_path = value.endswith((".txt", ".json"))
        is_text = "\n" in value or len(value) >= 4096 or value.startswith("{")
        path = Path(value).expanduser()
        if is_path and not is_text and not path.exists():
            yield _missing(recipe, flag, path, "correct the path")


def unreachable_hub(recipe: Recipe) -> Findings:
    """A name would be looked up on a hub, but this machine is set offline and has no copy."""
    hub = RecipeHub.of(recipe)
    names = []
    for flag, value in set_values(recipe, (*_MODELS, *_ADAPTERS)):
        if flag != "resume_from_checkpoint":
            names.append((flag, value.partition("=")[2] or value, "model"))
    for flag, value, name in datasets(recipe):
        if not _is_registered(value, recipe):
            names.append((flag, name, "dataset"))
    for flag, name, kind in names:
        is_local = Path(name).expanduser().exists() or looks_local(name)
        is_hub_id = "/" in name or hub.is_hugging_face
        if is_hub_id and not is_local and hub.lacks(kind, name.partition(":")[0]):
            message = f"{name} would be looked up on a hub, but this machine is set offline"
            fix = f"download it first and give its path, or unset {', '.join(OFFLINE)}"
            yield recipe.warn(flag, message, fix)


def _is_registered(value: str, recipe: Recipe) -> bool:
    """Return True if a plugin or a dataset_info.json names the data set in quotes."""
    name = value.partition("#")[0].partition(":")[0]
    for file in recipe.get_list("external_plugins") + recipe.get_list("custom_dataset_info"):
        path = Path(file).expanduser()
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            if f"'{name}'" in text or f'"{name}"' in text:
                return True
    return False


def _missing(recipe: Recipe, flag: str, path: Path, fix: str) -> RecipeFinding:
    return recipe.fail(flag, f"no such path: {path.absolute()}", fix)
