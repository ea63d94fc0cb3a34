"""Calls of Gemma's models, whose arguments are an object in a notation of its own.

    <|tool_call>call:get_weather{city:<|"|>北京<|"|>,days:[1,2.5],wide:null}<tool_call|>

Strings stand between quotes of the family's own, as they are; keys stand bare. Read too, as vLLM
does: strings in double quotes and words without any; a word that is no number, true, false or null
is text. A key that could not stand bare is written as a string. A string cannot hold the quote.
"""

import re
from typing import Any

from swiftkit.errors import DataError
from swiftkit.json_text import raw_decode, skip_space, written
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.text_arguments import NUMBER, WORDS
from swiftkit.toolcall.wire_format import Signs

_NAME = re.compile(r'[^\s<>{}\[\]"]++')
_HEAD = re.compile(rf"\s*+call:({_NAME.pattern})(?=\{{)")
_KEY = re.compile(r'[^:,{}\[\]<"]*+(?=:)')
_BARE_KEY = re.compile(r'[^\s:,{}\[\]<"](?:[^:,{}\[\]<"]*[^\s:,{}\[\]<"])?')
_WORD = re.compile(r"[^,{}\[\]<]*+")


class GemmaCalls:
    """The reader and the writer of one family, with its tags and its quote."""

    def __init__(self, opening: str, closing: str, quote: str) -> None:
        self._opening, self._closing, self._quote = opening, closing, quote
        # most entries of an object are a text, a number or a word: one search finds them whole
        text = f"{re.escape(quote)}([^<]*+){re.escape(quote)}"
        self._plain = re.compile(
            rf"([\w.\-]++):(?:{text}|(0|-?[1-9][0-9]{{0,14}})|(true|false|null))(?=[,}}])"
        )
        self._markup = blocks.markup(opening, closing)
        self.signs = Signs(
            opening={opening: ""}, closing=(closing,), marks=(), call_ends=(closing,)
        )

    def render(self, calls: list[ToolCall]) -> str:
        text = ""
        for call in calls:
            if not _NAME.fullmatch(call.name):
                fix = 'give the tool a name without white space and without < > { } [ ] "'
                raise DataError(f"Gemma cannot write a call of {call.name!r}", "bad_call", fix)
            written(call.arguments)  # refuses what is no JSON
            text += f"{self._opening}call:{call.name}{self._written(call.arguments)}{self._closing}"
        return text

    def parse(self, text: str) -> Parsed:
        return blocks.read(text, self._markup, self._read_block)

    def _read_block(self, text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
        if tag[0] == self._closing:
            raise ValueError(f"{self._closing} without {self._opening}")
        head = _HEAD.match(text, tag.end())
        if not head:
            raise ValueError(f"{self._opening} without call:name{{")
        arguments, end = self._read_value(text, head.end())
        end = skip_space(text, end)
        if not text.startswith(self._closing, end):
            raise ValueError(f"{self._closing} is missing after the call")
        calls.append(ToolCall(head[1], arguments))
        return end + len(self._closing)

    def _read_value(self, text: str, start: int) -> tuple[Any, int]:
        """Return the value that begins here, perhaps behind white space, and where it ends."""
        position = skip_space(text, start)
        opening = text[position : position + 1]
        if opening == '"':
            return raw_decode(text, position)
        if text.startswith(self._quote, position):
            return self._read_string(text, position)
        if opening not in ("{", "["):
            return self._read_word(text, position)
        closing = "}" if opening == "{" else "]"
        entries: dict[str, Any] = {}
        items: list[Any] = []
        position = skip_space(text, position + 1)
        while not text.startswith(closing, position):
            if opening == "{":
                position = self._read_entry(text, position, entries)
            else:
                item, position = self._read_value(text, position)
                items.append(item)
            position = skip_space(text, position)
            if text.startswith(",", position):
                position = skip_space(text, position + 1)
            elif not text.startswith(closing, position):
                raise ValueError(f"{opening} is never closed")
        return entries if opening == "{" else items, position + 1

    def _read_entry(self, text: str, position: int, entries: dict[str, Any]) -> int:
        """Add the key that begins here, with its value, and return the position behind it."""
        if plain := self._plain.match(text, position):
            key, string, number, word = plain.groups()
            value = string
            if value is None:
                value = int(number) if number else WORDS[word]
            end = plain.end()
        else:
            key, behind = self._read_key(text, position)
            value, end = None, behind
        if key in entries:
            raise ValueError(f"the key {key!r} is given twice")
        if not plain:
            value, end = self._read_value(text, end)
        entries[key] = value
        return end

    def _read_string(self, text: str, start: int) -> tuple[str, int]:
        end = text.find(self._quote, start + len(self._quote))
        if end < 0:
            raise ValueError("a string is never closed")
        return text[start + len(self._quote) : end], end + len(self._quote)

    def _read_key(self, text: str, start: int) -> tuple[str, int]:
        """Return the key that begins here, and the position behind its colon."""
        if text.startswith(self._quote, start):
            key, end = self._read_string(text, start)
        elif text.startswith('"', start):
            key, end = raw_decode(text, start)
        else:
            bare = _KEY.match(text, start)
            key, end = (bare[0].strip(), bare.end()) if bare else ("", start)
            if not key:
                raise ValueError("a value without a key")
        end = skip_space(text, end)
        if not text.startswith(":", end):
            raise ValueError(f"the key {key!r} without a value")
        return key, end + 1

    def _read_word(self, text: str, start: int) -> tuple[Any, int]:
        match = _WORD.match(text, start)
        word, end = (match[0].strip(), match.end()) if match else ("", start)
        if not word:
            raise ValueError("a value is missing")
        if word in WORDS:
            return WORDS[word], end
        return (raw_decode(word, 0)[0] if NUMBER.fullmatch(word) else word), end

    def _written(self, value: Any) -> str:
        if isinstance(value, dict):
            entries = [
                f"{self._written_key(key)}:{self._written(item)}" for key, item in value.items()
            ]
            return f"{{{','.join(entries)}}}"
        if isinstance(value, list):
            return f"[{','.join(map(self._written, value))}]"
        return self._written_string(value) if isinstance(value, str) else written(value)

    def _written_key(self, key: str) -> str:
        return key if _BARE_KEY.fullmatch(key) else self._written_string(key)

    def _written_string(self, text: str) -> str:
        # its beginning at the text's end would join with the closing one
        if self._quote in text + self._quote[:-1]:
            problem = f"Gemma cannot write the text {text[:60]!r}: it holds {self._quote}"
            raise DataError(problem, "bad_call", "take it out")
        return f"{self._quote}{text}{self._quote}"
