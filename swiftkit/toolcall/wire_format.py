"""The protocol of a wire format, which is a module of formats/ that nothing else has to name."""

import importlib
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple, Protocol, cast

from swiftkit.toolcall import formats
from swiftkit.toolcall.call import Parsed, ToolCall

ANY_FORMAT = "any"  # what a setting says that wants no one format
UNPINNED = ("", ANY_FORMAT)
AnswerReader = Callable[[str], Parsed]  # never raises


class LineMark(NamedTuple):
    """An opening that is no fixed text; it is searched only in answers that hold `needs`."""

    pattern: re.Pattern[str]
    needs: str


class WholeAnswer(NamedTuple):
    """A format without marks, in which an answer is calls from beginning to end, or prose.

    read: reads an answer whose reasoning was taken off.
    beginning: how an answer with calls begins; None where that can be nearly anything: then the
        format is asked last.
    held: for streams: how an answer begins that may be calls. A match that reaches the end of what
        has come so far decides nothing yet.
    """

    read: AnswerReader
    beginning: re.Pattern[str] | None = None
    held: re.Pattern[str] | None = None


class Signs(NamedTuple):
    """The marks of a format, for detection and for streams; a format leaves out what it does not
    have.

    opening: marks that open a call wherever they stand outside of reasoning, each with a pattern of
        what follows there ("": anything). Of formats that share a mark, one may have "": it takes
        what the patterns of the others leave.
    closing: marks that only close a call; alone they make an answer malformed.
    ending: the token at which the model stops. An answer that ends with it is in this format where
        its other signs leave that open.
    prefix: how answers in this format begin, and no others.
    is_sure: tells from an answer's beginning that it is in this format, beyond doubt.

    For streams (serving/answer_reader.py):

    marks: what else than opening and closing the format's reader stops at in an answer, apart from
        tags of reasoning; it may be the beginning of a mark alone. None: not known, so that an
        answer is given out when it is complete.
    passed: marks that are no part of the content, and after which it goes on.
    call_ends: what closes a call whose arguments are not JSON; section_end: what closes the
        section of calls around it.
    """

    opening: Mapping[str, str] = {}
    closing: tuple[str, ...] = ()
    line: LineMark | None = None
    ending: str = ""
    whole: WholeAnswer | None = None
    prefix: str = ""
    is_sure: Callable[[str], bool] | None = None
    marks: tuple[str, ...] | None = None
    passed: tuple[str, ...] = ()
    call_ends: tuple[str, ...] = ()
    section_end: str = ""


class WireFormat(Protocol):
    """A module of formats/; parse(render(calls)).calls == calls."""

    SIGNS: Signs

    def parse(self, text: str) -> Parsed:
        """Read an answer, reasoning set aside. Never raises."""

    def render(self, calls: list[ToolCall]) -> str:
        """Write the calls as a model does; none as "". Raises DataError (bad_call) for what the
        format cannot carry."""


def load_all() -> dict[str, WireFormat]:
    """Return all formats by name, in the order of their names."""
    return {name: load(name) for name in formats.names()}


@cache
def load(name: str) -> WireFormat:
    """Return the format of this name, which is one of formats.names()."""
    return cast(WireFormat, importlib.import_module(f"{formats.__name__}.{name}"))
