"""The style `openai`, compared with openai-harmony, OpenAI's own renderer, and read back.

openai_rendered.jsonl holds texts of openai-harmony 0.0.8, for machines that lack it.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import openai_renderer
from helpers.openai_renderer import conversations, rendered, tools
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.toolcall import openai_calls
from swiftkit.toolcall.harmony import answer as harmony
from swiftkit.toolcall.harmony import openai_namespace
from swiftkit.toolcall.harmony.prompt import HarmonySettings, HarmonyTurn, render, text

DATE = "2026-01-15"
RECORDED = Path(__file__).with_name("openai_rendered.jsonl")


@pytest.fixture(scope="module")
def _renderer() -> None:
    openai_renderer.encoding()


needs_renderer = pytest.mark.usefixtures("_renderer")


def turns_of(messages: list[Any], offered: list[Any], complete: bool) -> list[HarmonyTurn]:
    system = messages[0]["content"] if messages[0]["role"] == "system" else None
    style = HarmonySettings(DATE, style="openai")
    return render(messages[system is not None :], system, offered, style, complete)


@pytest.mark.parametrize("line", RECORDED.read_text(encoding="utf-8").splitlines())
def test_recorded_texts(line: str) -> None:
    """Generated conversations with calls, for training and for the next answer."""
    row = json.loads(line)
    assert text(turns_of(row["messages"], row["tools"], row["complete"])) == row["text"]


@needs_renderer
@settings(max_examples=300, deadline=None)
@given(tools())
def test_tools(offered: list[Any]) -> None:
    """Any schema: keywords in any place, nested, with defaults of any value."""
    expected = rendered([{"role": "user", "content": ""}], offered, complete=False, date=DATE)
    assert f"# Tools\n\n{openai_namespace.namespace(offered)}<|end|>" in expected


@needs_renderer
@settings(max_examples=200, deadline=None)
@given(conversations(complete=False), tools() | st.just([]))
def test_prompts(messages: list[Any], offered: list[Any]) -> None:
    """What the model reads before its next answer: render_conversation_for_completion."""
    assert text(turns_of(messages, offered, False)) == rendered(messages, offered, False, DATE)


@needs_renderer
@settings(max_examples=200, deadline=None)
@given(conversations(complete=True), tools() | st.just([]))
def test_trainings(messages: list[Any], offered: list[Any]) -> None:
    """What is trained: render_conversation_for_training."""
    assert text(turns_of(messages, offered, True)) == rendered(messages, offered, True, DATE)


@settings(max_examples=200, deadline=None)
@given(conversations(complete=True))
def test_what_is_trained_is_read_back(messages: list[Any]) -> None:
    """Of each answer its calls; of the last one also the reasoning and the text. As text, a control
    token that is quoted is a control token."""
    for message in messages:
        for key in {"content", "reasoning_content"} & message.keys():
            message[key] = message[key].replace("<|end|>", "")
    turns = turns_of(messages, [], True)
    answers = [harmony.parse("".join(piece.text for piece in turn.answer)) for turn in turns]
    assert [answer.malformed for answer in answers] == [""] * len(answers)
    expected = [call for each in messages for call in openai_calls.parse(each).calls]
    assert [call for answer in answers for call in answer.calls] == expected
    assert answers[-1].content == messages[-1]["content"]
    assert answers[-1].reasoning == messages[-1].get("reasoning_content", "")
