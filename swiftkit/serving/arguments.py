"""The arguments of a Hermes call while it is being written: where they begin, what has come, where
they end."""

import json
import re

_HEAD = re.compile(
    r'\s*+<tool_call>\s*+\{\s*+"name"\s*+:\s*+("(?:[^"\\]|\\.)++")\s*+,\s*+"arguments"\s*+:\s*+(?=\{)'
)


class Arguments:
    """Reads one growing block again and again, and gives what is new. It judges nothing: the
    block's parser does."""

    def __init__(self) -> None:
        self.name = ""  # of the call, once it is known
        self._place = 0  # what lies before has been given
        self._depth = 0
        self._in_string = self._is_escaped = self._ended = False

    def grow(self, block: str) -> str:
        """The new part of the arguments' JSON text; "" before they begin and behind their end."""
        if not self.name and not self._begin(block):
            return ""
        start = self._place
        while self._place < len(block) and not self._ended:
            self._step(block[self._place])
            self._place += 1
        return block[start : self._place]

    def _begin(self, block: str) -> bool:
        head = _HEAD.match(block)
        if head:
            try:
                self.name, self._place = json.loads(head[1]), head.end()
            except ValueError:
                return False
        return bool(self.name)

    def _step(self, character: str) -> None:
        if self._in_string:
            self._in_string = self._is_escaped or character != '"'
            self._is_escaped = character == "\\" and not self._is_escaped
        elif character in '{["':
            self._in_string = character == '"'
            self._depth += not self._in_string
        elif character in "}]":
            self._depth -= 1
            self._ended = not self._depth
