"""The files that a recipe names, and the names that only a hub can answer for."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from swiftkit.recipe.arguments import listed_model, table
from swiftkit.recipe.recipe import Recipe

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
DATASETS = ("dataset", "val_dataset")
# No organization of a hub has such a name: they are folders, there or not.
_LOCAL_FOLDERS = ("models/", "runs/", "data/", "checkpoints/")
_DATA_ENDINGS = (".jsonl", ".json", ".csv", ".parquet", ".txt")
_LOCAL_MARKS = (
    "config.json adapter_config.json args.json trainer_state.json run.json *.safetensors"
    " *.jsonl *.csv *.parquet"
).split()
_TRUE = ("1", "true", "yes", "on")


class RecipeHub(NamedTuple):
    """The hub that names are looked up in, and whether this machine may ask it."""

    is_hugging_face: bool
    is_offline: bool
    cache: Path

    @classmethod
    def of(cls, recipe: Recipe) -> "RecipeHub":
        variables = recipe.environment
        home = Path(variables.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
        use_hf = variables.get("USE_HF", "")
        if recipe.is_set("use_hf"):
            use_hf = recipe.get_str("use_hf")
        return cls(
            is_hugging_face=use_hf.strip().lower() in _TRUE,
            is_offline=any(variables.get(name, "").strip().lower() in _TRUE for name in OFFLINE),
            cache=Path(variables.get("HF_HUB_CACHE") or home / "hub"),
        )

    def lacks(self, kind: str, name: str) -> bool:
        """Return True if a model or dataset can be had neither from the hub nor from its cache."""
        return self.is_offline and not (self.cache / f"{kind}s--{name.replace('/', '--')}").exists()


def data_files(recipe: Recipe) -> Iterator[tuple[str, Path]]:
    """Yield (flag, path) of each data file that is there."""
    for flag, _, name in datasets(recipe):
        path = Path(name).expanduser()
        if path.is_file():
            yield flag, path


def set_values(recipe: Recipe, flags: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (flag, value) of each value that the recipe gives these flags."""
    for flag in recipe.present(*flags):
        for value in recipe.settings[flag]:
            if value not in ("", "None"):
                yield flag, value


def datasets(recipe: Recipe) -> Iterator[tuple[str, str, str]]:
    """Yield (flag, value, path or hub id) of each dataset.

    A value is [hf::|ms::]PATH_OR_ID[:subset/subset][#samples] (swift/dataset/dataset_syntax.py).
    """
    for flag, value in set_values(recipe, DATASETS):
        name = value
        if not Path(name).exists():
            name = name.partition("::")[2] or name
        if not Path(name).exists():
            name = name.rpartition("#")[0] or name
        yield flag, value, name


def looks_local(value: str) -> bool:
    """Return True if a value begins or ends like a path, or if its first folder is meant.

    swift/self-cognition is a name on a hub, also beside a folder swift/ of another kind. So a name
    of two parts is a path where the folder of the first holds models, checkpoints or data.
    """
    if value.startswith(("/", "./", "../", "~")) or value.endswith(_DATA_ENDINGS):
        return True
    if value.startswith(_LOCAL_FOLDERS):
        return True
    name = value.partition(":")[0]
    if is_listed(name) or not begins_with_folder(name):
        return False
    parts = Path(name).parts
    return len(parts) > 2 or _holds_models_or_data(Path(parts[0]))


def begins_with_folder(name: str) -> bool:
    """Return True if the first of several parts is a folder here."""
    first = name.partition("/")[0]
    is_folder = os.path.isdir(first)  # noqa: PTH112  # Path.is_dir raises for long names
    return "/" in name and first != "." and is_folder


def is_listed(name: str) -> bool:
    """Return True for the id of a model or data set that swift lists."""
    return name in table().dataset_names or (
        name.count("/") == 1 and listed_model(name) is not None
    )


def _holds_models_or_data(folder: Path) -> bool:
    for depth in ("", "*/", "*/*/"):
        for name in _LOCAL_MARKS:
            if any(folder.glob(depth + name)):
                return True
    return False
