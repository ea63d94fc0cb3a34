"""The arguments of a Hermes call while the model is still writing it."""

import json
import re

_HEAD = re.compile(  # <tool_call> {"name": "f", "arguments": {
    r'\s*+<tool_call>\s*+\{\s*+"name"\s*+:\s*+("(?:[^"\\]|\\.)++")\s*+,'
    r'\s*+"arguments"\s*+:\s*+(?=\{)'
)
# of the control characters, which JSON has in strings only escaped
_ESCAPES = {chr(code): json.dumps(chr(code))[1:-1] for code in range(32)}


class PartialArguments:
    """Reads one growing block again and again, and gives what is new of its arguments.

    It does not judge them: the block's parser does when the block is complete.
    """

    def __init__(self) -> None:
        self.name = ""  # of the call, once it is known
        self._position = 0  # what lies before has been given
        self._depth = 0  # of braces and brackets
        self._in_string = self._is_escaped = self._has_ended = False

    def grow(self, block: str) -> str:
        """Return the new part of the arguments' JSON text; "" before they begin and after them.
        Line breaks and tabs that the model wrote into a string as they are come out escaped."""
        if not self.name:
            head = _HEAD.match(block)
            if not head:
                return ""
            try:
                self.name = json.loads(head[1])
            except ValueError:
                return ""
            self._position = head.end()
        if not self.name:
            return ""
        pieces = []
        while self._position < len(block) and not self._has_ended:
            character = block[self._position]
            self._position += 1
            pieces.append(_ESCAPES.get(character, character) if self._in_string else character)
            if self._in_string:
                self._in_string = self._is_escaped or character != '"'
                self._is_escaped = character == "\\" and not self._is_escaped
            elif character == '"':
                self._in_string = True
            elif character in "{[":
                self._depth += 1
            elif character in "}]":
                self._depth -= 1
                self._has_ended = self._depth == 0
        return "".join(pieces)
