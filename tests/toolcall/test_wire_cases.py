"""Recorded outputs of many families, each of which says the one call of gold.json."""

import json
from typing import Any

import pytest
from helpers.paths import SHARED_CASES

from swiftkit.toolcall import detect
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.text_arguments import retyped

SAMPLES = SHARED_CASES / "wire" / "samples.jsonl"
# what docs/wire-formats.md says of them
POLICIES = {
    "json text before": "words beside JSON",
    "hermes python dict (Hermes 2 Pro)": "Python's dict between tags",
    "llama3 function key": "the name under `function`",
}


def samples() -> list[Any]:
    """The recorded outputs; none where the shared folder is missing."""
    if not SAMPLES.exists():
        return []
    lines = SAMPLES.read_text(encoding="utf-8").splitlines()
    rows = map(json.loads, lines)
    return [pytest.param(row["family"], row["text"], id=row["family"]) for row in rows]


@pytest.mark.parametrize(("family", "text"), samples())
def test_a_recorded_output_says_the_gold_call(family: str, text: str) -> None:
    """Detection alone finds the call; where a policy says otherwise, it finds none."""
    gold = json.loads(SAMPLES.with_name("gold.json").read_text(encoding="utf-8"))
    calls = [ToolCall(call["name"], call["arguments"]) for call in gold["gold"]]
    read = retyped(detect.parse(text), gold["tools"])
    assert read.calls == ([] if family in POLICIES else calls), read.malformed
