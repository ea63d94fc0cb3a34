"""Some rows of a file as people read them: `swiftkit check --sample 20`.

The rows are spread over the file: it is cut into equal parts, and one row of each is drawn. The
file is read once and its length is not known before, so the parts grow: where there are twice as
many as rows are wanted, each two become one.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from swiftkit.data.checks.row_view import RowView
from swiftkit.data.json_values import field, items
from swiftkit.data.to_openai import parse_tools
from swiftkit.errors import DataError
from swiftkit.json_text import decode_or_none
from swiftkit.scoring.explain import shown
from swiftkit.toolcall.call import ToolCall

_LONGEST = 600  # characters of a text that is printed
_BEGINNING, _END = 400, 150  # of a longer one
_LABELS = {
    "tool_call": "call", "tool_response": "result", "expected_calls": "gold",
    "rejected_response": "rejected",
}  # fmt: skip
_SHOWN_COLUMNS = (
    "expected_calls", "solution", "answer", "ground_truth", "rejected_response", "label",
)  # fmt: skip
_WIDTH = 10  # columns of a label


class SampledTurn(msgspec.Struct, frozen=True):
    """What one message, or column beside the messages, says. A call is name(arguments)."""

    role: str
    text: str
    reasoning: str = ""


class SampledRow(msgspec.Struct, frozen=True):
    where: str  # file:line
    tools: list[str]  # their names
    turns: list[SampledTurn]


class RowSample:
    """Draws `size` of the rows that are added."""

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._random = Random(seed)  # noqa: S311 (the same rows in every run)
        self._part = 1  # how many rows are drawn from
        self._drawn: list[RowView] = []  # one of each part
        self._rows = 0

    def add(self, view: RowView) -> None:
        if not self._size:
            return
        place, before = divmod(self._rows, self._part)
        self._rows += 1
        if place == len(self._drawn):
            self._drawn.append(view)
        elif self._random.randrange(before + 1) == 0:
            self._drawn[place] = view
        if place == 2 * self._size:  # the first of a part too many
            pairs = [self._drawn[at : at + 2] for at in range(0, place, 2)]
            self._drawn = [*map(self._random.choice, pairs), view]
            self._part *= 2

    def rows(self, file: str) -> list[SampledRow]:
        """Return the rows in their order."""
        size = min(self._size, len(self._drawn))
        chosen = []
        for number in range(size):
            start, end = (len(self._drawn) * each // size for each in (number, number + 1))
            chosen.append(self._random.choice(self._drawn[start:end]))
        return [_sampled(view, file) for view in chosen]


def lines_of(rows: list[SampledRow]) -> Iterator[str]:
    """Yield the lines to print."""
    for row in rows:
        tools = f"  tools: {', '.join(row.tools)}" if row.tools else ""
        yield f"── {row.where}{tools}"
        for turn in row.turns:
            if turn.reasoning:
                yield from _labelled("reasoning", turn.reasoning)
            if turn.text or not turn.reasoning:
                yield from _labelled(_LABELS.get(turn.role, turn.role), turn.text)
        yield ""


def _labelled(label: str, text: str) -> Iterator[str]:
    lines = _cut(text).splitlines() or ["(empty)"]
    yield f"{label:{_WIDTH}} {lines[0]}"
    for line in lines[1:]:
        yield f"{'':{_WIDTH}} {line}".rstrip()


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    left_out = len(text) - _BEGINNING - _END
    return f"{text[:_BEGINNING]} [... {left_out:,} characters ...] {text[-_END:]}"


def _sampled(view: RowView, file: str) -> SampledRow:
    row = view.row
    turns = [_turn(message) for message in items(row.get("messages"))]
    for name in _SHOWN_COLUMNS:
        if name in row:
            turns += _column(name, row[name])
    try:
        tools = [tool["function"]["name"] for tool in parse_tools(row.get("tools"), "tools")]
    except (DataError, RecursionError):
        tools = ["(unreadable)"]
    return SampledRow(f"{file}:{view.line}", tools, turns)


def _turn(message: Any) -> SampledTurn:
    role, content = str(field(message, "role")), field(message, "content")
    reasoning = field(message, "reasoning_content")
    text = content if isinstance(content, str) else _json(content)
    if role == "tool_call":
        text = _call(decode_or_none(text)) or text
    if role == "tool_response" and isinstance(field(message, "name"), str):
        text = f"{message['name']}: {text}"
    return SampledTurn(role, text, reasoning if isinstance(reasoning, str) else "")


def _column(name: str, value: Any) -> Iterator[SampledTurn]:
    """Yield what a column beside the messages says, as turns of their own."""
    if name == "rejected_response" and isinstance(value, list):
        for message in value:
            turn = _turn(message)
            label = _LABELS.get(turn.role, "")
            text = f"{label}: {turn.text}" if label else turn.text
            yield SampledTurn(name, text, turn.reasoning)
        return
    if name == "expected_calls" and isinstance(value, str):
        calls = decode_or_none(value)
        texts = [_call(call) for call in items(calls)]
        if isinstance(calls, list) and all(texts):
            yield SampledTurn(name, "\n".join(texts) or "no call")
            return
    yield SampledTurn(name, value if isinstance(value, str) else _json(value))


def _call(value: Any) -> str:
    """Return a call as name(arguments); "" for what is none."""
    name, arguments = field(value, "name"), field(value, "arguments")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return ""
    return shown(ToolCall(name, arguments))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
