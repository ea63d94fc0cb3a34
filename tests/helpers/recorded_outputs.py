"""canitoolcall's recorded outputs of nine model families. Without the package, tests that use them
are skipped."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from swiftkit.toolcall import reasoning

pytest.importorskip("canitoolcall", reason="canitoolcall is not installed (pip install '.[dev]')")

FIXTURES = files("canitoolcall") / "_data" / "fixtures"
# by a tag of the fixture, else by its family
FORMATS = {
    "x-kimi-k2": ["kimi_k2"],
    "x-kimi-k3": ["kimi_k3"],
    "x-llama-json": ["llama_json"],
    "x-llama-pythonic": ["pythonic"],
    "x-deepseek-v3": ["deepseek_v3", "deepseek_v3_1"],
    "x-deepseek-v31": ["deepseek_v3", "deepseek_v3_1"],
    "x-deepseek-v32": ["deepseek_v3_2", "deepseek_v4", "deepseek_v4_1"],
    "x-deepseek-v4": ["deepseek_v4", "deepseek_v3_2", "deepseek_v4_1"],
    "x-deepseek-v41": ["deepseek_v4_1", "deepseek_v3_2", "deepseek_v4"],
    "qwen3-hermes": ["hermes"],
    "qwen3-xml": ["qwen3_coder"],
    "mistral": ["mistral", "mistral_v11"],
    "glm": ["glm4_5"],
    "gpt-oss": ["harmony"],
    "gemma4": ["gemma4"],
}


def every_fixture() -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each fixture with its prompt's end."""
    for folder in sorted(FIXTURES.iterdir(), key=lambda folder: folder.name):
        if not folder.is_dir():
            continue
        family = json.loads((folder / "family.json").read_text(encoding="utf-8"))
        prompts = {
            model["repo"]: model["default_generation_prompt"]
            for model in family["reference_models"]
        }
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            if file.name.endswith(".jsonl"):
                for line in file.read_text(encoding="utf-8").splitlines():
                    fixture = json.loads(line)
                    default = prompts[fixture["models"][0]]
                    yield fixture, fixture.get("generation_prompt") or default


def opened_by(prompt: str) -> str:
    """Return the reasoning's opening tag that a prompt ends with, or ""."""
    openings = [tag for tag in reasoning.TAGS if prompt.rstrip().endswith(tag)]
    return openings[0] if openings else ""


def formats_of(fixture: dict[str, Any]) -> list[str]:
    """Return the names of the formats that read a fixture."""
    keys = [key for key in (*fixture["tags"], fixture["family"]) if key in FORMATS]
    return FORMATS[keys[0]]
