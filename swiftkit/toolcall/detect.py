"""Find out in which wire format a model's answer is written, and read it.

Each format says in its SIGNS how it looks (wire_format.py); here they are only ordered. The first
rule that holds:

1. The format as whose answers alone the text begins (`prefix`, also behind reasoning without
   markup; `is_sure`). Harmony is such a one: with a call's header (` to=functions.`, also behind
   `assistant`, `analysis` or `commentary`), or with a channel's name and later another message's
   (`analysis...assistantfinal`, which a server leaves that skips special tokens). A beginning like
   `finalHello` is too weak a sign.
2. A format without marks, if the answer behind its reasoning is calls from beginning to end: JSON,
   a Python list of calls, call strings, or a name on a line with a JSON object behind it (glm4;
   where its <|observation|> is missing, a heading such as `Result`, and `json`, is no name). So
   such a call may quote any mark in its strings, and prose is no call.
3. The format whose mark comes first, reasoning passed over: so a call may quote all the others. If
   several formats have the mark, what follows it decides, as <function= behind Qwen3-Coder's
   <tool_call>, then the token that the text ends with. If words come first, and later a </think>
   whose opening was in the prompt, what stands behind it decides, if it opens a call.
4. Without marks: malformed, if it begins as JSON calls, a Python list or a call string and cannot
   be read to its end; otherwise content.

A sample that knows its format says so, and is read by that format's `parse`.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from swiftkit.toolcall import formats, wire_format
from swiftkit.toolcall.alternatives import any_of
from swiftkit.toolcall.call import Parsed
from swiftkit.toolcall.reasoning import CLOSE, CLOSING, CLOSING_TAGS, OPEN, TAGS, may_close
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.scanners.endings import without_stops
from swiftkit.toolcall.wire_format import AnswerReader, LineMark, Signs, WireFormat


def parse(text: str) -> Parsed:
    """Read a model's answer in the format that it is written in. Never raises."""
    return _detector(*formats.__path__).parse(text)


def format_of(text: str) -> str:
    """Return the name of the format whose marks decide about an answer; "" where it has none."""
    return _detector(*formats.__path__).format_of(text)


def format_read(text: str) -> str:
    """Return the name of the format in which `parse` reads an answer's calls; "" where it finds
    neither calls nor marks."""
    return _detector(*formats.__path__).format_read(text)


@cache
def _detector(*folders: str) -> "_Detector":  # noqa: ARG001 (the formats of these folders)
    return _Detector(wire_format.load_all())


@dataclass
class _MarkOwners:
    """The formats that have a mark, and how to tell which one an answer is in."""

    by_following: list[tuple[re.Pattern[str], str]] = field(default_factory=list)
    by_ending: list[tuple[str, str]] = field(default_factory=list)
    otherwise: str = ""

    def owner(self, text: str, behind: int) -> str:
        """Return the format's name, from what stands behind the mark and at the text's end."""
        for pattern, name in self.by_following:
            if pattern.match(text, behind):
                return name
        for ending, name in self.by_ending:
            if text.endswith(ending):
                return name
        return self.otherwise


class _WholeReader(NamedTuple):
    """A format without marks, by name, and how it reads an answer that is calls throughout."""

    name: str
    read: AnswerReader


class _Detector:
    """The signs of all formats, arranged so that one search finds a text's first mark."""

    def __init__(self, known: Mapping[str, WireFormat]) -> None:
        self._formats = known
        self._by_prefix: list[tuple[str, AnswerReader]] = []
        self._sure: dict[str, Callable[[str], bool]] = {}
        self._lines: list[tuple[LineMark, str]] = []
        self._strict: list[tuple[Callable[[str], object], _WholeReader, str]] = []
        self._loose: list[_WholeReader] = []
        self._owners: defaultdict[str, _MarkOwners] = defaultdict(_MarkOwners)  # by mark
        self._closing: set[str] = set()
        for name, form in known.items():
            signs = form.SIGNS
            if signs.prefix:
                self._by_prefix.append((signs.prefix, form.parse))
            if signs.is_sure:
                self._sure[name] = signs.is_sure
            if signs.line:
                self._lines.append((signs.line, name))
            if signs.whole:
                reader = _WholeReader(name, signs.whole.read)
                if signs.whole.beginning:
                    self._strict.append((signs.whole.beginning.match, reader, signs.ending))
                else:
                    self._loose.append(reader)
            self._add_marks(name, signs)
        # of a format without marks that is known by its ending: its marks stand before that, too
        self._by_ending: list[tuple[str, list[str]]] = []
        for form in known.values():
            ending = form.SIGNS.ending
            if ending and form.SIGNS.whole:
                self._by_ending.append((ending, [m for m in form.SIGNS.opening if m != ending]))
        self._endings = tuple(ending for _, _, ending in self._strict if ending)
        self._marks = re.compile(any_of([*self._owners, *TAGS, *CLOSING_TAGS]))
        self._leading_mark = re.compile(rf"\s*+({self._marks.pattern})")
        # as an answer of calls from beginning to end may begin, too
        self._ambiguous: set[str] = set()
        for begins, _, _ in self._strict:
            self._ambiguous.update(filter(begins, self._owners))

    def _add_marks(self, name: str, signs: Signs) -> None:
        for mark, follows in signs.opening.items():
            owners = self._owners[mark]
            if follows:
                owners.by_following.append((re.compile(follows), name))
                if signs.ending:
                    owners.by_ending.append((signs.ending, name))
            if not follows or not owners.otherwise:
                owners.otherwise = name
        for mark in signs.closing:
            self._owners[mark].otherwise = name
            self._closing.add(mark)

    def parse(self, text: str) -> Parsed:
        for prefix, parse_known in self._by_prefix:
            if text.startswith(prefix):  # most answers of a trained model
                return parse_known(text)
        if name := self._of_leading_mark(text) or self._of_beginning(text):
            return self._formats[name].parse(text)
        if CLOSE in text and (parsed := self._behind_plain_reasoning(text)):
            return parsed
        whole = blocks.read_whole(text, self._read_whole)
        if whole.calls:
            return whole
        if name := self._of_marks(text):
            return self._formats[name].parse(text)
        return whole if whole.malformed else blocks.read_content(text)

    def format_of(self, text: str) -> str:
        return self._of_beginning(text) or self._of_marks(text)

    def format_read(self, text: str) -> str:
        if name := self._of_beginning(text):
            return name
        readers: list[str] = []

        def read_and_note(answer: str) -> Parsed:
            for name, read in self._whole_readers(answer):
                parsed = read(answer)
                if parsed.calls:
                    readers.append(name)
                    return parsed
            return Parsed([], answer)

        blocks.read_whole(text, read_and_note)
        return readers[0] if readers else self._of_marks(text)

    def _of_beginning(self, text: str) -> str:
        for name, is_sure in self._sure.items():
            if is_sure(text):
                return name
        return ""

    def _of_leading_mark(self, text: str) -> str:
        """Return what `parse` would find out in the end about an answer that begins with a mark;
        "" where that needs a longer look.

        That is where it may be calls from beginning to end in a format without marks: by how it
        begins, behind reasoning, or by its ending.
        """
        mark = self._leading_mark.match(text)
        if mark and mark[1] in self._ambiguous:
            return ""
        if mark and mark[1] in self._owners:
            name = self._owners[mark[1]].owner(text, mark.end())
        else:
            name = self._of_leading_line(text)
        if not name:
            return ""
        if may_close(text):
            return ""
        for ending, marks in self._by_ending:
            is_likely = ending in text and (not marks or any(mark in text for mark in marks))
            if is_likely and self._read_whole(without_stops(text.lstrip())).calls:
                return ""
        return name

    def _of_leading_line(self, text: str) -> str:
        for line, name in self._lines:
            if line.needs in text and line.pattern.match(text):
                return name
        return ""

    def _behind_plain_reasoning(self, text: str) -> Parsed | None:
        """Read what stands behind reasoning that holds no markup, if it begins with a prefix."""
        reasoning, _, answer = text.partition(CLOSE)
        answer = answer.lstrip()
        for prefix, parse_known in self._by_prefix:
            if answer.startswith(prefix):
                thought = reasoning.lstrip().removeprefix(OPEN)
                if "<" in thought or "[" in thought:
                    return None
                parsed = parse_known(answer)
                return Parsed(
                    parsed.calls, parsed.content, parsed.malformed, thought.strip(), parsed.texts
                )
        return None

    def _read_whole(self, answer: str) -> Parsed:
        """Read an answer that is calls from beginning to end, or say what is wrong with them."""
        first_malformed = Parsed([], answer)
        for _, read in self._whole_readers(answer):
            parsed = read(answer)
            if parsed.calls:
                return parsed
            if not first_malformed.malformed:
                first_malformed = parsed
        return first_malformed

    def _whole_readers(self, answer: str) -> list[_WholeReader]:
        """Return the formats without marks that an answer may be in, the likely ones first."""
        readers = [reader for begins, reader, _ in self._strict if begins(answer)]
        if not readers and answer.endswith(self._endings):
            return [reader for _, reader, end in self._strict if end and answer.endswith(end)]
        return readers + self._loose

    def _of_marks(self, text: str) -> str:
        """Return the name of the format whose mark decides; "" where there is no mark."""
        mark, is_behind_reasoning = self._first_mark(text, 0)
        if mark is None:
            return ""
        if not is_behind_reasoning and text[: mark.start()].strip():
            # all this may be reasoning that the prompt opened
            end = CLOSING.search(text, mark.end())
            behind = self._first_mark(text, end.end())[0] if end else None
            if behind and behind[0] not in self._closing:
                mark = behind
        if mark.re is not self._marks:
            return next(name for line, name in self._lines if line.pattern is mark.re)
        return self._owners[mark[0]].owner(text, mark.end())

    def _first_mark(self, text: str, start: int) -> tuple[re.Match[str] | None, bool]:
        """Return the first mark that is not reasoning's, and whether reasoning stands before it."""
        position = start
        # of each opening that is no fixed text the next place: it is searched for only where the
        # last one is passed over, or reasoning that comes again and again would cost its square
        lines: list[re.Match[str]] = []
        for opening, _ in self._lines:
            if opening.needs in text and (found := opening.pattern.search(text, start)):
                lines.append(found)
        while True:
            ahead = []
            for line in lines:
                behind = line if line.start() >= position else line.re.search(text, position)
                if behind:
                    ahead.append(behind)
            lines = ahead
            first = min(lines, key=re.Match.start, default=None)
            if first and first.start() == position:
                return first, position > start
            mark = self._marks.search(text, position)
            if first and not (mark and mark.start() < first.start()):
                return first, position > start
            if not mark or mark[0] in self._owners:
                return mark, position > start
            closes = CLOSING.fullmatch(mark[0])
            end = mark if closes else CLOSING.search(text, mark.end())
            if not end:  # reasoning that is never closed
                return None, True
            position = end.end()
