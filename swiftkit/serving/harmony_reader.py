"""Split an answer of gpt-oss, as it grows, into what its channels hold.

Special tokens part the messages. An answer without them, and one whose header cannot be read, is
held to its end (toolcall/harmony/answer.py reads it then).
"""

from collections.abc import Callable

from swiftkit.json_text import skip_space
from swiftkit.serving.answer_reader import AnswerReader, ReadingRules
from swiftkit.serving.growing_calls import GrowingCalls
from swiftkit.serving.marks import Marks
from swiftkit.serving.partial_arguments import PartialArguments
from swiftkit.toolcall.call import Parsed
from swiftkit.toolcall.harmony import answer as harmony
from swiftkit.toolcall.harmony.header import FUNCTIONS

_LONGEST_HEADER = 2000
_TOKENS = Marks(harmony.TOKENS)


class HarmonyReader(AnswerReader):
    """Reads the messages one by one; a call is malformed where no tools were offered.

    The steps: _read_header, _say (a message's text), _take (a call's arguments), _end_call, _hold.
    """

    def __init__(self, has_tools: bool) -> None:
        self._has_tools, self._is_first = has_tools, True
        self._channel = ""  # of the message whose text is read
        self._separator = ""  # goes out before its first piece
        self._name, self._arguments = "", PartialArguments()  # of the call that is read
        super().__init__(self._read_whole, ReadingRules(_TOKENS), GrowingCalls())

    def _read_whole(self, text: str) -> Parsed:
        parsed = harmony.parse(text)
        if self._has_tools or not parsed.calls:
            return parsed
        return Parsed([], parsed.content, "a call of no tool", parsed.reasoning)

    def _first_step(self) -> Callable[[], None]:
        return self._read_header

    def _is_thinking(self) -> bool:
        if self._step == self._say:
            return self._channel == "analysis"
        if self._content.has_begun() or self._calls.sent or not self._reasoning.has_begun():
            return False
        # half a header behind reasoning says nothing either
        header = self._unread().strip()
        is_cut = header.startswith(harmony.START) or harmony.START.startswith(header)
        return self._step == self._read_header and bool(header) and is_cut

    def _unsent(self) -> str:
        return self._unread()

    def _read_header(self) -> None:
        start = self._position
        body = self._text.find(harmony.MESSAGE, start) + len(harmony.MESSAGE)
        if body < len(harmony.MESSAGE):
            if len(self._text) - start > _LONGEST_HEADER:
                self._step = self._hold
            return
        try:
            header = harmony.read_header(self._text[start:body], self._is_first)
        except ValueError:
            header = None
        self._is_first = False
        if header and header.recipient is None:
            self._position = body
            self._channel, self._opening = header.channel, self._text[start:body]
            self._separator = "\n" if header.channel == "analysis" else "\n\n"
            self._step = self._say
        elif header and self._has_tools and self.is_stream:
            self._position = body
            self._held.append(self._text[start:body])
            self._name = (header.recipient or "").removeprefix(FUNCTIONS)
            self._arguments = PartialArguments()
            self._step = self._take if header.recipient != FUNCTIONS else self._hold
        else:
            self._step = self._hold

    def _say(self) -> None:
        token = _TOKENS.search(self._text, self._position)
        end = token.start() if token else _TOKENS.sure_end(self._text, self._position)
        piece, self._position = self._text[self._position : end], end
        is_reasoning = self._channel == "analysis"
        sent = self._reasoning if is_reasoning else self._content
        if piece and sent.has_begun():
            piece = self._separator + piece
        if piece:
            self._separator = ""
            out = self._out_reasoning if is_reasoning else self._out_content
            out.append(sent.add_as_it_stands(piece))
        if token and token[0] in harmony.ENDS:
            self._position, self._step = token.end(), self._read_header
        elif token:
            self._step = self._hold

    def _take(self) -> None:
        text = self._text[self._position :]
        piece, rest = self._arguments.feed(text)
        self._position = len(self._text) - len(rest)
        if piece:
            self._out_calls.append(self._calls.sent.add(self._name, piece))
            self._name = ""
            self._held.clear()
        else:
            self._held.append(text[: len(text) - len(rest)])
        if self._arguments.has_ended:
            self._step = self._end_call
        elif not self._arguments.is_json:
            self._step = self._hold

    def _end_call(self) -> None:
        start = skip_space(self._text, self._position)
        if start == len(self._text) or _TOKENS.may_begin(self._text, start):
            return
        token = _TOKENS.search(self._text, start)
        self._step = self._hold
        if token and token.start() == start and token[0] in (*harmony.ENDS, harmony.START):
            self._position = start if token[0] == harmony.START else token.end()
            self._step = self._read_header
