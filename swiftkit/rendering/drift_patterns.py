"""The cause of a difference, read in the two texts around it and in the conversation."""

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from swiftkit.errors import DataError
from swiftkit.json_text import decode_or_none
from swiftkit.rendering.neutral_messages import REASONING
from swiftkit.rendering.render_request import RenderRequest
from swiftkit.toolcall import reasoning
from swiftkit.toolcall.alternatives import any_of

_SAME = 16  # characters after which two texts are taken to agree again
_FARTHEST = 4000  # characters of a difference; a longer one reaches to the end
_MONTH = "[A-Z][a-z]{2,8}"
DATE = re.compile(
    r"\d{4}-\d\d?-\d\d?|\d{4}年\d\d?月\d\d?日"
    rf"|\d\d? {_MONTH} \d{{4}}|{_MONTH} \d\d?, \d{{4}}"
)
_EMPTY_REASONING = re.compile(
    rf"\s*(?:{any_of(reasoning.TAGS)})?\s*(?:{any_of(reasoning.CLOSING_TAGS)})\s*"
)
_EMPTY_BLOCK = re.compile(
    rf"(?:{any_of(reasoning.TAGS)})\s*(?:{any_of(reasoning.CLOSING_TAGS)})\s*"
)
_EFFORT = re.compile(r"(?i)effort|budget")
_TOKEN = re.compile(r"<[^<>\s]{1,40}>|\[/?[A-Z_]{2,20}\]")
_ID = re.compile(r"[\w.:-]+")
_MADE_UP_ID = re.compile(r"(?:call|chatcmpl|functions|toolu)[\w.:-]*\d[\w.:-]*|(?=.*\d)\w{9}")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\/")
_PYTHON_WORDS = {"True": "true", "False": "false", "None": "null"}
_NULL = re.compile(r'(?:, )?"\w+": ?(?:null|None)|\bnull\b|\bNone\b')


def common_prefix(one: str, other: str) -> int:
    """Return how many characters two texts share from the beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # comparing slices is a hundred times as fast as comparing characters
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


@dataclass(frozen=True)
class Hunk:
    """The first difference of two texts: expected[place:expected_end], actual[place:actual_end]."""

    expected: str
    actual: str
    place: int
    expected_end: int
    actual_end: int

    @property
    def removed(self) -> str:
        return self.expected[self.place : self.expected_end]

    @property
    def added(self) -> str:
        return self.actual[self.place : self.actual_end]

    @property
    def before(self) -> str:
        return self.expected[: self.place]

    @property
    def after(self) -> str:
        return self.expected[self.expected_end :]

    @property
    def is_blank(self) -> bool:
        return not self.removed.strip() and not self.added.strip()

    def whole_tokens(self) -> "Hunk":
        """Return the difference with the whole of a control token that it cuts: <|im_end|>."""
        place, expected_end, actual_end = self.place, self.expected_end, self.actual_end
        if opened := re.search(r"<[^<>\s]*\Z", self.before[-40:]):
            place -= len(opened[0])
        hunk = Hunk(self.expected, self.actual, place, expected_end, actual_end)
        is_open = re.search(r"<[^<>\s]*\Z", hunk.removed) or re.search(r"<[^<>\s]*\Z", hunk.added)
        closed = re.match(r"[^<>\s]{0,40}>", self.after) if is_open else None
        ends = len(closed[0]) if closed else 0
        return Hunk(self.expected, self.actual, place, expected_end + ends, actual_end + ends)

    def whole_words(self) -> tuple[str, str]:
        """Return both sides with the whole words that they cut."""
        left = re.search(r"\S*\Z", self.before)
        right = re.match(r"\S*", self.after)
        start, end = left[0] if left else "", right[0] if right else ""
        return start + self.removed + end, start + self.added + end

    def cut_words(self) -> tuple[str, str]:
        """Return both sides with the letters of a word that the difference cuts."""
        sides = self.removed, self.added
        left = right = ""
        if any(re.match(r"\w", side) for side in sides):
            left = (re.findall(r"\w+\Z", self.before[-40:]) or [""])[0]
        if any(re.search(r"\w\Z", side) for side in sides):
            right = (re.findall(r"\A\w+", self.after[:40]) or [""])[0]
        return left + sides[0] + right, left + sides[1] + right

    def lines(self) -> tuple[str, str]:
        """Return the line of each side that the difference begins in."""
        start = self.before.rfind("\n") + 1
        sides = []
        for text in (self.expected, self.actual):
            end = text.find("\n", self.place)
            sides.append(text[start : end if end >= 0 else len(text)])
        return sides[0], sides[1]


def first_hunk(expected: str, actual: str, place: int) -> Hunk:
    """Return the difference that begins at a place, up to where the texts agree again."""
    best = len(expected) - place, len(actual) - place
    for skipped in range(min(len(expected) - place, _FARTHEST) + 1):
        if skipped >= sum(best):
            break
        start = place + skipped
        piece = expected[start : start + _SAME]
        if len(piece) == _SAME:
            found = actual.find(piece, place, place + sum(best) - skipped + _SAME)
        else:
            found = len(actual) - len(piece) if actual.endswith(piece) else -1
        if found >= place and skipped + found - place < sum(best):
            best = skipped, found - place
    return Hunk(expected, actual, place, place + best[0], place + best[1])


@dataclass(frozen=True)
class RowFacts:
    """What a conversation holds, and where it stands in its text."""

    request: RenderRequest
    text: str

    @cached_property
    def first_question(self) -> int:
        """The place of the first user's text."""
        for message in self.request.messages:
            if message["role"] == "user":
                return max(self.text.find(message["content"].strip()[:40]), 0)
        return 0

    @cached_property
    def tools_region(self) -> tuple[int, int]:
        """Where the tools stand; (0, 0) without."""
        if not self.request.tools:
            return 0, 0
        try:
            without = replace(self.request, tools=None).text()
        except DataError:
            return 0, self.first_question
        start = common_prefix(self.text, without)
        same = common_prefix(self.text[start:][::-1], without[start:][::-1])
        return start, len(self.text) - same

    @property
    def has_system(self) -> bool:
        return any(message["role"] == "system" for message in self.request.messages)

    @property
    def stops(self) -> tuple[str, ...]:
        return self.request.template.stop_tokens

    def calls(self) -> Iterator[dict[str, Any]]:
        for message in self.request.messages:
            yield from message.get("tool_calls", ())

    def call_names(self) -> set[str]:
        return {call["function"]["name"] for call in self.calls()}

    def call_ids(self) -> set[str]:
        ids = {str(call.get("id", "")) for call in self.calls()}
        return ids | {str(each.get("tool_call_id", "")) for each in self.request.messages}

    def tool_names(self) -> list[str]:
        functions = [tool.get("function", tool) for tool in self.request.tools or ()]
        return [str(function.get("name")) for function in functions]

    def has_text(self, text: str) -> bool:
        """Return True if a message holds these words."""
        for message in self.request.messages:
            if text in str(message.get("content")) or text in str(message.get(REASONING)):
                return True
        return any(text in str(call["function"]["arguments"]) for call in self.calls())

    def system_text(self) -> str:
        parts = [each["content"] for each in self.request.messages if each["role"] == "system"]
        return "\n".join(parts)


def sure_cause(hunk: Hunk, facts: RowFacts) -> str:
    """Return the cause that the difference itself shows; "" where it shows none."""
    for find in (_bos, _date, _call_ids, _json_values, _ends, _empty_reasoning, _blank):
        if cause := find(hunk, facts):
            return cause
    return ""


def likely_cause(hunk: Hunk, facts: RowFacts) -> str:
    """Return the cause that the difference's words and place tell of; "other" without."""
    for find in (_reasoning, _effort, _before_question, _calls):
        if cause := find(hunk, facts):
            return cause
    for words in hunk.cut_words():
        for word in _TOKEN.sub(" ", words).split():
            if facts.has_text(word):
                return "other"
    return "spacing" if hunk.is_blank else "changed_template"


def _reasoning(hunk: Hunk, facts: RowFacts) -> str:
    for message in facts.request.messages:
        thought = str(message.get(REASONING) or "").strip()[:40]
        if thought and (thought in hunk.removed) != (thought in hunk.added):
            return "dropped_reasoning"
    return "reasoning_form" if re.search(reasoning.ANY_TAG, "".join(hunk.whole_words())) else ""


def _effort(hunk: Hunk, facts: RowFacts) -> str:  # noqa: ARG001 (as its neighbours)
    return "effort_text" if _EFFORT.search(hunk.removed + hunk.added) else ""


def _before_question(hunk: Hunk, facts: RowFacts) -> str:
    """Return the cause of a difference in the system's turn, or in the tools."""
    start, end = facts.tools_region
    is_before = hunk.place < facts.first_question
    if end and (start <= hunk.place <= end or is_before):
        return _cause_of_tools(hunk, facts)
    if not is_before:
        return ""
    if facts.has_system:
        first_line = hunk.removed.partition("\n")[0].strip()
        return "system_prompt" if facts.has_text(first_line) else ""
    return "default_system_prompt" if len((hunk.removed + hunk.added).split()) > 1 else ""


def _calls(hunk: Hunk, facts: RowFacts) -> str:
    for name in facts.call_names():
        if (name in hunk.removed) != (name in hunk.added):
            return "dropped_calls"
    return ""


def _cause_of_tools(hunk: Hunk, facts: RowFacts) -> str:
    question = ""
    for message in facts.request.messages:
        if message["role"] == "user":
            question = message["content"].strip()[:40]
            break
    for name in facts.tool_names():
        here, there = hunk.expected.find(name), hunk.actual.find(name)
        asked = hunk.expected.find(question), hunk.actual.find(question)
        if min(here, there, *asked) >= 0 and (here < asked[0]) != (there < asked[1]):
            return "tools_place"
    system = facts.system_text().strip()
    if system and hunk.removed.strip() and hunk.removed.strip() in system:
        return "system_prompt"
    return "tools_block"


def _bos(hunk: Hunk, facts: RowFacts) -> str:
    if hunk.place > 60:
        return ""
    bos = facts.request.template.special_tokens.get("bos_token", "")
    if not bos:
        first = _TOKEN.match(hunk.actual)
        bos = first[0] if first and first[0] not in facts.stops else "\0"
        if hunk.actual.startswith(bos * 2):
            return "bos_twice"
        is_same = hunk.actual.startswith(bos + hunk.expected[: 2 * _SAME])
        return "bos_added" if is_same else ""
    if hunk.actual.startswith(bos * 2) and not hunk.expected.startswith(bos * 2):
        return "bos_twice"
    if hunk.expected.startswith(bos) != hunk.actual.startswith(bos):
        return "bos_missing" if hunk.expected.startswith(bos) else "bos_added"
    return ""


def _date(hunk: Hunk, facts: RowFacts) -> str:
    dates = []
    for text in (hunk.expected, hunk.actual):
        for found in DATE.finditer(text, max(hunk.place - 20, 0), hunk.place + 40):
            if found.start() <= hunk.place <= found.end():
                dates.append(found)
                break
    if len(dates) == 2 and dates[0].start() == dates[1].start():
        return "" if facts.has_text(dates[0][0]) else "date"
    return ""


def _call_ids(hunk: Hunk, facts: RowFacts) -> str:
    start = hunk.place
    while start and _ID.fullmatch(hunk.expected[start - 1]):
        start -= 1
    one, other = _ID.match(hunk.expected, start), _ID.match(hunk.actual, start)
    if not one or not other:
        return ""
    ids = facts.call_ids() - {""}
    if one[0] in ids or other[0] in ids:
        return "call_ids"
    if facts.has_text(one[0]) or facts.has_text(other[0]):
        return ""
    is_id = _MADE_UP_ID.fullmatch(one[0]) and _MADE_UP_ID.fullmatch(other[0])
    return "call_ids" if is_id else ""


def _json_values(hunk: Hunk, facts: RowFacts) -> str:  # noqa: ARG001 (as its neighbours)
    one, other = hunk.whole_words()
    if _lower_words(one) == _lower_words(other):
        return "booleans"
    if _unescaped(one) == _unescaped(other):
        return "json_escaping"
    is_same = _NULL.sub("", one).split() == _NULL.sub("", other).split()
    if is_same and not hunk.is_blank:
        return "null_printed"
    lines = hunk.lines()
    values = [decode_or_none(line.strip().rstrip(",").encode("utf-8", "replace")) for line in lines]
    if values[0] is None or values[0] != values[1]:
        return ""
    is_spacing = "".join(lines[0].split()) == "".join(lines[1].split())
    return "json_spacing" if is_spacing else "tools_order"


def _ends(hunk: Hunk, facts: RowFacts) -> str:
    if hunk.is_blank:
        return ""
    whole = hunk.whole_tokens()
    removed, added = whole.removed.strip(), whole.added.strip()
    stops = {*facts.stops, facts.request.template.special_tokens.get("eos_token", "")} - {""}
    if not removed and not hunk.after and added == facts.request.missing_end:
        return "added_end"
    tokens = [_TOKEN.fullmatch(side) is not None or side in stops for side in (removed, added)]
    if removed in stops and (not added or tokens[1]):
        return "end_token"
    if added in stops and (not removed or tokens[0]):
        return "end_token"
    only_stops = re.compile(rf"(?:\s|{any_of(stops)})*") if stops else None
    both_end = only_stops and only_stops.fullmatch(removed) and only_stops.fullmatch(added)
    return "end_token" if both_end else ""


def _empty_reasoning(hunk: Hunk, facts: RowFacts) -> str:  # noqa: ARG001 (as its neighbours)
    if hunk.is_blank or (hunk.removed.strip() and hunk.added.strip()):
        return ""
    text, place = (hunk.expected, hunk.place) if hunk.removed.strip() else (hunk.actual, hunk.place)
    length = max(len(hunk.removed), len(hunk.added))
    # the same block may begin some characters before, where what stands there is like its end
    for start in range(place, max(place - 12, -1), -1):
        if _EMPTY_REASONING.fullmatch(text[start : start + length]):
            return "empty_think"
        if start and text[start - 1] != text[start - 1 + length : start + length]:
            break
    return ""


def _blank(hunk: Hunk, facts: RowFacts) -> str:
    """Return the cause of a difference in nothing but white space, by its neighbours."""
    if not hunk.is_blank:
        return ""
    before, after = hunk.before.rstrip(), hunk.after.lstrip()
    around, middle = before[-60:] + " " + after[:60], len(before[-60:])
    for block in _EMPTY_BLOCK.finditer(around):
        if block.start() <= middle < block.end():
            return "empty_think"
    if before.endswith(facts.stops or ("\0",)):
        return "line_break_after_end"
    if _begins_with_call(after, facts):
        return "line_break_before_call"
    tags = (*reasoning.TAGS, *reasoning.CLOSING_TAGS)
    if before.endswith(tags) or after.startswith(tags):
        return "reasoning_form"
    line = hunk.lines()[0]
    if '"' in line and (before[-1:] in tuple('{[,:"') or after[:1] in tuple('}],:"{')):
        return "json_spacing"
    if _TOKEN.search(hunk.expected[hunk.place : facts.first_question]):
        return "system_header"
    is_at_end = "\n" not in hunk.removed + hunk.added and hunk.after[:1] in ("", "\n", "<")
    return "trailing_space" if is_at_end else "spacing"


def _begins_with_call(text: str, facts: RowFacts) -> bool:
    """Return True if markup with the name of a call begins here, in an answer."""
    places = [place for name in facts.call_names() if 0 <= (place := text.find(name)) < 120]
    if not places or text[:1] not in tuple("<[{▁✿"):
        return False
    markup = text[: min(places)]
    return not any(stop in markup for stop in facts.stops)


def _lower_words(text: str) -> str:
    return re.sub(r"\b(?:True|False|None)\b", lambda word: _PYTHON_WORDS[word[0]], text)


def _unescaped(text: str) -> str:
    text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else "/", text)
    return html.unescape(text)


def _without_breaks_after_ends(text: str, stops: Sequence[str]) -> str:
    return re.sub(rf"({any_of(stops)})\s+", r"\1", text) if stops else text


def _without_json_spaces(text: str, _: Sequence[str]) -> str:
    return re.sub(r'(?<=[{\[,:])\s+(?=[\w"{\[\]}-])|(?<=["\w}\]])\s+(?=[}\],:])', "", text)


# what takes a difference out everywhere in a text; given the stop tokens too
NORMAL_FORMS: dict[str, Callable[[str, Sequence[str]], str]] = {
    "json_spacing": _without_json_spaces,
    "json_escaping": lambda text, _: _unescaped(text),
    "booleans": lambda text, _: _lower_words(text),
    "line_break_after_end": _without_breaks_after_ends,
}
