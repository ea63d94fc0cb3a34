"""A model's text, as it grows, split into what an API client is given: reasoning, content and tool
calls.

One reader serves both ways of answering: streamed, it is fed piece by piece; else all at once. Each
text goes out as soon as it cannot be the beginning of markup; a Hermes call goes out as it is
written, others when they are complete. An answer whose calls cannot be read is content, raw, as the
model wrote it; in a stream that is what had not gone out.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from swiftkit.json_text import written
from swiftkit.serving.arguments import Arguments
from swiftkit.toolcall.call import Parsed
from swiftkit.toolcall.formats import hermes
from swiftkit.toolcall.harmony import answer as harmony

_THINK, _THOUGHT = "<think>", "</think>"
# How calls may begin in the formats that ms-swift itself reads; the last three only where an answer
# begins.
_OPENINGS = (
    *(
        "<tool_call",
        "<function",
        "<|tool",
        "<｜tool",
        "<|python_",
        "[TOOL_CALLS]",
        "Action:",
        "<minimax:",
        "<seed:",
    ),
)
_FIRST = ("{", "[", "```")


class Call(NamedTuple):
    """A call as the API gives it: the arguments are JSON text. Without a name: more of the call
    before."""

    name: str
    arguments: str


class Part(NamedTuple):
    """What has become sure since the last time."""

    reasoning: str = ""
    content: str = ""
    calls: tuple[Call, ...] = ()

    def and_then(self, more: "Part") -> "Part":
        calls = self.calls
        for call in more.calls:
            if call.name or not calls:
                calls += (call,)
            else:
                calls = (
                    *calls[:-1],
                    calls[-1]._replace(arguments=calls[-1].arguments + call.arguments),
                )
        return Part(self.reasoning + more.reasoning, self.content + more.content, calls)


class Reader(Protocol):
    """Reads one answer. `close` takes the calls that ms-swift found in it, for formats that only it
    reads."""

    malformed: bool

    def feed(self, text: str) -> Part: ...
    def close(self, found: Sequence[Call] = ()) -> Part: ...


class Stops:
    """Cuts a growing text off at the client's stop text that is complete first, as generating would
    have stopped there, in whatever pieces the text comes; the stop text and what follows are not
    given out."""

    def __init__(self, stops: Sequence[str]) -> None:
        self.hit = False
        self._stops, self._kept = tuple(stops), ""

    def feed(self, text: str) -> str:
        if self.hit or not self._stops:
            return "" if self.hit else text
        text = self._kept + text
        found = [
            (place + len(stop), place) for stop in self._stops if (place := text.find(stop)) >= 0
        ]
        self.hit = bool(found)
        end = min(found)[1] if found else len(text) - _begun(text, self._stops)
        self._kept = "" if found else text[end:]
        return text[:end]

    def rest(self) -> str:
        """What was held back, at the end of the answer."""
        return self._kept


def reader_of(wire: str, offered: bool) -> Reader:
    """For answers in the format of this agent template; calls are looked for only where tools were
    offered."""
    if wire == "harmony":
        return HarmonyReader(offered)
    if not offered:
        return BlockReader((), "", None)
    if wire == "hermes":
        return BlockReader((hermes.OPEN,), hermes.CLOSE, hermes.parse)
    return BlockReader(_OPENINGS, "", None, _FIRST)


def read_whole(text: str, reader: Reader, found: Sequence[Call] = ()) -> Part:
    """A whole answer at once: raw, if its calls cannot be read."""
    part = reader.feed(text).and_then(reader.close(found))
    return Part(content=text) if reader.malformed else part


class BlockReader:
    """Reasoning in <think>, calls in blocks. Without a `parse` of ours the text is held from an
    opening to its end."""

    def __init__(
        self,
        opens: Sequence[str],
        close: str,
        parse: Callable[[str], Parsed] | None,
        first: Sequence[str] = (),
    ) -> None:
        self.malformed = False
        self._opens, self._close, self._parse, self._first = (
            tuple(opens),
            close,
            parse,
            tuple(first),
        )
        self._raw = self._text = ""  # all of it, and what has not gone out yet
        self._step = self._begin
        self._searched = 0  # how far a block's end was looked for
        self._arguments = Arguments()
        self._called = self._thought = False  # whether a call, or any reasoning, has gone out

    def feed(self, text: str) -> Part:
        self._raw += text
        self._text += text
        part, more = Part(), True
        while more:
            given, more = self._step()
            part = part.and_then(given)
        return part

    def close(self, found: Sequence[Call] = ()) -> Part:
        """The rest: what was held back turns out to be content, unless ms-swift found calls in
        it."""
        if found and not self._parse and self._opens:
            self._text = ""
            return Part(calls=tuple(found))
        if self._step == self._think:
            self.malformed = True
            return Part(reasoning=self._take(len(self._text)))
        self.malformed = bool(self._parse and self._parse(self._raw).malformed)
        return Part(
            content=self._take(len(self._text)) if self._text.strip() or not self._called else ""
        )

    def _take(self, end: int, behind: int | None = None) -> str:
        """The text up to `end`; what follows goes on at `behind`."""
        taken, self._text = self._text[:end], self._text[end if behind is None else behind :]
        return taken

    def _begin(self) -> tuple[Part, bool]:
        start = self._text.lstrip()
        if _THINK.startswith(start[: len(_THINK)]) and len(start) < len(_THINK):
            return Part(), False
        if start.startswith(_THINK):
            self._text, self._step = start[len(_THINK) :], self._think
        elif start.startswith(self._first):
            self._step = self._block
        else:
            self._step = self._say
        return Part(), True

    def _think(self) -> tuple[Part, bool]:
        if not self._thought:
            self._text = self._text.lstrip()
        end = self._text.find(_THOUGHT)
        if end < 0:
            sure = self._take(_sure(self._text, (_THOUGHT,)))
            self._thought = self._thought or bool(sure)
            return Part(reasoning=sure), False
        self._step = self._skip
        return Part(reasoning=self._take(end, end + len(_THOUGHT)).rstrip()), True

    def _skip(self) -> tuple[Part, bool]:
        """White space behind reasoning and behind a call belongs to the markup."""
        self._text = self._text.lstrip()
        if not self._text:
            return Part(), False
        is_first = not self._called and self._text.startswith(self._first)
        self._step = self._block if is_first else self._say
        return Part(), True

    def _say(self) -> tuple[Part, bool]:
        places = [place for opening in self._opens if (place := self._text.find(opening)) >= 0]
        if places:
            self._step, self._searched = self._block, 0
            return Part(content=self._take(len(self._text[: min(places)].rstrip()))), True
        end = _sure(self._text, self._opens) if self._opens else len(self._text)
        return Part(content=self._take(end)), False

    def _block(self) -> tuple[Part, bool]:
        """A call, up to the first closing tag behind which it can be read: a string in it may hold
        such a tag."""
        if not self._parse:
            return Part(), False
        is_new = not self._arguments.name
        grown = self._arguments.grow(self._text)
        part = Part(calls=(Call(self._arguments.name if is_new else "", grown),) if grown else ())
        while (end := self._text.find(self._close, self._searched)) >= 0:
            self._searched = end + len(self._close)
            parsed = self._parse(self._text[: self._searched])
            if not parsed.malformed:
                self._take(self._searched)
                whole = part if self._arguments.name else Part(calls=_written(parsed))
                self._step, self._called, self._searched, self._arguments = (
                    self._skip,
                    True,
                    0,
                    Arguments(),
                )
                return whole, True
        return part, False


class HarmonyReader:
    """gpt-oss's channels, with special tokens."""

    def __init__(self, offered: bool) -> None:
        self.malformed = False
        self._offered, self._raw, self._shown = offered, "", ("", "")

    def feed(self, text: str) -> Part:
        self._raw += text
        return self._grown(harmony.visible(self._raw)) if text else Part()

    def close(self, found: Sequence[Call] = ()) -> Part:  # noqa: ARG002  # read by our own parser
        parsed = harmony.parse(self._raw)
        self.malformed = bool(parsed.malformed) or (bool(parsed.calls) and not self._offered)
        if self.malformed:
            return Part(content=self._raw)
        return self._grown((parsed.reasoning, parsed.content))._replace(calls=_written(parsed))

    def _grown(self, visible: tuple[str, str]) -> Part:
        reasoning, content = (
            new[len(old) :] for new, old in zip(visible, self._shown, strict=True)
        )
        self._shown = visible
        return Part(reasoning, content)


def _written(parsed: Parsed) -> tuple[Call, ...]:
    return tuple(Call(call.name, written(call.arguments)) for call in parsed.calls)


def _begun(text: str, markers: Sequence[str]) -> int:
    """How many characters at the text's end may be the beginning of a marker."""
    longest = max(map(len, markers)) - 1
    tails = (text[-size:] for size in range(min(longest, len(text)), 0, -1))
    return next(
        (len(tail) for tail in tails if any(marker.startswith(tail) for marker in markers)), 0
    )


def _sure(text: str, markers: Sequence[str]) -> int:
    """Where the text ends that no marker may still claim, nor the white space before one."""
    return len(text[: len(text) - _begun(text, markers)].rstrip())
