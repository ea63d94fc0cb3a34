"""Control tokens that a text holds as words: they stay words.

A user's message, a tool's result or a tool's description may hold `<|im_end|>`. A tokenizer that is
given the finished text makes a control token of it: the message ends there, and what follows is
somebody else's. So a mark is put into such a word before it is rendered, and the tokenizer is given
the word as text, on its own (token_ids.py).

    {"content": "End: <|im_end|>"}  ->  "<|im_start|>user⏎End: <▮|im_end|><|im_end|>⏎"
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from swiftkit.errors import DataError
from swiftkit.toolcall import reasoning
from swiftkit.toolcall.alternatives import any_of

MARK = "\U000ffffd"  # of private use, and none of marked_parts
_MARKS = (MARK, "\\udbbf\\udffd", "\\U000ffffd")  # JSON in ASCII and Python's repr escape it


@dataclass(frozen=True)
class ControlTokens:
    """The control tokens of a tokenizer, by their texts."""

    texts: frozenset[str]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "ControlTokens":
        """Return those of a tokenizer's special tokens that no text may hold."""
        return cls(frozenset(text for text in texts if len(text) > 1 and not _is_own(text)))

    def marked(self, value: Any) -> Any:
        """Return a JSON value with a mark in each control token of its texts."""
        if isinstance(value, str):
            return self._words.sub(_with_mark, value) if self._words else value
        if isinstance(value, Mapping):
            return {self.marked(key): self.marked(each) for key, each in value.items()}
        if isinstance(value, Sequence):
            return [self.marked(each) for each in value]
        return value

    def split(self, text: str) -> list[tuple[str, bool]]:
        """Return a rendered text in pieces: (piece, whether it is a control token's name as text).

        Raises DataError (control_token_in_text) where the template changed the marks.
        """
        pieces, end = [], 0
        for word in self._marked.finditer(text) if self._marked else ():
            pieces.append((text[end : word.start()], False))
            pieces.append((unmarked(word[0]), True))
            end = word.end()
        pieces.append((text[end:], False))
        for piece, _ in pieces:
            if any(mark in piece for mark in _MARKS):
                reason = "a text holds a control token, and the template writes it in another way"
                fix = "take the token out of the text"
                raise DataError(reason, "control_token_in_text", fix)
        return [(piece, is_word) for piece, is_word in pieces if piece]

    def places(self, text: str) -> list[int]:
        """Return where control tokens begin in a rendered text; marked ones are none."""
        return [token.start() for token in self._words.finditer(text)] if self._words else []

    @cached_property
    def _words(self) -> re.Pattern[str] | None:
        return re.compile(any_of(self.texts)) if self.texts else None

    @cached_property
    def _marked(self) -> re.Pattern[str] | None:
        marked = [text[0] + mark + text[1:] for text in self.texts for mark in _MARKS]
        return re.compile(any_of(marked)) if marked else None


def _is_own(token: str) -> bool:
    """Return whether a token opens or closes reasoning: the model's own, also in histories."""
    for tag in (*reasoning.TAGS, *reasoning.CLOSING_TAGS):
        if tag == token:
            return True
        if tag.startswith(token) and tag.removeprefix(token).isalpha():
            return True  # Gemma 4: <|channel>thought
    return False


def unmarked(text: str) -> str:
    """Return a text without the marks."""
    for mark in _MARKS:
        text = text.replace(mark, "")
    return text


def _with_mark(word: re.Match[str]) -> str:
    return word[0][0] + MARK + word[0][1:]
