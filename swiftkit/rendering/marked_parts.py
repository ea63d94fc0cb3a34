"""An answer whose texts are marked, to see where a chat template puts them, and which it drops.

Around each text (content, reasoning, names and string arguments of calls) stand two characters of
Unicode's private use, other ones for each. White space at a text's ends stays outside, since many
templates strip it. Numbers and booleans cannot be marked.

    {"content": "Oslo."}  ->  {"content": "⟦Oslo.⟧"}  ->  "<|im_start|>assistant\n⟦Oslo.⟧<|im_end|>"
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from swiftkit.rendering.neutral_messages import REASONING, Message

PARTS = {"calls": "tool_calls", "reasoning": REASONING, "content": "content"}

_FIRST, _LAST = 0x100000, 0x10FFFD  # a plane of private use that hardly any text touches
_MARK = re.compile(f"[{chr(_FIRST)}-{chr(_LAST)}]")


@dataclass(frozen=True)
class MarkedAnswer:
    """A neutral assistant message with its texts marked, and what a template makes of it."""

    message: Message
    marks: dict[str, str]  # of each of PARTS
    rendered: str = ""

    def rendered_as(self, text: str) -> "MarkedAnswer":
        return replace(self, rendered=text)

    def parts_lost(self) -> tuple[str, ...]:
        """Return the parts of which the rendering lacks a mark."""
        present = set(_MARK.findall(self.rendered))
        return tuple(part for part, marks in self.marks.items() if not present.issuperset(marks))

    def unmarked(self) -> str:
        """Return the rendering as it would be without marks."""
        return _MARK.sub("", self.rendered)

    def end_of_texts(self) -> int:
        """Return where the last of the texts ends, in the rendering without marks."""
        end = 0
        for mark in _MARK.finditer(self.rendered):
            end = mark.end()
        return len(_MARK.sub("", self.rendered[:end]))

    def end_of_answer(self) -> int:
        """Return where the last of the texts ends, each where it stands first.

        Some templates write the name of a call again at its result.
        """
        end = 1 + max(self._first(part) for part in self.marks)
        return len(_MARK.sub("", self.rendered[:end]))

    def has_content_behind_calls(self) -> bool:
        return self._first("content") > self._first("calls") > -1

    def _first(self, part: str) -> int:
        """Return the place of the last mark of a part that is met first there; -1 without one."""
        return max([self.rendered.find(mark) for mark in self.marks[part]], default=-1)


def mark_answer(message: Message) -> MarkedAnswer:
    """Return an assistant's message with its texts marked.

    Raises ValueError for one with too many texts, RecursionError for one nested too deeply.
    """
    marked, marks = dict(message), {}
    marker = _Marker()
    for part, key in PARTS.items():
        if part == "calls" and key in message:
            marked[key] = [marker.mark_call(call) for call in message[key]]
        elif key in message:
            marked[key] = marker.mark(message[key])
        marks[part] = marker.take_used()
    return MarkedAnswer(marked, marks)


@dataclass
class _Marker:
    next_mark: int = _FIRST
    used: str = ""

    def mark_call(self, call: Message) -> Message:
        function = call["function"]
        name, arguments = self.mark(function["name"]), self.mark(function["arguments"])
        return {**call, "function": {**function, "name": name, "arguments": arguments}}

    def mark(self, value: Any) -> Any:
        """Return a JSON value with marks around each text that is not empty; keys stay."""
        if isinstance(value, str):
            core = value.strip()
            return value.replace(core, self._take() + core + self._take(), 1) if core else value
        if isinstance(value, list):
            return [self.mark(each) for each in value]
        if isinstance(value, dict):
            return {key: self.mark(each) for key, each in value.items()}
        return value

    def _take(self) -> str:
        if self.next_mark > _LAST:
            raise ValueError("more texts than marks")
        mark = chr(self.next_mark)
        self.next_mark += 1
        self.used += mark
        return mark

    def take_used(self) -> str:
        """Return the marks that were set since it was asked last."""
        used, self.used = self.used, ""
        return used


def parts_not_in(text: str, message: Message) -> Iterator[str]:
    """Yield the parts of a message whose texts do not stand in a text as they are."""
    for part in ("reasoning", "content"):
        if message.get(PARTS[part], "").strip() not in text:
            yield part
    if any(call["function"]["name"] not in text for call in message.get("tool_calls", [])):
        yield "calls"
