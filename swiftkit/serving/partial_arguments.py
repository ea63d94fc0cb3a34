"""The arguments of a call, as JSON, while the model is still writing them."""

import json
import re

from swiftkit.serving.output_part import decoded

# of the control characters, which JSON has in strings only escaped
_ESCAPES = {chr(code): json.dumps(chr(code))[1:-1] for code in range(32)}
_CONTROL = re.compile(r"[\x00-\x1f]")
_BEGINNING = re.compile(r'\s*+(?:\{\s*+(?:["}]|\Z)|\Z)')  # of JSON; Python's {'a': 1} is none
_LONGEST_BEGINNING = 600  # characters of white space, or no stream of them takes linear time
# up to the next character that decides anything; T, F, N and ' are Python's
_IN_STRING = re.compile(r'[^"\\]*+')
_OUTSIDE = re.compile(r"[^\"{}\[\]'(TFN]*+")


class PartialArguments:
    """Reads an object that comes in pieces, and gives it on as JSON.

    It does not judge the values: the format's reader does when the answer is complete.
    """

    def __init__(self) -> None:
        self.has_ended = False
        self.is_json = True  # else what follows cannot go out as it is
        self._text = ""  # before the object's first key, or a backslash
        self._has_begun = self._in_string = False
        self._depth = 0  # of braces and brackets

    def feed(self, text: str) -> tuple[str, str]:
        """Return (what goes out, what was not taken); the second only where the object has ended,
        or is no JSON any more. Line breaks and tabs that stand in a string come out escaped."""
        text, self._text = self._text + text, ""
        if not self._has_begun:
            beginning = _BEGINNING.match(text)
            is_open = beginning and beginning.end() == len(text) and text[-1:] not in ('"', "}")
            if is_open and len(text) < _LONGEST_BEGINNING:
                self._text = text
                return "", ""
            self.is_json = bool(beginning) and not is_open
            if not self.is_json:
                return "", text
            self._has_begun = True
            text = text.lstrip()
        pieces: list[str] = []
        position = 0
        while position < len(text):
            plain = (_IN_STRING if self._in_string else _OUTSIDE).match(text, position)
            end = plain.end() if plain else position
            piece = text[position:end]
            pieces.append(_CONTROL.sub(_escape, piece) if self._in_string else piece)
            position = end + self._turn(text[end : end + 2], pieces)
            if self._text or self.has_ended or not self.is_json:
                break
        return "".join(pieces), text[position:]

    def _turn(self, text: str, pieces: list[str]) -> int:
        """Take the character that decides what follows, and return how many were taken."""
        character = text[:1]
        if character == "\\" and self._in_string:
            if len(text) == 1:
                self._text = text
                return 1
            self.is_json = text[1] in '"\\/bfnrtu'
            character = text if self.is_json else ""
        elif character == '"':
            self._in_string = not self._in_string
        elif character in ("{", "["):
            self._depth += 1
        elif character in ("}", "]"):
            self._depth -= 1
            self.has_ended = self._depth == 0
        elif character:
            self.is_json = False
            character = ""
        pieces.append(character)
        return len(character)


class CompleteArguments(PartialArguments):
    """Gives an object when it is complete: Python's {"a": 1,} begins as JSON, and is none."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[str] = []

    def feed(self, text: str) -> tuple[str, str]:
        piece, rest = super().feed(text)
        self._pieces.append(piece)
        if not self.has_ended:
            return "", rest
        whole = decoded("".join(self._pieces))
        self.has_ended = self.is_json = bool(whole)
        return whole or "", rest


def _escape(character: re.Match[str]) -> str:
    return _ESCAPES[character[0]]
