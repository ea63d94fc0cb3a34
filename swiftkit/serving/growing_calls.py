"""The calls of an answer that is being written, from the mark that opens the first one on.

A reader of them gives each piece that can go out, and knows what can not yet. It is an early view:
the format's own reader decides when the answer is complete (answer_reader.py).
"""

import re
from collections.abc import Callable

from swiftkit.json_text import written
from swiftkit.serving.call_heads import LONGEST, CallHeads, name_of
from swiftkit.serving.output_part import OutputCall, SentCalls
from swiftkit.serving.partial_arguments import CompleteArguments, PartialArguments
from swiftkit.toolcall.alternatives import any_of
from swiftkit.toolcall.call import Parsed
from swiftkit.toolcall.wire_format import Signs

_LONG = 2000  # characters of calls


class GrowingCalls:
    """Holds all text, of formats that say nothing about their calls' beginnings and ends."""

    def __init__(self) -> None:
        self.sent = SentCalls()
        self._unsent: list[str] = []

    def feed(self, text: str) -> list[OutputCall]:
        """Return what can go out, now that this text has come."""
        self._unsent.append(text)
        return []

    def unsent(self) -> str:
        """Return the text that has not gone out in any form."""
        return "".join(self._unsent)


class JsonCalls(GrowingCalls):
    """Gives JSON arguments as they are written, as long as heads alone stand between them; where
    they may be Python's, when they are complete."""

    def __init__(self, heads: CallHeads) -> None:
        super().__init__()
        self._next = heads.next
        self._new_arguments = CompleteArguments if heads.reads_python else PartialArguments
        self._head: re.Pattern[str] | None = heads.first  # None: no more is looked for
        self._name = ""  # of a call that has not gone out yet
        self._arguments: PartialArguments | None = None

    def feed(self, text: str) -> list[OutputCall]:
        self._unsent.append(text)
        calls: list[OutputCall] = []
        while self._head:
            if self._arguments is None:
                text = self._begin(self._head)
            if self._arguments is None:
                break
            piece, rest = self._arguments.feed(text)
            if piece:
                calls.append(self.sent.add(self._name, piece))
                self._name, self._unsent = "", [rest]
            if self._arguments.has_ended:
                self._head, self._arguments = self._next, None
            elif self._arguments.is_json:
                break
            else:
                self._head = None
        return calls

    def _begin(self, head: re.Pattern[str]) -> str:
        """Look for the head of a call; return the text behind it."""
        text = self.unsent()
        self._unsent = [text]
        match = head.match(text)
        name = name_of(match) if match else ""
        if match and name:
            self._name, self._arguments = name, self._new_arguments()
            return text[match.end() :]
        if len(text) > LONGEST:
            self._head = None
        return ""


class CompleteCalls(GrowingCalls):
    """Gives a call where a text stands that closes one, if the format reads it there.

    A string may hold such a text, so each is tried; in long calls only where they have grown by a
    quarter since the last trial, so that all trials together take linear time.
    """

    def __init__(self, signs: Signs, parse: Callable[[str], Parsed]) -> None:
        super().__init__()
        self._ends = re.compile(any_of(signs.call_ends))
        self._overlap = max(map(len, signs.call_ends)) - 1
        self._section_end, self._parse = signs.section_end, parse
        self._text: list[str] = []  # from the first mark on
        self._tail = ""  # in which a closing text may have begun
        self._length = self._next_trial = 0

    def feed(self, text: str) -> list[OutputCall]:
        self._unsent.append(text)
        self._text.append(text)
        start = self._length - len(self._tail)
        end = 0
        for match in self._ends.finditer(self._tail + text):
            end = start + match.end()
        self._length += len(text)
        self._tail = (self._tail + text)[-self._overlap :]
        if end <= self._next_trial:
            return []
        self._next_trial = end * 5 // 4 if end > _LONG else end
        whole = "".join(self._text)
        # what may still follow decides nothing: the end of the text would
        parsed = self._parse(f"{whole[:end]}{self._section_end}\n.")
        calls = parsed.calls[len(self.sent) :]
        if calls:
            self._unsent = [whole[end:]]
        return [self.sent.add(call.name, written(call.arguments)) for call in calls]
