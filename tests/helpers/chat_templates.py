"""The published chat templates, and renderings of them that were made with transformers.

The texts of the templates are not ours to ship. scripts/setup.sh gets TRL's wheel, which holds 41 of
them; others are found in the folders of SWIFTKIT_CHAT_TEMPLATES, by their sha256.
"""

import gzip
import hashlib
import json
import os
import sys
from collections import defaultdict
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from helpers.paths import SHARED_CASES
from swiftkit.rendering.chat_template import ChatTemplate

CASES = SHARED_CASES / "parity"
SETUP_FOLDER = Path(sys.prefix) / "chat_templates" / "trl" / "chat_templates"

# (bos_token, eos_token, further stop tokens) of the families whose name begins so; the longest counts
TOKENS = {
    "": ("", "<|im_end|>"),
    "cohere": ("<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>"),
    "deepseek": ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"),
    "diffusion_gemma": ("<bos>", "<turn|>", "<|tool_response>"),
    "gemma": ("<bos>", "<end_of_turn>"),
    "gemma4": ("<bos>", "<turn|>", "<|tool_response>"),
    "glm": ("", "<|endoftext|>", "<|user|>", "<|observation|>"),
    "gptoss": ("", "<|return|>", "<|call|>"),
    "hy3": ("", "<｜hy_eos:opensource｜>"),
    "idefics3": ("", "<end_of_utterance>"),
    "kimi_k3": ("", "<|end_of_msg|>"),
    "lfm": ("<|startoftext|>", "<|im_end|>"),
    "ling": ("", "<|role_end|>"),
    "llama": ("<|begin_of_text|>", "<|eot_id|>"),
    "llava": ("<s>", "</s>"),
    "minimax": ("", "[e~["),
    "mistral": ("<s>", "</s>"),
    "muse": ("<|begin_of_text|>", "<|eot|>"),
    "phi": ("<s>", "<|endoftext|>", "<|end|>"),
    "seed": ("<seed:bos>", "<seed:eos>"),
    "smolvlm": ("", "<end_of_utterance>"),
    "spark": ("", "<｜end▁of▁sentence｜>"),
}
# the case file has its keys in the order of the alphabet, the renderings in the order of writing
_SCHEMA_KEYS = ("type", "enum", "description", "items", "properties", "required")


def renderings() -> dict[str, list[dict[str, Any]]]:
    """template -> its lines of the case file; empty where the shared folder is missing."""
    file = CASES / "renderings.jsonl.gz"
    lines = defaultdict(list)
    if file.exists():
        with gzip.open(file, "rt", encoding="utf-8") as text:
            for line in map(json.loads, text):
                lines[line["template"]].append(line)
    return lines


@cache
def conversations() -> dict[str, tuple[list[Any], list[Any] | None]]:
    """id -> (messages, tools) with keys in the order in which the renderings show them."""
    with gzip.open(CASES / "conversations.json.gz", "rt", encoding="utf-8") as text:
        return {each["id"]: _in_order(each["messages"], each["tools"]) for each in json.load(text)}


def _in_order(messages: list[Any], tools: list[Any] | None) -> tuple[list[Any], list[Any] | None]:
    ordered = None
    parameters = {}
    if tools is not None:
        ordered = []
        for tool in tools:
            function = tool["function"]
            schema = _schema_in_order(function["parameters"])
            parameters[function["name"]] = list(schema["properties"])
            keys = {"name": function["name"], "description": function["description"]}
            ordered.append({"type": "function", "function": {**keys, "parameters": schema}})
    for message in messages:
        for call in message.get("tool_calls") or []:
            function = call["function"]
            names = parameters[function["name"]]
            arguments = sorted(function["arguments"].items(), key=lambda item: names.index(item[0]))
            call["function"] = {"name": function["name"], "arguments": dict(arguments)}
    return messages, ordered


def _schema_in_order(schema: dict[str, Any]) -> dict[str, Any]:
    ordered = {key: schema[key] for key in _SCHEMA_KEYS if key in schema} | schema
    if "properties" in schema:
        names = [*schema.get("required", []), *schema["properties"]]
        each = {name: _schema_in_order(schema["properties"][name]) for name in names}
        ordered["properties"] = each
    return ordered


@cache
def _texts() -> dict[str, str]:
    """sha256 (16 digits) -> the text of a template."""
    folders = os.environ.get("SWIFTKIT_CHAT_TEMPLATES", "").split(os.pathsep)
    texts = {}
    for folder in [SETUP_FOLDER, *map(Path, filter(None, folders))]:
        for file in folder.glob("*.jinja"):
            text = file.read_text(encoding="utf-8")
            texts[hashlib.sha256(text.encode()).hexdigest()[:16]] = text
    return texts


def published(line: dict[str, Any]) -> ChatTemplate | None:
    """The template of a line of the case file, on the day of the renderings; None without it."""
    text = _texts().get(line["template_sha256"])
    if text is None:
        return None
    family = max(filter(line["template"].startswith, TOKENS), key=len)
    bos, *stops = TOKENS[family]
    tokens = {"bos_token": bos, "eos_token": stops[0]}
    return ChatTemplate({"default": text}, tokens, tuple(stops), datetime(2026, 1, 31))


def template_named(name: str) -> ChatTemplate:
    """The template of this name in the case file; skips the test where its text is not here."""
    lines = renderings().get(name, [])
    template = published(lines[0]) if lines else None
    if template is None:
        pytest.skip(f"the text of the template {name} is not here")
    return template
