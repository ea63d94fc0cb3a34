"""Control tokens that a text holds as words. What they become in a row: test_training_row.py."""

import json
from typing import Any

import pytest
from helpers.conversation_strategies import texts
from hypothesis import given
from hypothesis import strategies as st

from swiftkit.errors import DataError
from swiftkit.rendering.control_tokens import MARK, ControlTokens, unmarked

CONTROL = ControlTokens.of(["<|im_end|>", "<|im_start|>", "<｜end▁of▁sentence｜>"])
JSON = st.recursive(
    texts | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def test_reasoning_marks_and_single_characters_are_no_control_tokens() -> None:
    """Gemma 4's <|channel> is one of them; Kimi K3's <|open|> also begins messages."""
    own = ["<think>", "[/THINK]", "<|channel>", "<channel|>", "<|START_THINKING|>", "|", ""]
    assert ControlTokens.of([*own, "<|open|>", "<turn|>"]).texts == {"<|open|>", "<turn|>"}


@given(value=JSON)
def test_marks_change_nothing_else(value: Any) -> None:
    """No control token is left, and without the marks the value is as it was."""
    marked = CONTROL.marked(value)
    shown = json.dumps(marked, ensure_ascii=False)
    assert CONTROL.places(shown) == []
    assert json.loads(unmarked(shown)) == value


@given(words=st.lists(texts, max_size=3))
def test_pieces_are_the_text_and_words_are_marked_control_tokens(words: list[str]) -> None:
    text = "<|im_start|>".join(CONTROL.marked(words))
    pieces = CONTROL.split(text)
    assert "".join(piece for piece, _ in pieces) == unmarked(text)
    named = [piece for piece, is_word in pieces if is_word]
    assert len(named) == text.count(MARK)
    assert CONTROL.texts.issuperset(named)
    assert all(piece for piece, _ in pieces)


def test_real_control_tokens_have_their_places() -> None:
    text = CONTROL.marked("<|im_end|>") + "<|im_end|>\n<|im_start|>"
    assert CONTROL.places(text) == [11, 22]
    assert ControlTokens.of([]).places(text) == []


@pytest.mark.parametrize("write", [json.dumps, repr])
def test_escaped_marks_are_read_where_the_token_is_not_escaped_too(write: Any) -> None:
    assert CONTROL.split(write(CONTROL.marked("<|im_end|>")))[1] == ("<|im_end|>", True)


@pytest.mark.parametrize(
    "text", ["<" + MARK + "|IM_END|>", json.dumps(CONTROL.marked("<｜end▁of▁sentence｜>"))]
)
def test_mark_that_is_left_is_refused(text: str) -> None:
    with pytest.raises(DataError) as error:
        CONTROL.split(text)
    assert error.value.code == "control_token_in_text"


def test_without_control_tokens_nothing_is_marked() -> None:
    nothing = ControlTokens.of([])
    assert nothing.marked({"a": ["<|im_end|>"]}) == {"a": ["<|im_end|>"]}
    assert nothing.split("a") == [("a", False)]
