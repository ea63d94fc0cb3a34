"""Describe a model as a server's recipe serves it: recipes/eval.sh keeps the text beside the
answers, which are no other model's.

    python -m swiftkit.training.served_model SERVER.yaml [swift deploy flags...]

Prints a line for each setting that may change an answer, and the digest of each file of code. A
folder counts by the names, sizes and times of its weights and of what is read with them. What a
request says itself (max_tokens, temperature) is compared by `swiftkit eval`.
"""

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from swiftkit.recipe.machine import Machine
from swiftkit.recipe.reading import read
from swiftkit.training.provenance import code_files
from swiftkit.training.redaction import recipe_secrets, redacted_settings

_WITHOUT_EFFECT = (  # beginnings of names
    "port host ssl_ log_ verbose api_key owned_by served_model_name result_path max_batch_size"
    " write_batch_size device_map vllm_gpu_memory vllm_tensor_parallel vllm_pipeline_parallel"
    " vllm_max_num_seqs vllm_enforce_eager use_hf use_cpu max_new_tokens temperature"
).split()
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth", "*.gguf")
_READ_WITH_THEM = ("config.json", "*_config.json", "tokenizer*", "vocab.*", "*.jinja", "*.tiktoken")


def describe(file: Path, flags: Sequence[str]) -> list[str]:
    recipe, _ = read(file, flags, "deploy", os.environ, Machine())
    lines = []
    for flag, values in sorted(redacted_settings(recipe, recipe_secrets(recipe)).items()):
        if not flag.startswith(tuple(_WITHOUT_EFFECT)):
            lines.append(f"{flag}: {json.dumps([state_of(value) for value in values])}")
    for flag, path in code_files(recipe):
        lines.append(f"code of {flag}: {hashlib.sha256(path.read_bytes()).hexdigest()}")
    return lines


def state_of(value: str) -> str:
    """Return a digest of a folder's weights; any other value as it is."""
    if not os.path.isdir(value):  # noqa: PTH112 - Path.is_dir raises for what is too long
        return value
    lines = set()
    for pattern in (*_WEIGHTS, *_READ_WITH_THEM):
        for path in Path(value).glob(pattern):
            state = path.stat()
            lines.add(f"{os.fsencode(path.name)!r} {state.st_size} {state.st_mtime_ns}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


if __name__ == "__main__":
    print("\n".join(describe(Path(sys.argv[1]), sys.argv[2:])))
