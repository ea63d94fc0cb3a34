"""A model's folder: config.json, adapter_config.json, and the files of its weights."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from swiftkit.json_text import decode_or_none
from swiftkit.recipe.recipe import Recipe

_LFS_POINTER = b"version https://git-lfs"
_LARGEST = 1 << 24  # bytes of a JSON file that is read
# swift's own look at an adapter (base_args.py, _check_is_adapter)
_ADAPTER_FILES = ("adapter_config.json", "default/adapter_config.json", "reft")
_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")


def model_config(recipe: Recipe) -> dict[str, Any]:
    """Return the model's config.json; empty where there is none, or none that can be read."""
    folder = recipe.get_str("model")
    return read_object(Path(folder).expanduser() / "config.json") if folder else {}


def read_object(file: Path) -> dict[str, Any]:
    """Return the JSON object of a file; empty where there is none, or none that can be read.

    As Python writes it: with Infinity, which stands in the config.json of some models, and NaN.
    """
    try:
        if not file.is_file() or file.stat().st_size >= _LARGEST:
            return {}
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):  # ValueError: also a null byte in the path
        return {}
    return content if isinstance(content, dict) else {}


def saved_arguments(recipe: Recipe) -> dict[str, Any]:
    """Return the args.json of the adapter or model, whose settings swift takes where none is set.

    Training reads those of a model's folder only for the template and the model type.
    """
    flags = ("adapters", "model") if recipe.get_bool("load_args") else ("model",)
    for folder in [folder for flag in flags for folder in recipe.get_list(flag)]:
        arguments = read_object(Path(folder.partition("=")[2] or folder).expanduser() / "args.json")
        if arguments:
            return arguments
    return {}


def is_gpt_oss(recipe: Recipe) -> bool:
    """Return True if config.json says so; without one, if model_type or the model's name does."""
    config = model_config(recipe)
    if config:
        return config.get("model_type") == "gpt_oss"
    name = Path(recipe.get_str("model")).name.lower()
    return recipe.get_str("model_type") == "gpt_oss" or "gpt-oss" in name


def quantization(recipe: Recipe) -> str:
    """Return how the model's own weights are quantized: mxfp4, bitsandbytes, gptq, ..., or ""."""
    config = model_config(recipe)
    settings = config.get("quantization_config")
    if isinstance(settings, dict):
        return str(settings.get("quant_method") or "")
    # The released checkpoints are MXFP4; a copy in bf16 carries another name.
    name = Path(recipe.get_str("model")).name.lower()
    return "mxfp4" if not config and name in ("gpt-oss-20b", "gpt-oss-120b") else ""


def adapter_configs(recipe: Recipe) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the folder and the adapter_config.json of each adapter that has one."""
    for value in recipe.get_list("adapters"):
        folder = Path(value.partition("=")[2] or value).expanduser()
        config = read_object(folder / "adapter_config.json")
        if config:
            yield folder, config


def is_adapter(folder: Path) -> bool:
    """Return True for a folder that swift takes for an adapter."""
    return any((folder / file).exists() for file in _ADAPTER_FILES)


def is_whole_model(folder: Path) -> bool:
    """Return True for a folder with a model's config.json and no adapter."""
    return (folder / "config.json").is_file() and not is_adapter(folder)


def last_checkpoint(folder: Path) -> Path | None:
    """Return the last checkpoint of a training's output folder, or of the newest version in it."""
    checkpoints = [*folder.glob("checkpoint-*"), *folder.glob("v*-*/checkpoint-*")]
    checkpoints = [path for path in checkpoints if path.is_dir()]
    return max(checkpoints, key=lambda path: path.stat().st_mtime_ns, default=None)


def weight_names(folder: Path) -> list[str]:
    """Return the names of a model's weights, as its safetensors' index or headers have them.

    Empty where there are none, or none that can be read.
    """
    names: set[str] = set()
    for index in _INDEXES:
        weight_map = read_object(folder / index).get("weight_map")
        names.update(weight_map if isinstance(weight_map, dict) else ())
    if names:
        return sorted(names)
    for file in folder.glob("*.safetensors"):
        with file.open("rb") as weights:
            size = int.from_bytes(weights.read(8), "little")  # of the JSON header that follows
            header = decode_or_none(weights.read(size)) if size < _LARGEST else None
        names.update(header if isinstance(header, dict) else ())
    return sorted(names - {"__metadata__"})


def weight_bytes(folder: Path) -> int:
    """Return the size of a model's files of weights; 0 where there are none."""
    return sum(file.stat().st_size for file in weight_files(folder))


def weight_files(folder: Path) -> list[Path]:
    """Return a model's files of weights: those of safetensors, or else of PyTorch."""
    for pattern in ("*.safetensors", "*.bin"):
        files = [file for file in sorted(folder.glob(pattern)) if file.is_file()]
        if files:
            return files
    return []


def missing_shards(folder: Path) -> list[str]:
    """Return the weight files that an index names and that are not there."""
    names: set[str] = set()
    for index in _INDEXES:
        weight_map = read_object(folder / index).get("weight_map")
        if isinstance(weight_map, dict):
            names.update(map(str, weight_map.values()))
    return sorted(name for name in names if not (folder / Path(name).name).exists())


def lfs_pointers(folder: Path) -> list[str]:
    """Return the weight files that are Git LFS pointers: the real ones were never fetched."""
    names = []
    for file in sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")]):
        if file.stat().st_size < 1024 and file.read_bytes().startswith(_LFS_POINTER):
            names.append(file.name)
    return names
