"""Real conversations: the published template's text, to the character; trained on the assistant's
part alone."""

from typing import Any

import msgspec
import pytest
from helpers.harmony_conversations import assistant_spans, needs_rendered, rendered_rows, turns_of

from swiftkit.data.check_row import check_row
from swiftkit.data.converters import openai
from swiftkit.toolcall.harmony.prompt import HarmonyTurn, text

pytestmark = needs_rendered


def trained_spans(turns: list[HarmonyTurn]) -> list[tuple[int, int]]:
    spans, position = [], 0
    for turn in turns:
        position += len(text([turn._replace(answer=[])]))
        length = len(text([turn._replace(prompt=[])]))
        if length:
            spans.append((position, position + length))
        position += length
    return spans


def test_render_gives_the_templates_text_and_loss() -> None:
    """OpenAI messages as they stand in the file."""
    for row in rendered_rows():
        turns = turns_of(**row)
        assert text(turns) == row["rendered"], row["source"]
        assert trained_spans(turns) == assistant_spans(row["rendered"]), row["source"]
    assert rendered_rows()


def test_render_of_converted_rows_gives_the_same_text() -> None:
    """`swiftkit convert` loses nothing of them: the rows that swift trains on give the same text."""
    for row in rendered_rows():
        raw = {key: row[key] for key in ("messages", "tools", "reasoning_effort")}
        (made,) = openai.convert(raw)
        check_row(made)
        tools = msgspec.json.decode(made.get("tools", "[]"))
        settings: dict[str, Any] = {
            "date": row["date"],
            "tools": tools,
            **made["chat_template_kwargs"],
        }
        assert text(turns_of(made["messages"], **settings)) == row["rendered"], row["source"]


@pytest.mark.parametrize("effort", ["low", "high"])
def test_render_writes_the_effort_into_the_system_message(effort: str) -> None:
    """And nowhere else."""
    row = rendered_rows()[0]
    assert text(turns_of(**row | {"reasoning_effort": effort})) == row["rendered"].replace(
        "Reasoning: medium", f"Reasoning: {effort}"
    )
