"""Split a model's text, as it grows, into reasoning, content and tool calls for an API client.

One reader serves both ways of answering: a stream feeds it piece by piece, a completion all at
once. Text goes out as soon as it cannot be the beginning of markup. A Hermes call goes out while it
is written, others when they are complete. An answer whose calls cannot be read is content, raw, as
the model wrote it; in a stream that is what had not gone out.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from swiftkit.json_text import written
from swiftkit.serving.partial_arguments import PartialArguments
from swiftkit.toolcall.call import Parsed
from swiftkit.toolcall.formats import hermes
from swiftkit.toolcall.harmony import answer as harmony

_THINK, _THINK_END = "<think>", "</think>"
# The beginnings of calls in the formats that ms-swift itself reads
_OPENINGS = (
    "<tool_call <function <|tool <｜tool <|python_ [TOOL_CALLS] Action: <minimax: <seed:"
).split()
_OPENINGS_OF_ANSWERS = ("{", "[", "```")  # only where an answer begins


class OutputCall(NamedTuple):
    """A call as the API gives it; without a name, more arguments of the call before."""

    name: str
    arguments: str  # JSON text


class OutputPart(NamedTuple):
    """The next piece of an answer that may go out."""

    reasoning: str = ""
    content: str = ""
    calls: tuple[OutputCall, ...] = ()

    def and_then(self, more: "OutputPart") -> "OutputPart":
        calls = list(self.calls)
        for call in more.calls:
            if call.name or not calls:
                calls.append(call)
            else:
                calls[-1] = OutputCall(calls[-1].name, calls[-1].arguments + call.arguments)
        reasoning, content = self.reasoning + more.reasoning, self.content + more.content
        return OutputPart(reasoning, content, tuple(calls))


class StopTexts:
    """Cuts a growing text off before the client's stop text that is complete first.

    That is where generating would have stopped, in whatever pieces the text comes.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.hit = False
        self._stops, self._kept = tuple(stops), ""

    def feed(self, text: str) -> str:
        """Return the text that may go out."""
        if self.hit:
            return ""
        text = self._kept + text
        places = []
        for stop in self._stops:
            start = text.find(stop)
            if start >= 0:
                places.append((start + len(stop), start))
        if places:
            self.hit, self._kept = True, ""
            return text[: min(places)[1]]
        end = len(text) - _marker_beginning(text, self._stops)
        self._kept = text[end:]
        return text[:end]

    def rest(self) -> str:
        """Return what was held back, at the end of the answer."""
        return self._kept


class BlockReader:
    """Reads an answer with reasoning in <think> and calls in blocks from `opens` to `close`.

    Without a `parse` of ours the text is held from an opening to the answer's end. `first` are
    openings that count only where an answer begins.

    The steps: _begin (is there reasoning?), _think, _skip (white space), then _say (text) and
    _block (a call) in turn. A step returns what may go out; it needs more text unless it has set
    the next step.
    """

    def __init__(
        self,
        opens: Sequence[str] = (),
        close: str = "",
        parse: Callable[[str], Parsed] | None = None,
        first: tuple[str, ...] = (),
    ) -> None:
        self.malformed = False
        self._opens, self._close, self._parse, self._first = opens, close, parse, first
        self._raw = ""  # the whole answer
        self._text = ""  # what has not gone out yet
        self._step: Callable[[], OutputPart] = self._begin
        self._searched = 0  # how far a block's end was looked for
        self._arguments = PartialArguments()
        self._has_call = self._has_reasoning = False  # whether any has gone out

    def feed(self, text: str) -> OutputPart:
        self._raw += text
        self._text += text
        part = OutputPart()
        while True:
            step = self._step
            part = part.and_then(step())
            if self._step == step:
                return part

    def close(self, calls: Sequence[OutputCall] = ()) -> OutputPart:
        """Return the rest: what was held back is content, unless ms-swift read `calls` in it."""
        if calls and self._opens and not self._parse:
            self._text = ""
            return OutputPart(calls=tuple(calls))
        rest = self._take(len(self._text))
        if self._step == self._think:
            self.malformed = True
            return OutputPart(reasoning=rest)
        self.malformed = bool(self._parse and self._parse(self._raw).malformed)
        is_markup = self._has_call and not rest.strip()  # white space after a call
        return OutputPart(content="" if is_markup else rest)

    def _take(self, end: int) -> str:
        taken, self._text = self._text[:end], self._text[end:]
        return taken

    def _begin(self) -> OutputPart:
        start = self._text.lstrip()
        if len(start) < len(_THINK) and _THINK.startswith(start):
            return OutputPart()  # not known yet
        if start.startswith(_THINK):
            self._text, self._step = start[len(_THINK) :], self._think
        elif start.startswith(self._first):
            self._step = self._block
        else:
            self._step = self._say
        return OutputPart()

    def _think(self) -> OutputPart:
        if not self._has_reasoning:
            self._text = self._text.lstrip()
        end = self._text.find(_THINK_END)
        if end < 0:
            reasoning = self._take(_sure_end(self._text, (_THINK_END,)))
            self._has_reasoning = self._has_reasoning or bool(reasoning)
            return OutputPart(reasoning=reasoning)
        self._step = self._skip
        return OutputPart(reasoning=self._take(end + len(_THINK_END))[:end].rstrip())

    def _skip(self) -> OutputPart:
        # White space after reasoning and after a call belongs to the markup.
        self._text = self._text.lstrip()
        if self._text:
            is_first = not self._has_call and self._text.startswith(self._first)
            self._step = self._block if is_first else self._say
        return OutputPart()

    def _say(self) -> OutputPart:
        places = [self._text.find(opening) for opening in self._opens]
        start = min((place for place in places if place >= 0), default=-1)
        if start >= 0:
            self._step, self._searched = self._block, 0
            return OutputPart(content=self._take(len(self._text[:start].rstrip())))
        end = _sure_end(self._text, self._opens) if self._opens else len(self._text)
        return OutputPart(content=self._take(end))

    def _block(self) -> OutputPart:
        """Read a call up to the first closing tag that makes it readable: a string may hold one."""
        if not self._parse:
            return OutputPart()
        is_new = not self._arguments.name
        arguments = self._arguments.grow(self._text)
        part = OutputPart()
        if arguments:
            name = self._arguments.name if is_new else ""
            part = OutputPart(calls=(OutputCall(name, arguments),))
        while True:
            end = self._text.find(self._close, self._searched)
            if end < 0:
                return part
            self._searched = end + len(self._close)
            parsed = self._parse(self._text[: self._searched])
            if not parsed.malformed:
                break
        self._take(self._searched)
        calls = _output_calls(parsed)
        # the first has gone out as it was written, if its name was seen
        part = OutputPart(calls=(*part.calls, *calls[1:]) if self._arguments.name else calls)
        self._step, self._searched = self._skip, 0
        self._has_call, self._arguments = True, PartialArguments()
        return part


class HarmonyReader:
    """Reads gpt-oss's channels, with special tokens."""

    def __init__(self, has_tools: bool) -> None:
        self.malformed, self._has_tools = False, has_tools
        self._raw = ""
        self._shown = OutputPart()  # what has gone out

    def feed(self, text: str) -> OutputPart:
        self._raw += text
        return self._news(*harmony.visible(self._raw)) if text else OutputPart()

    def close(self, calls: Sequence[OutputCall] = ()) -> OutputPart:  # noqa: ARG002  # we read them
        parsed = harmony.parse(self._raw)
        self.malformed = bool(parsed.malformed or (parsed.calls and not self._has_tools))
        if self.malformed:
            return OutputPart(content=self._raw)
        return self._news(parsed.reasoning, parsed.content)._replace(calls=_output_calls(parsed))

    def _news(self, reasoning: str, content: str) -> OutputPart:
        shown, self._shown = self._shown, OutputPart(reasoning, content)
        return OutputPart(reasoning[len(shown.reasoning) :], content[len(shown.content) :])


OutputReader = BlockReader | HarmonyReader


def reader_of(wire: str, has_tools: bool) -> OutputReader:
    """Return the reader for the agent template's format; calls need tools that were offered."""
    if wire == "harmony":
        return HarmonyReader(has_tools)
    if not has_tools:
        return BlockReader()
    if wire == "hermes":
        return BlockReader((hermes.OPEN,), hermes.CLOSE, hermes.parse)
    return BlockReader(_OPENINGS, first=_OPENINGS_OF_ANSWERS)


def read_answer(text: str, reader: OutputReader, calls: Sequence[OutputCall] = ()) -> OutputPart:
    """Read a complete answer: raw, if its calls cannot be read."""
    part = reader.feed(text).and_then(reader.close(calls))
    return OutputPart(content=text) if reader.malformed else part


def _output_calls(parsed: Parsed) -> tuple[OutputCall, ...]:
    return tuple(OutputCall(call.name, written(call.arguments)) for call in parsed.calls)


def _marker_beginning(text: str, markers: Sequence[str]) -> int:
    """Return how many characters at the text's end may be the beginning of a marker."""
    longest = max(map(len, markers), default=1) - 1
    for size in range(min(longest, len(text)), 0, -1):
        if any(marker.startswith(text[-size:]) for marker in markers):
            return size
    return 0


def _sure_end(text: str, markers: Sequence[str]) -> int:
    # The beginning of a marker may become markup, and so may white space before one.
    return len(text[: len(text) - _marker_beginning(text, markers)].rstrip())
