"""Convert a gpt-oss checkpoint from MXFP4 to bf16, once, for lora_sft.sh and grpo_gpt_oss.sh.

    python scripts/mxfp4_to_bf16.py models/gpt-oss-20b models/gpt-oss-20b-bf16

Why: the released experts are packed in 4 bits and cannot be trained so; dequantized while loading
under ZeRO-3, every GPU would hold the whole model. Needs no GPU; 42 GB of disk for the 20B model,
and memory for its largest file (about 16 GB). From safetensors to safetensors: `save_pretrained`
after loading with Mxfp4Config(dequantize=True) leaves the experts out of the checkpoint (seen with
transformers 5.19.0).
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

INDEX = "model.safetensors.index.json"


def main(source: Path, out: Path) -> None:
    config = check(source, out)
    partial = out.with_name(f"{out.name}.partial")  # a folder of the right name is complete
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for file in source.iterdir():
        is_written = file.suffix == ".safetensors" or file.name in (INDEX, "config.json")
        if file.is_file() and not is_written:
            shutil.copy(file, partial)
    convert(source, partial)
    del config["quantization_config"]
    config["dtype"] = "bfloat16"
    (partial / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    partial.rename(out)
    print(f"{out}: bf16; name it in the recipe: --model {out}")


def check(source: Path, out: Path) -> dict[str, Any]:
    """Return the model's config.json; exit where there is nothing to do, or no room for it."""
    if not (source / "config.json").is_file():
        sys.exit(f"{source}/config.json is missing: give the folder of a gpt-oss checkpoint")
    if out.exists():
        sys.exit(f"{out} exists: remove it, or give another folder")
    config: dict[str, Any] = json.loads((source / "config.json").read_text(encoding="utf-8"))
    if (config.get("quantization_config") or {}).get("quant_method") != "mxfp4":
        sys.exit(f"{source} is not MXFP4: use it as it is")
    packed = sum(file.stat().st_size for file in source.glob("*.safetensors"))
    needed = 4 * packed  # 4.25 -> 16 bits
    folder = out.absolute().parent
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        sys.exit(f"{out} needs up to {needed / 1e9:.0f} GB of disk, {free / 1e9:.0f} GB are free")
    return config


def convert(source: Path, out: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    index, size = {}, 0
    with ExitStack() as stack:
        paths = sorted(source.glob("*.safetensors"))
        files = [stack.enter_context(safe_open(path, "pt")) for path in paths]
        holders = {}  # name of a tensor -> its file
        for file in files:
            holders |= dict.fromkeys(file.keys(), file)
        for number, (path, file) in enumerate(zip(paths, files, strict=True), 1):
            print(f"{number}/{len(paths)} {path.name}", flush=True)
            tensors = dict(dequantized(list(file.keys()), holders))
            if not tensors:  # scales alone
                continue
            save_file(tensors, out / path.name, metadata={"format": "pt"})
            index |= dict.fromkeys(tensors, path.name)
            size += sum(tensor.nbytes for tensor in tensors.values())
    if len(paths) > 1:
        text = json.dumps({"metadata": {"total_size": size}, "weight_map": index}, indent=2)
        (out / INDEX).write_text(text + "\n", encoding="utf-8")


def dequantized(names: list[str], holders: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield (name, tensor) of one file; a packed pair is one, in the file that holds its blocks."""
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    for name in names:
        if name.endswith("_blocks"):
            weight = name.removesuffix("_blocks")
            scales_name = f"{weight}_scales"
            blocks = holders[name].get_tensor(name)
            scales = holders[scales_name].get_tensor(scales_name)
            yield weight, convert_moe_packed_tensors(blocks, scales).contiguous()
        elif not name.endswith("_scales"):
            yield name, holders[name].get_tensor(name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    folders = parser.parse_args()
    main(folders.source, folders.out)
