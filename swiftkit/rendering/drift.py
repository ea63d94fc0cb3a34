"""Where two texts of one conversation part, and why.

The expected text is rendered again with one thing changed: without reasoning, without the system
prompt, with another date, with thinking off, ... If the difference goes away, that was its cause.
Where nothing helps, the cause is read in the two texts (drift_patterns.py). Then the difference is
taken out, and the next one is looked for.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from swiftkit.errors import DataError
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.drift_patterns import (
    DATE,
    NORMAL_FORMS,
    Hunk,
    RowFacts,
    common_prefix,
    first_hunk,
    likely_cause,
    sure_cause,
)
from swiftkit.rendering.neutral_messages import REASONING, Message
from swiftkit.rendering.render_request import RenderRequest
from swiftkit.rendering.served_tools import tools_as_served
from swiftkit.terminal import printable

_MOST_CAUSES = 12  # of one text
_AROUND = 60  # characters on either side of a difference that are shown
_TOKENS_AROUND = 8
_MARK = "▶"
_VISIBLE = str.maketrans({"\n": "⏎", "\t": "⇥", "\r": "␍"})
_UNKNOWN_DATE = datetime(2001, 2, 3)
_DATE_FORMS = ("%Y-%m-%d", "%d %b %Y", "%d %B %Y", "%B %d, %Y", "%b %d, %Y")
_VALUES = (True, False, "low", "medium", "high", "max", "none")
_NO_SETTINGS = {"messages", "tools", "add_generation_prompt", "documents", "strftime_now"}
_SAME_LENGTH = ("tools_order", "date", "other_setting")  # hardly change the number of tokens
_SYSTEM_MARK = "\U000ffffc"


@dataclass(frozen=True)
class Drift:
    """The first difference of two texts: the cause's name, the line (from 1), and both lines.

    `causes` are those of all differences that were found, the first one first.
    """

    cause: str
    line: int
    expected: str
    actual: str
    causes: tuple[str, ...]

    @classmethod
    def told(cls, cause: str, expected: str, actual: str, more: Sequence[str] = ()) -> "Drift":
        """Return a difference that is not one of two texts; each side is a sentence."""
        return cls(cause, 1, expected, actual, (cause, *more))


def find_drift(
    request: RenderRequest, actual: str, others: Sequence[ChatTemplate] = ()
) -> Drift | None:
    """Return how a text differs from the rendering of a request; None where they are equal.

    `others` are templates that may have been taken in place of the request's own. Raises DataError
    where the template refuses the request.
    """
    expected = request.text()
    if expected == actual:
        return None
    place = common_prefix(expected, actual)
    search = _Search(request, expected, actual, others)
    causes: list[str] = []
    while search.expected != search.actual and len(causes) < _MOST_CAUSES:
        causes.append(search.next_cause())
    line = expected.count("\n", 0, place) + 1
    shown = _shown(expected, place), _shown(actual, place)
    return Drift(causes[0], line, *shown, tuple(causes))


def find_id_drift(
    expected: Sequence[int], actual: Sequence[int], decode: Callable[[Sequence[int]], str]
) -> tuple[int, str, str] | None:
    """Return the first place where ids differ, and the text around it on both sides."""
    expected, actual = list(expected), list(actual)
    if expected == actual:
        return None
    place = 0
    while expected[place : place + 1] == actual[place : place + 1]:
        place += 1
    sides = []
    for ids in (expected, actual):
        before = decode(ids[max(place - _TOKENS_AROUND, 0) : place])
        after = decode(ids[place : place + _TOKENS_AROUND])
        sides.append(_visible(before) + _MARK + _visible(after))
    return place, sides[0], sides[1]


def cause_of_count(request: RenderRequest, count: Callable[[str], int], actual: int) -> str:
    """Return the one cause that would make a text of so many tokens; "other" without, or with more.

    A server that tells nothing but the number of its prompt's tokens can be asked no better.
    """
    found = set()
    for cause, changed in _variations(request, "", ""):
        text = _text_of(changed) if cause not in _SAME_LENGTH else None
        if text is not None and count(text) == actual:
            found.add(cause)
    bos = request.template.special_tokens.get("bos_token", "")
    if bos and count(bos + request.text()) == actual:
        found.add("bos_twice")
    return found.pop() if len(found) == 1 else "other"


class _Search:
    """Two texts, which become equal cause by cause."""

    def __init__(
        self, request: RenderRequest, expected: str, actual: str, others: Sequence[ChatTemplate]
    ) -> None:
        self.expected, self.actual = expected, actual
        self._request, self._others = request, others
        self._normal: list[str] = []  # causes whose differences are taken out everywhere

    def next_cause(self) -> str:
        """Return the cause of the first difference, and take it out."""
        place = common_prefix(self.expected, self.actual)
        near = self.actual[max(place - _AROUND, 0) : place + _AROUND]
        hunk = first_hunk(self.expected, self.actual, place)
        enough = min(len(self.actual), hunk.actual_end + 8)
        best: tuple[int, str, RenderRequest] | None = None
        for cause, request in self._changed_requests(near):
            text = self._normalized(_text_of(request) or "")
            if text == self.actual:
                return self._explained(cause, request)
            reach = common_prefix(text, self.actual) if text != self.expected else 0
            if reach > place and reach >= enough and (best is None or reach > best[0]):
                best = reach, cause, request
        facts = RowFacts(self._request, self.expected)
        cause = sure_cause(hunk, facts)
        if not cause and best:
            return self._explained(best[1], best[2])
        cause = cause or likely_cause(hunk, facts)
        return self._mended(cause, hunk)

    def _changed_requests(self, near: str) -> Iterator[tuple[str, RenderRequest]]:
        yield from _variations(self._request, self.actual, near)
        for template in self._others:
            yield "changed_template", replace(self._request, template=template)

    def _explained(self, cause: str, request: RenderRequest) -> str:
        self._request = request
        self.expected = self._normalized(request.text())
        return cause

    def _mended(self, cause: str, hunk: Hunk) -> str:
        if cause in NORMAL_FORMS and cause not in self._normal:
            self._normal.append(cause)
            self.expected = self._normalized(self.expected)
            self.actual = self._normalized(self.actual)
        else:
            rest = self.actual[hunk.actual_end :]
            self.actual = self.actual[: hunk.place] + hunk.removed + rest
        return cause

    def _normalized(self, text: str) -> str:
        for cause in self._normal:
            text = NORMAL_FORMS[cause](text, self._request.template.stop_tokens)
        return text


def _text_of(request: RenderRequest) -> str | None:
    try:
        return request.text()
    except DataError:
        return None


def _variations(
    request: RenderRequest, actual: str, near: str
) -> Iterator[tuple[str, RenderRequest]]:
    """Yield requests with one thing changed, and the name of that change."""
    yield "generation_prompt", replace(request, is_prompt=not request.is_prompt)
    yield from _with_other_settings(request)
    for messages in _without(request.messages, REASONING):
        yield "dropped_reasoning", replace(request, messages=messages)
    for messages in _without(request.messages, "tool_calls"):
        yield "dropped_calls", replace(request, messages=messages)
    if request.tools:
        yield from _with_other_tools(request)
    yield from _with_other_system(request, actual)
    yield from _with_other_date(request, near)


def _with_other_settings(request: RenderRequest) -> Iterator[tuple[str, RenderRequest]]:
    read = request.template.variables(request.tools) - _NO_SETTINGS
    read -= request.template.special_tokens.keys()
    for name in sorted(read):
        if name.endswith("_token"):
            continue
        cause = _cause_of_setting(name)
        for value in _VALUES:
            is_other = request.settings.get(name, _VALUES) != value
            if is_other and (isinstance(value, bool) or cause == "effort_text"):
                yield cause, replace(request, settings={**request.settings, name: value})
        if name in request.settings:
            left = {key: value for key, value in request.settings.items() if key != name}
            yield cause, replace(request, settings=left)


def _cause_of_setting(name: str) -> str:
    if "effort" in name or "budget" in name:
        return "effort_text"
    if any(word in name for word in ("preserve", "clear", "keep", "history")):
        return "dropped_reasoning"
    if "think" in name or "reason" in name:
        return "thinking_switch"
    return "tools_place" if "tool" in name else "other_setting"


def _without(messages: Sequence[Message], key: str) -> Iterator[list[Message]]:
    """Yield the messages without a key: in none, up to the last question, in one of them alone."""
    having = [index for index, message in enumerate(messages) if key in message]
    if not having:
        return
    questions = [index for index, message in enumerate(messages) if message["role"] == "user"]
    last = questions[-1] if questions else 0
    choices = [having, [index for index in having if index < last]]
    if len(having) <= 8:
        choices += [[index] for index in having]
    for chosen in choices:
        if chosen:
            yield [_left(each, key, index in chosen) for index, each in enumerate(messages)]


def _left(message: Message, key: str, is_chosen: bool) -> Message:
    if not is_chosen:
        return message
    return {name: value for name, value in message.items() if name != key}


def _with_other_tools(request: RenderRequest) -> Iterator[tuple[str, RenderRequest]]:
    tools = list(request.tools or ())
    yield "tools_block", replace(request, tools=None)
    yield "tools_order", replace(request, tools=json.loads(json.dumps(tools, sort_keys=True)))
    try:
        served = tools_as_served(tools) or []
    except DataError:
        return
    has_null = json.dumps(served).count("null") > json.dumps(tools).count("null")
    yield "null_printed" if has_null else "tools_order", replace(request, tools=served)
    if len(tools) > 1:
        yield "tools_order", replace(request, tools=tools[::-1])
        by_name = sorted(tools, key=lambda tool: str(tool.get("function", tool).get("name")))
        yield "tools_order", replace(request, tools=by_name)


def _with_other_system(request: RenderRequest, actual: str) -> Iterator[tuple[str, RenderRequest]]:
    """Yield the request without its system prompt, and with the one that the other text has."""
    messages = list(request.messages)
    has_system = bool(messages) and messages[0]["role"] == "system"
    rest = messages[1:] if has_system else messages
    cause = "system_prompt" if has_system else "default_system_prompt"
    if has_system:
        yield cause, replace(request, messages=rest)
    marked = [{"role": "system", "content": _SYSTEM_MARK}, *rest]
    text = _text_of(replace(request, messages=marked)) or ""
    before, _, after = text.partition(_SYSTEM_MARK)
    start = actual.find(before[-24:])
    if not after or start < 0:
        return
    start += len(before[-24:])
    end = actual.find(after[:24], start)
    there = actual[start : max(end, start)]
    own = messages[0]["content"] if has_system else ""
    if there.strip() != own.strip():  # white space around it is no other prompt
        system = {"role": "system", "content": there}
        yield cause, replace(request, messages=[system, *rest])


def _with_other_date(request: RenderRequest, near: str) -> Iterator[tuple[str, RenderRequest]]:
    for found in DATE.finditer(near):
        yield "date", replace(request, settings={**request.settings, "date_string": found[0]})
        for form in _DATE_FORMS:
            try:
                now = datetime.strptime(found[0], form)
            except ValueError:
                continue
            yield "date", replace(request, template=replace(request.template, now=now))


def _shown(text: str, place: int) -> str:
    """Return the text around a place on one line, the place marked, control characters visible."""
    start, end = max(place - _AROUND, 0), place + _AROUND
    before = ("…" if start else "") + _visible(text[start:place])
    return before + _MARK + _visible(text[place:end]) + ("…" if end < len(text) else "")


def _visible(text: str) -> str:
    return printable(text.translate(_VISIBLE))
