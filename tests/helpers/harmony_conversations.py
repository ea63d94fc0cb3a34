"""Conversations with the text that the published chat template gives for them; they are kept beside
the project."""

import json
from typing import Any

import pytest

from helpers.paths import SHARED_DATA
from swiftkit.toolcall.harmony.prompt import HarmonySettings, HarmonyTurn, render

RENDERED = SHARED_DATA / "harmony" / "rendered.jsonl"
needs_rendered = pytest.mark.skipif(
    not RENDERED.exists(), reason=f"no rendered conversations in {RENDERED}"
)


def rendered_rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RENDERED.read_text(encoding="utf-8").splitlines()]


def turns_of(
    messages: list[dict[str, Any]], complete: bool = True, **row: Any
) -> list[HarmonyTurn]:
    """Messages whose first may be the system message, rendered with the row's own tools, date and
    effort."""
    settings = HarmonySettings(row.get("date", "2026-01-15"), row.get("reasoning_effort", "medium"))
    system = messages[0]["content"] if messages[0]["role"] in ("system", "developer") else None
    return render(messages[system is not None :], system, row.get("tools"), settings, complete)


def assistant_spans(text: str) -> list[tuple[int, int]]:
    """Return the spans that the assistant wrote, found in the text alone.

    Each goes from behind a `<|start|>assistant` that the model did not write itself (it does after
    its analysis) to the end token of its last message.
    """
    spans = []
    position = 0
    while (start := text.find("<|start|>assistant", position)) >= 0:
        start += len("<|start|>assistant")
        end = start
        while True:
            ends = [
                (text.find(token, end), token) for token in ("<|end|>", "<|call|>", "<|return|>")
            ]
            found, token = min((at, token) for at, token in ends if at >= 0)
            is_analysis = text.startswith("<|channel|>analysis", end)
            end = found + len(token)
            if not is_analysis:
                break
            assert text.startswith("<|start|>assistant", end)
            end += len("<|start|>assistant")
        spans.append((start, end))
        position = end
    return spans
