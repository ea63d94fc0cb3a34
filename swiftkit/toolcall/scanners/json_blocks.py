"""Calls as JSON between two tags, which is how most families write them.

    <longcat_tool_call>{"name": "now", "arguments": {}}</longcat_tool_call>    a block a call
    <TOOLCALL>[{"name": "now", "arguments": {}}]</TOOLCALL>                    a list of all calls

Both are read whichever a family writes; so are several objects in one block.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from swiftkit.json_text import raw_decode, written
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.reasoning import ANY_TAG
from swiftkit.toolcall.scanners import blocks, json_calls
from swiftkit.toolcall.scanners.endings import is_end
from swiftkit.toolcall.wire_format import LineMark, Signs

_decode = msgspec.json.Decoder().decode
_BETWEEN = r"\s*+(?:[,;]\s*+)?+"


class JsonBlocks:
    """The reader and the writer of one family.

    opening, closing: the tags as they are written, with their white space; a family without a
        closing tag ends a block with its JSON.
    also: other openings that are read.
    is_word: the opening is a word of prose, too: it opens a block only where JSON follows.
    is_list: all calls are written as one list; else each in a block of its own, on a line.
    keys: those of a call's name and arguments, as they are written; None: the name is the key of
        the arguments. All keys of scanners/json_calls.py are read.
    is_end_optional: the closing tag may be missing at the answer's end, behind a whole list.
    between: a pattern of what may stand between two values.
    """

    def __init__(
        self,
        opening: str,
        closing: str = "",
        *,
        also: Sequence[str] = (),
        is_word: bool = False,
        is_list: bool = True,
        keys: tuple[str, str] | None = ("name", "arguments"),
        is_end_optional: bool = False,
        between: str = _BETWEEN,
    ) -> None:
        self._opening, self._closing = opening, closing
        self._is_list, self._keys = is_list, keys
        self._end, self._is_end_optional = closing.strip(), is_end_optional
        self._between = re.compile(between)
        tags = [opening.strip(), *also]
        if is_word:
            words = "|".join(r"\s*+".join(map(re.escape, tag.split())) for tag in tags)
            first = rf"(?:{words})(?=\s*+(?:\[\s*+)?+\{{)"
            word = opening.split()[0]
            line = LineMark(re.compile(first), needs=word)
            self.signs = Signs(line=line, marks=(word,))
            self._markup = re.compile(f"{first}|{ANY_TAG}")
        else:
            ends = (self._end,) if self._end else ()
            self.signs = Signs(opening=dict.fromkeys(tags, ""), closing=ends, marks=())
            self._markup = blocks.markup(*tags, *ends)

    def render(self, calls: list[ToolCall]) -> str:
        """Write the calls as the family does."""
        values = [self._value(call) for call in calls]
        if self._is_list and values:
            return f"{self._opening}{written(values)}{self._closing}"
        return "\n".join(f"{self._opening}{written(value)}{self._closing}" for value in values)

    def parse(self, text: str) -> Parsed:
        """Read an answer. Malformed too: a block without JSON, and JSON in it that is no call."""
        if text.startswith(self._opening) and text.endswith(self._closing):
            # one block of strict JSON and nothing else, which is what a trained model writes
            try:
                values = _decode(text[len(self._opening) : len(text) - len(self._closing)])
                if type(values) is dict:
                    values = [values]
                if values and type(values) is list:
                    return Parsed(json_calls.calls_of([self._standard(value) for value in values]))
            except (ValueError, RecursionError):
                pass
        return blocks.read(text, self._markup, self._read_block)

    def _value(self, call: ToolCall) -> dict[str, Any]:
        if self._keys is None:
            return {call.name: call.arguments}
        return dict(zip(self._keys, (call.name, call.arguments), strict=True))

    def _read_block(self, text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
        if tag[0] == self._end:
            raise ValueError(f"{tag[0]} without {self._opening.strip()}")
        values: list[Any] = []
        start = position = end = self._behind(text, tag.end())
        while text.startswith(("{", "["), position):
            value, end = raw_decode(text, position)
            values += value if isinstance(value, list) else [value]
            position = self._behind(text, end)
            if not self._end:
                break
        if end == start:
            raise ValueError(f"no JSON behind {tag[0]}")
        if self._end and text.startswith(self._end, position):
            end = position + len(self._end)
        elif self._end and not (self._is_end_optional and is_end(text, position)):
            raise ValueError(f"{self._end} is missing")
        calls += json_calls.calls_of([self._standard(value) for value in values])
        return end

    def _behind(self, text: str, position: int) -> int:
        """Return the position behind what may stand between two values."""
        between = self._between.match(text, position)
        return between.end() if between else position

    def _standard(self, value: Any) -> Any:
        if self._keys is None and isinstance(value, dict) and len(value) == 1:
            name, arguments = next(iter(value.items()))
            return {"name": name, "arguments": arguments}
        return value


# Jamba's, MiniMax-M1's and Hunyuan's, in which each call may have tags of its own
TOOL_CALLS = JsonBlocks(
    "<tool_calls>", "</tool_calls>", between=r"\s*+(?:(?:[,;]|</?tool_call>)\s*+)*+"
)
