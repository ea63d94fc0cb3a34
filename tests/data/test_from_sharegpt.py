"""The converters that read calls out of running text: whatever the text holds, rows or DataError,
and in good time."""

import json
from contextlib import suppress
from typing import Any

import pytest
from helpers.paths import GOLDEN
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.data.check_row import check_row
from swiftkit.data.detect_format import converter_of
from swiftkit.errors import DataError

NAMES = ("glaive", "hermes_v1", "sharegpt", "toolace", "toolbench")
PIECES = st.sampled_from(
    ["<tools>", "</tools>", "<tool_call>", "</tool_call>", "<tool_response>", "<think>", "</think>", "<functioncall>",
     "<|endoftext|>", "\n\nUSER: ", "\n\nASSISTANT: ", "Action:", "\nAction Input:", "Thought:", "{", "}", "[", "]",
     "(", ")", "'", '"', "\\", ",", "=", "\n", "#", "null", '"\\ud800"', "\0"]
)  # fmt: skip


def records(name: str) -> list[dict[str, Any]]:
    return [
        case["in"] for case in json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    ]


def texts(record: dict[str, Any]) -> list[tuple[Any, Any]]:
    """(where, key) of each text that is read for calls or tools."""
    turns = record.get("conversations")
    holders = turns if isinstance(turns, list) else []
    places = [(turn, "value") for turn in holders] + [(record, "system"), (record, "chat")]
    return [
        (holder, key) for holder, key in places if isinstance(holder.get(key), str) and holder[key]
    ]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_text_converts_or_is_refused(name: str, data: st.DataObject) -> None:
    """A text of a golden, cut, doubled, or with a piece of some markup put in."""
    record = data.draw(st.sampled_from([record for record in records(name) if texts(record)]))
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(texts(record)))
        text = holder[key]
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        holder[key] = (
            text[:start]
            + data.draw(PIECES | st.text(max_size=5) | st.just(text[start:end]))
            + text[end:]
        )
        if not texts(record):
            break
    converter_of(name).matches(record)
    with suppress(DataError):
        for row in converter_of(name).convert(record):
            check_row(row)


@pytest.mark.parametrize(
    ("name", "role", "text"),
    [
        ("hermes_v1", "system", "<tools>" * 100_000),
        ("hermes_v1", "system", "<tools>" + " " * 300_000),
        ("hermes_v1", "gpt", "<tool_call>" * 100_000),
        ("hermes_v1", "tool", "<tool_response>" * 100_000),
        ("toolace", "system", "list of functions in JSON format" + "[ " * 200_000),
        ("toolace", "assistant", "[f(" + " " * 300_000 + "x)]"),
        ("toolace", "assistant", "[f(a='" + "\\'" * 200_000 + ")]"),
        ("toolbench", "assistant", " " * 300_000 + "\nAction: f\n" * 50_000),
        ("sharegpt", "function_call", "[1 " * 200_000),
    ],
)
def test_a_long_hostile_text_is_refused_at_once(name: str, role: str, text: str) -> None:
    """No search that goes back: in the square of the length these would take minutes."""
    record = {"conversations": [{"from": "user", "value": "Hi."}, {"from": role, "value": text}]}
    converter_of(name).matches(record)
    with pytest.raises(DataError):
        check_row(next(iter(converter_of(name).convert(record))))


@pytest.mark.parametrize(
    "chat", ["\n" * 300_000, "USER: a" + "\n\nASSISTANT: <functioncall> {'" * 50_000]
)
def test_a_long_hostile_chat_is_refused_at_once(chat: str) -> None:
    """The same for Glaive, whose turns are one text."""
    with pytest.raises(DataError):
        check_row(next(iter(converter_of("glaive").convert({"chat": chat}))))
