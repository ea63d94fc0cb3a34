"""What a model's folder says about itself: config.json, adapter_config.json, the size of its
weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.recipe.recipe import Recipe

_POINTER = b"version https://git-lfs"


def config_of(recipe: Recipe, flag: str = "model") -> dict[str, Any]:
    """The model's config.json; empty where there is none, or none that can be read."""
    folder = recipe.text(flag)
    return read_object(Path(folder).expanduser() / "config.json") if folder else {}


def read_object(file: Path) -> dict[str, Any]:
    """The JSON object of a file; empty where there is none."""
    try:
        content = (
            msgspec.json.decode(file.read_bytes())
            if file.is_file() and file.stat().st_size < 1 << 24
            else {}
        )
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def is_gpt_oss(recipe: Recipe) -> bool:
    """By the folder, the type that is given, or, where the folder is elsewhere, the model's
    name."""
    config = config_of(recipe)
    if config:
        return config.get("model_type") == "gpt_oss"
    return (
        recipe.text("model_type") == "gpt_oss"
        or "gpt-oss" in Path(recipe.text("model")).name.lower()
    )


def quantization(recipe: Recipe) -> str:
    """How the model's own weights are quantized (mxfp4, bitsandbytes, gptq, ...); empty where they
    are not."""
    told = config_of(recipe).get("quantization_config")
    if isinstance(told, dict):
        return str(told.get("quant_method") or "")
    # The released checkpoints are MXFP4; a copy in bf16 carries another name.
    name = Path(recipe.text("model")).name.lower()
    return "mxfp4" if not config_of(recipe) and name in ("gpt-oss-20b", "gpt-oss-120b") else ""


def adapter_configs(recipe: Recipe) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each adapter's folder and its adapter_config.json."""
    for value in recipe.values("adapters"):
        folder = Path(value.partition("=")[2] or value).expanduser()
        if config := read_object(folder / "adapter_config.json"):
            yield folder, config


def weight_files(folder: Path) -> list[Path]:
    return sorted(file for pattern in ("*.safetensors", "*.bin") for file in folder.glob(pattern))


def missing_shards(folder: Path) -> list[str]:
    """Files that the index names and that are not there."""
    named: set[str] = set()
    for index in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
        weight_map = read_object(folder / index).get("weight_map")
        named |= (
            {str(name) for name in weight_map.values()} if isinstance(weight_map, dict) else set()
        )
    return sorted(name for name in named if not (folder / Path(name).name).exists())


def pointers(folder: Path) -> list[str]:
    """Weight files that are Git LFS pointers: the real ones were never fetched."""
    return [
        file.name
        for file in weight_files(folder)
        if file.stat().st_size < 1024 and _begins(file, _POINTER)
    ]


def _begins(file: Path, text: bytes) -> bool:
    with file.open("rb") as stream:
        return stream.read(len(text)) == text
