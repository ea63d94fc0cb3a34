"""The models, adapters, data and plugins that a recipe reads. swift finds late that one is missing,
or looks its name up on a hub."""

import re
from collections.abc import Iterator
from pathlib import Path

from swiftkit.preflight.data_rows import first_rows
from swiftkit.preflight.rules.keys import RENAMED
from swiftkit.recipe.arguments import table
from swiftkit.recipe.model_files import (
    is_adapter,
    is_whole_model,
    last_checkpoint,
    lfs_pointers,
    missing_shards,
    read_object,
)
from swiftkit.recipe.paths import (
    DATASETS,
    OFFLINE,
    RecipeHub,
    begins_with_folder,
    data_files,
    datasets,
    is_listed,
    looks_local,
    set_values,
)
from swiftkit.recipe.recipe import Findings, Recipe, RecipeFinding, whole_number

_MODELS = ("model", "reward_model", "ref_model", "teacher_model")
_ADAPTERS = "adapters ref_adapters reward_adapters teacher_adapters resume_from_checkpoint".split()
# The names of datasets' readers, and the two that swift names otherwise
_ENDINGS = (
    ".jsonl .json .csv .txt .text .parquet .arrow .xml .hdf5 .lance .pandas .webdataset".split()
)
_OTHER_PATHS = (
    "output_dir result_path logging_dir external_plugins deepspeed custom_dataset_info"
    " cached_dataset cached_val_dataset"
).split()
_VARIABLE = re.compile(r"\$(?:\{[A-Za-z_]\w*\}|[A-Z_][A-Z0-9_]*)")
_UNCHECKED_TUNERS = ("ia3", "lora_llm", "dummy")  # swift's tuners_map
_LORA = ("lora", "longlora", "adalora")
_ADAPTER_FLAGS = {
    "model": "adapters",
    "ref_model": "ref_adapters",
    "teacher_model": "teacher_adapters",
}
_MODEL_PARTS = {
    "config.json": ("config.json",),
    "weights": ("*.safetensors", "*.bin"),
    "tokenizer": ("tokenizer*", "vocab.*", "*.model", "*.tiktoken", "tekken.json"),
}


def no_model(recipe: Recipe) -> Findings:
    """The recipe names no model, and no adapter that names one."""
    flags = ["model"]
    if not recipe.trains or recipe.get_bool("resume_only_model"):
        flags += ["adapters", "mcore_model", "mcore_adapter"]
    is_renamed = not {RENAMED.get(flag) for flag in recipe.typed}.isdisjoint(flags)
    if recipe.arguments and not recipe.is_set(*flags) and not is_renamed:
        yield recipe.fail("model", "none is given", "add --model DIRECTORY")


def no_dataset(recipe: Recipe) -> Findings:
    """The training names no data."""
    is_given = recipe.is_set("dataset", "cached_dataset") or recipe.get_bool("load_data_args")
    is_given |= "dataset" in {RENAMED.get(flag) for flag in recipe.typed}
    if recipe.trains and not is_given:
        yield recipe.fail("dataset", "none is given", "add --dataset FILE.jsonl")


def missing_model(recipe: Recipe) -> Findings:
    """A model's path is not there, and swift would look for it on a hub."""
    for flag, value in _model_values(recipe):
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


def adapter_as_model(recipe: Recipe) -> Findings:
    """A model's folder is an adapter, or an adapter's is a whole model."""
    for flag, value in set_values(recipe, _MODELS):
        path = Path(value).expanduser()
        if not (path / "config.json").is_file() and not is_adapter(path):
            path = last_checkpoint(path) or path  # of the output folder of a training
        if not is_adapter(path) or (path / "config.json").is_file():
            continue
        new = _ADAPTER_FLAGS.get(flag, "")
        base = str(read_object(path / "adapter_config.json").get("base_model_name_or_path") or "")
        # In serving and export swift reads the base model's name in the adapter's args.json.
        needs_base = recipe.trains or not (path / "args.json").is_file()
        fix = f"merge it first: swift export --adapters {path} --merge_lora true"
        changes: dict[str, list[str] | None] = {}
        if new in recipe.arguments:
            fix = f"give it by --{new} {path}"
            changes = {flag: None, new: [str(path)]}
            if needs_base:
                fix += f", and its base model by --{flag} {base or 'DIRECTORY'}"
                changes[flag] = [base or "DIRECTORY"]
        yield recipe.fail(flag, f"{path.absolute()} is an adapter, not a model", fix, **changes)
    for flag, value in set_values(recipe, _ADAPTERS):
        path = Path(value.partition("=")[2] or value).expanduser()
        if not is_whole_model(path) and not is_adapter(path):
            path = last_checkpoint(path) or path
        if is_whole_model(path) and flag != "resume_from_checkpoint" and _is_builtin_tuner(path):
            model = flag.removesuffix("adapters") + "model"
            message = f"{path.absolute()} is a whole model, not an adapter"
            changes = {flag: None, model: [str(path)]}
            yield recipe.fail(flag, message, f"give it by --{model} {path}", **changes)


def incomplete_model(recipe: Recipe) -> Findings:
    """A model's folder lacks config, weights, tokenizer or shards, or holds Git LFS pointers."""
    for flag, value in set_values(recipe, _MODELS):
        path = Path(value).expanduser()
        if not path.is_dir() or is_adapter(path):
            continue
        folder, fix = path.absolute(), "copy or export the whole model directory"
        checkpoint = last_checkpoint(path)
        if checkpoint and not (path / "config.json").is_file():
            if not is_adapter(checkpoint):
                message = f"{folder} holds checkpoints, and is no model itself"
                yield recipe.fail(flag, message, f"write {checkpoint}", **{flag: [str(checkpoint)]})
            continue
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
        if path.is_file():
            fix = f"give its directory, {path.parent}"
            yield recipe.fail(flag, f"{path.absolute()} is a file", fix)
        elif path.is_dir() and not is_checkpoint:
            checkpoint = last_checkpoint(path)
            is_model = is_whole_model(path) or (checkpoint and is_whole_model(checkpoint))
            if not (is_adapter(path) or is_model) and _is_builtin_tuner(path):
                fix = "give a checkpoint of LoRA training; a full model is given by --model"
                if checkpoint:
                    fix = f"write {checkpoint}"
                yield recipe.fail(flag, f"{path.absolute()} has no adapter_config.json", fix)
        elif not path.exists() and (is_checkpoint or looks_local(name)):
            yield _missing(recipe, flag, path, "train first, or correct the path")


def incomplete_checkpoint(recipe: Recipe) -> Findings:
    """A checkpoint to resume from lacks the trainer's state, or is a model or a folder of them."""
    flag = "resume_from_checkpoint"
    value = recipe.get_str(flag)
    path = Path(value).expanduser()
    if not recipe.is_set(flag) or not value or not path.is_dir():
        return
    folder, tuner = path.absolute(), recipe.get_str("tuner_type")
    checkpoint = last_checkpoint(path)
    only_weights = recipe.get_bool("resume_only_model")
    has_state = (path / "trainer_state.json").exists()
    if checkpoint and not has_state:
        message = f"{folder} holds checkpoints, and is none itself"
        change = {flag: [str(checkpoint)]}
        yield recipe.fail(flag, message, f"write {checkpoint}", **change)
    elif is_whole_model(path) and tuner in _LORA:
        message = f"{folder} is a whole model, and tuner_type is {tuner}: there is no adapter in it"
        fix = f"start from it: --model {value}, without {flag}"
        yield recipe.fail(flag, message, fix, **{flag: None, "model": [value]})
    elif is_adapter(path) and tuner == "full":
        message = f"{folder} is an adapter, and tuner_type is full"
        yield recipe.fail(flag, message, "write --tuner_type lora", tuner_type=["lora"])
    elif not has_state and not only_weights:
        if is_whole_model(path) and not path.name.startswith("checkpoint-"):
            message = f"{folder} is a model, not a checkpoint: it has no trainer_state.json"
            fix = f"start from it: --model {value}, without {flag}"
            yield recipe.fail(flag, message, fix, **{flag: None, "model": [value]})
        else:
            fix = "take an earlier checkpoint, or add --resume_only_model true"
            yield recipe.fail(flag, f"{folder} has no trainer_state.json", fix)


def missing_data(recipe: Recipe) -> Findings:
    """A data file is not there, and swift would try its name as a hub id."""
    for flag, value, name in datasets(recipe):
        path = Path(name).expanduser()
        if path.exists() or _is_registered(value, recipe) or is_listed(name.partition(":")[0]):
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
        if "#" in value and not whole_number(count) and not Path(value).exists():
            message = f"{value}: {count!r} is not a number of samples"
            yield recipe.fail(flag, message, "write FILE#1000")


def unreadable_data(recipe: Recipe) -> Findings:
    """swift tells a data file's kind by its ending, and reads none of this one."""
    for flag, path in data_files(recipe):
        if path.suffix not in _ENDINGS and not _is_registered(str(path), recipe):
            fix = f"convert it: swiftkit convert {path} -o rows.jsonl"
            message = f"{path.absolute()}: swift reads no {path.suffix or 'file without ending'}"
            yield recipe.fail(flag, message, fix)


def empty_data(recipe: Recipe) -> Findings:
    """A data file has no rows, which gives a division by zero much later."""
    filled = {row.place.rpartition(":")[0] for row in first_rows(recipe)}
    for flag, path in data_files(recipe):
        with path.open("rb") as file:
            start = file.read(1 << 20).strip()
        is_short = path.stat().st_size < 1 << 20 and path.suffix in (".json", ".jsonl", ".csv")
        if not start or (is_short and str(path.absolute()) not in filled):
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
        if flag in cached and not path.exists():  # FOLDER#1000
            path = Path(value.partition("#")[0]).expanduser()
        if is_path and not is_text and not path.exists():
            yield _missing(recipe, flag, path, "correct the path")


def unexpanded_variable(recipe: Recipe) -> Findings:
    """swift expands no variable of the environment: it takes ${HOME} for a folder's name."""
    flags = (*_MODELS, *_ADAPTERS, *DATASETS, *_OTHER_PATHS)
    for flag, value in set_values(recipe, flags):
        variable = _VARIABLE.search(value)
        if variable and not Path(value).exists():
            message = f"{variable[0]} is not expanded, and stands for a folder of this name"
            yield recipe.fail(flag, message, "write the path, or give it as a flag in the shell")


def unreachable_hub(recipe: Recipe) -> Findings:
    """A name would be looked up on a hub: the machine is offline, or a folder here begins so."""
    hub = RecipeHub.of(recipe)
    names = []
    for flag, value in [*_model_values(recipe), *set_values(recipe, _ADAPTERS)]:
        if flag != "resume_from_checkpoint":
            names.append((flag, value.partition("=")[2] or value, "model"))
    for flag, value, name in datasets(recipe):
        if not _is_registered(value, recipe):
            names.append((flag, name, "dataset"))
    for flag, name, kind in names:
        is_local = Path(name).expanduser().exists() or looks_local(name)
        is_hub_id = not is_local and ("/" in name or hub.is_hugging_face)
        hub_id = name.partition(":")[0]
        if is_hub_id and hub.lacks(kind, hub_id):
            message = f"{name} would be looked up on a hub, but this machine is set offline"
            fix = f"download it first and give its path, or unset {', '.join(OFFLINE)}"
            yield recipe.warn(flag, message, fix)
        elif is_hub_id and not is_listed(hub_id) and begins_with_folder(hub_id):
            message = f"{hub_id} is not here, and would be looked up on a hub"
            yield recipe.warn(flag, message, "correct the path, if it is one")


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


def _model_values(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yield (flag, value) of each model that is read here: not the name of a served one."""
    is_served = recipe.get_str("sampler_engine") == "client"
    is_served = is_served or recipe.is_set("base_url", "eval_url")
    for flag, value in set_values(recipe, _MODELS):
        if flag != "model" or not is_served:
            yield flag, value


def _is_builtin_tuner(folder: Path) -> bool:
    """Return False for the output of a tuner that a plugin registers, which may look otherwise."""
    tuner = read_object(folder / "args.json").get("tuner_type")
    is_known = tuner in table().names["tuner_type"] and tuner not in _UNCHECKED_TUNERS
    return tuner is None or is_known


def _missing(recipe: Recipe, flag: str, path: Path, fix: str) -> RecipeFinding:
    return recipe.fail(flag, f"no such path: {path.absolute()}", fix)
