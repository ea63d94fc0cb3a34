"""Split an answer, as it grows, into reasoning, content and calls.

The format's own reader has the last word: `close` reads the whole answer with it and gives what has
not gone out. Before that, text goes out as soon as no markup can begin in it: reasoning up to its
closing tag, content up to the first mark of the format. From there on all is held, but for the
calls that growing_calls.py sees.

An answer whose calls cannot be read is content, raw, as the model wrote it. In a stream that is
what had not gone out. Where a call had begun, its arguments end with that text, so that nobody
takes it for a call.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from swiftkit.json_text import skip_space
from swiftkit.serving.growing_calls import GrowingCalls
from swiftkit.serving.marks import Marks
from swiftkit.serving.output_part import OutputCall, OutputPart
from swiftkit.serving.trimmed_text import TrimmedText
from swiftkit.toolcall.call import Parsed
from swiftkit.toolcall.reasoning import ANSWER_TAGS, CLOSING_TAGS, OPENING, TAGS
from swiftkit.toolcall.scanners.endings import STOPS
from swiftkit.toolcall.wire_format import Signs

_OPENINGS = Marks(TAGS)
_ANSWERS = Marks(ANSWER_TAGS)
_CLOSINGS = {closing: Marks([closing]) for closing in CLOSING_TAGS}
# behind arguments that are complete, of a call that is not: what follows them may be half a call,
# which the bracket that closes this one would close too
CUT = "…"


class ReadingRules(NamedTuple):
    """How much of a format's answers can be read before they are complete.

    marks: those that end the content, the tags of reasoning too; in_answer: the same inside tags
        of the answer, by its opening tag. passed: those left out of the content.
    held: see WholeAnswer. With it, reasoning stands at the answer's beginning alone.
    is_opaque: nothing goes out before the answer is complete.
    """

    marks: Marks
    in_answer: Mapping[str, Marks] = {}
    passed: Sequence[str] = ()
    held: re.Pattern[str] | None = None
    is_opaque: bool = False


def reading_rules(signs: Signs) -> ReadingRules:
    """Return the rules for a format with these signs."""
    marks = [*signs.opening, *signs.closing, *(signs.marks or ()), *signs.passed]
    marks += [*TAGS, *CLOSING_TAGS]
    held = signs.whole.held if signs.whole else None
    if held:
        marks += STOPS
    in_answer = {}
    for opening, closing in ANSWER_TAGS.items():
        if opening not in signs.passed:
            in_answer[opening] = Marks([*marks, closing])
    return ReadingRules(Marks(marks), in_answer, signs.passed, held, signs.marks is None)


class AnswerReader:
    """Reads an answer in one format; without streaming, calls go out at the end alone.

    The steps: _begin (tags of the answer; may it be calls?), _open and _think (reasoning), _say
    (content), _hold (calls). A step takes text and notes what goes out; it needs more unless it has
    set the next step.
    """

    def __init__(
        self, parse: Callable[[str], Parsed], rules: ReadingRules, calls: GrowingCalls
    ) -> None:
        self.malformed = self.ends_in_reasoning = False
        self.is_stream = True
        self._parse, self._rules, self._calls = parse, rules, calls
        self._marks = rules.marks
        self._raw: list[str] = []  # the whole answer
        self._text, self._position = "", 0  # what the steps have not taken begins there
        self._held: list[str] = []  # what _hold has taken
        self._answer_opening = ""  # the tag that the answer stands in
        self._opening = self._closing = ""  # the tags of the reasoning that has begun
        self._reasoning, self._content = TrimmedText(), TrimmedText()
        self._out_reasoning: list[str] = []
        self._out_content: list[str] = []
        self._out_calls: list[OutputCall] = []
        self._step: Callable[[], None] = self._first_step()

    def feed(self, text: str) -> OutputPart:
        self._raw.append(text)
        self._text = self._text[self._position :] + text
        self._position = 0
        step = None
        while step != self._step:
            step = self._step
            step()
        part = OutputPart(
            "".join(self._out_reasoning), "".join(self._out_content), tuple(self._out_calls)
        )
        self._out_reasoning, self._out_content, self._out_calls = [], [], []
        return part

    def close(self, calls: Sequence[OutputCall] = ()) -> OutputPart:  # noqa: ARG002  # we read them
        """Return what has not gone out, now that the answer is complete."""
        raw = "".join(self._raw)
        parsed = self._parse(raw)
        reasoning = _rest(parsed.reasoning, self._reasoning.sent()) or ""
        more_calls = self._calls.sent.rest(parsed.calls)
        self.malformed = bool(parsed.malformed) or more_calls is None
        self.ends_in_reasoning = self._is_thinking()
        if self.ends_in_reasoning:
            # behind content, its tag says there that the answer does not end with that content
            tag = self._content.add(self._opening) if self._content.has_begun() else ""
            return OutputPart(reasoning, tag)
        if self.malformed:
            return self._unreadable_rest()
        content = self._content_rest(raw, parsed.content)
        if content is None:  # it was reasoning that nothing had opened; a closing tag tells
            reasoning, content = "", self._unread()
            if parsed.calls:
                is_sent = self._content.sent().startswith(parsed.content)  # but for stop tokens
                content = "" if is_sent else parsed.content
        return OutputPart(reasoning, content, more_calls or ())

    def _first_step(self) -> Callable[[], None]:
        return self._hold if self._rules.is_opaque else self._begin

    def _is_thinking(self) -> bool:
        return self._step in (self._open, self._think)

    def _unread(self) -> str:
        """Return the text that has not gone out, raw."""
        text = self._content.space() + "".join(self._held) + self._text[self._position :]
        return text.lstrip() if self._content.skips_space else text

    def _unsent(self) -> str:
        """Return the text behind what has gone out of the last call, raw."""
        return self._calls.unsent()

    def _unreadable_rest(self) -> OutputPart:
        if not self._calls.sent:
            # The tag before it belongs to what cannot be read: a keyword behind it begins no line.
            # Where an answer is calls throughout, it is read without.
            is_part = not self._content.has_begun() and not self._rules.held
            tag = self._answer_opening if is_part else ""
            return OutputPart(content=tag + self._unread())
        rest = self._unsent()
        if self._calls.sent.is_complete():
            rest = rest.rstrip() + CUT
        return OutputPart(calls=(OutputCall("", rest),) if rest else ())

    def _content_rest(self, raw: str, content: str) -> str | None:
        """Return what is missing of the content; None where other text has gone out."""
        sent = self._content.sent()
        if content == raw.strip():  # nothing but content, which stays as it stands
            return raw[len(sent) :]
        rest = _rest(content, sent)
        return _rest(content, sent.lstrip()) if rest is None else rest

    def _begin(self) -> None:
        text, start = self._text, skip_space(self._text, self._position)
        self._content.add(text[self._position : start])
        self._position = start
        if (
            start == len(text)
            or _OPENINGS.may_begin(text, start)
            or _ANSWERS.may_begin(text, start)
        ):
            return
        held = self._rules.held.match(text, start) if self._rules.held else None
        opening = OPENING.match(text, start) if self._rules.held and not self._closing else None
        if opening:
            self._begin_thought(opening)
            self._step = self._think
        elif answer := self._answer_tag():
            self._content.skip_markup()
            self._answer_opening = answer
            self._position += len(answer)
            self._marks = self._rules.in_answer[answer]
            self._begin()
        elif not held:
            self._step = self._say
        elif held.end() < len(text):
            self._step = self._hold

    def _answer_tag(self) -> str:
        """Return the tag that opens the answer here, or ""; see reasoning.without_answer_tags."""
        if self._marks is not self._rules.marks:  # it stands before
            return ""
        for tag in self._rules.in_answer:
            is_token = tag.startswith("<|") and not self._rules.held
            if self._text.startswith(tag, self._position) and (self._closing or is_token):
                return tag
        return ""

    def _open(self) -> None:
        """Skip a second tag, which models write where the prompt has the first."""
        self._position = skip_space(self._text, self._position)
        if self._position == len(self._text) or _OPENINGS.may_begin(self._text, self._position):
            return
        if second := OPENING.match(self._text, self._position):
            self._position = second.end()
        self._step = self._think

    def _think(self) -> None:
        closing = _CLOSINGS[self._closing]
        tag = closing.search(self._text, self._position)
        end = tag.start() if tag else closing.sure_end(self._text, self._position)
        self._out_reasoning.append(self._reasoning.add(self._text[self._position : end]))
        self._position = end
        if tag:
            self._position = tag.end()
            self._step = self._say if self._content.has_begun() else self._begin

    def _say(self) -> None:
        while True:
            mark = self._marks.search(self._text, self._position)
            end = mark.start() if mark else self._marks.sure_end(self._text, self._position)
            self._out_content.append(self._content.add(self._text[self._position : end]))
            self._position = end
            if not mark:
                return
            if mark[0] not in self._rules.passed:
                break
            self._content.skip_markup()
            self._position = mark.end()
        if mark[0] in TAGS and not self._rules.held:
            self._begin_thought(mark)
            self._step = self._open
        else:
            self._step = self._hold

    def _hold(self) -> None:
        text = self._text[self._position :]
        self._position = len(self._text)
        self._held.append(text)
        if self.is_stream:
            self._out_calls += self._calls.feed(text)

    def _begin_thought(self, opening: re.Match[str]) -> None:
        self._content.skip_markup()
        self._reasoning.begin_part("\n")
        self._opening, self._closing = opening[0], TAGS[opening[0]]
        self._position = opening.end()


class SwiftCallsReader(AnswerReader):
    """Reads an answer in a format that is not known here: ms-swift's own agent template reads the
    calls, and they take the place of all that was held."""

    def close(self, calls: Sequence[OutputCall] = ()) -> OutputPart:
        return OutputPart(calls=tuple(calls)) if calls else super().close()


def _rest(whole: str, sent: str) -> str | None:
    return whole[len(sent) :] if whole.startswith(sent) else None
