"""Which files a recipe names, and which names only a hub can answer for."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from swiftkit.recipe.recipe import Recipe

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
DATASETS = ("dataset", "val_dataset")
_DATA_ENDINGS = (".jsonl", ".json", ".csv", ".parquet", ".txt")


class Hub(NamedTuple):
    """Which hub names are looked up in, and whether this machine may ask it."""

    hugging_face: bool
    offline: bool
    cache: Path

    @classmethod
    def of(cls, recipe: Recipe) -> "Hub":
        environment: Mapping[str, str] = recipe.environment
        home = Path(environment.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
        cache = Path(environment.get("HF_HUB_CACHE") or home / "hub")
        use_hf = recipe.text("use_hf") if recipe.says("use_hf") else environment.get("USE_HF", "")
        return cls(_true(use_hf), any(_true(environment.get(name, "")) for name in OFFLINE), cache)

    def unreachable(self, kind: str, name: str) -> bool:
        return self.offline and not (self.cache / f"{kind}s--{name.replace('/', '--')}").exists()


def data_files(recipe: Recipe) -> Iterator[tuple[str, Path]]:
    """(flag, path) of each data file that is there."""
    for flag, _, name in datasets(recipe):
        path = Path(name).expanduser()
        if path.is_file():
            yield flag, path


def given(recipe: Recipe, flags: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """(flag, value) of each value that the recipe gives."""
    return (
        (flag, value)
        for flag in recipe.says(*flags)
        for value in recipe.settings[flag]
        if value not in ("", "None")
    )


def datasets(recipe: Recipe) -> Iterator[tuple[str, str, str]]:
    """(flag, value, path or id): swift/dataset/dataset_syntax.py,
    [hf::|ms::]PATH_OR_ID[:subset/subset][#samples]."""
    for flag, value in given(recipe, DATASETS):
        name = value if Path(value).exists() else value.partition("::")[2] or value
        yield flag, value, name if Path(name).exists() else name.rpartition("#")[0] or name


def looks_local(value: str) -> bool:
    """Whether a person means a path: by its beginning, its ending, or because its first folder is
    there."""
    if value.startswith(("/", "./", "../", "~")) or value.endswith(_DATA_ENDINGS):
        return True
    return "/" in value and Path(value).parts[0] != "." and os.path.isdir(Path(value).parts[0])  # noqa: PTH112 - long names


def _true(value: str) -> bool:
    return value.strip().lower() in ("1", "true", "yes", "on")
