r"""Lone surrogates in any text of a conversation, inside real ms-swift.

A model writes "\ud835" as an escape in JSON; decoded, no tokenizer takes it.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT
from helpers.real_swift import encode_with_swift

PLUGINS = ROOT / "swiftkit" / "swift_plugins"
TINY = ROOT / "recipes" / "tiny"
pytestmark = pytest.mark.e2e


def conversation(text: str) -> dict[str, Any]:
    """A conversation that has the text in each place, its JSON written with escapes."""
    parameters = {"type": "object", "properties": {"p": {"type": "string", "description": text}}}
    tool = {"name": "f", "description": text, "parameters": parameters}
    contents = [
        ("system", text),
        ("user", text),
        ("tool_call", json.dumps({"name": "f", "arguments": {"p": text}})),
        ("tool_response", text),
        ("assistant", text),
    ]
    messages = [{"role": role, "content": content} for role, content in contents]
    return {"messages": messages, "tools": json.dumps([{"type": "function", "function": tool}])}


@pytest.mark.parametrize(
    ("model", "template", "plugin"),
    [
        ("qwen3", "qwen3_nothinking", "tool_call_reward.py"),
        ("qwen3", "qwen3_nothinking", "openai_server.py"),
        ("gpt_oss", "gpt_oss", "harmony_template.py"),
    ],
)
def test_a_lone_surrogate_reads_as_the_replacement_character(
    tmp_path: Path, model: str, template: str, plugin: str
) -> None:
    """In the system prompt, messages, calls, results and descriptions of tools of what a client
    sends (a data set cannot hold one: swift's loader stops at it)."""
    lines = []
    for text in ("a \ud835 b", "a \ufffd b"):
        lines.append(json.dumps(conversation("x") | {"raw": json.dumps(conversation(text))}))
    data = tmp_path / "rows.jsonl"
    data.write_text("\n".join(lines), encoding="utf-8")
    replaced, expected = encode_with_swift(TINY / model, model, template, data, PLUGINS / plugin)
    assert replaced["direct"] == expected["direct"]
    assert replaced["direct"].count("a \ufffd b") == 7
