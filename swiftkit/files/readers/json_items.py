"""Cut JSON text into records without loading it whole: the items of a list, JSON Lines, or objects
over many lines.

An item ends where its brackets and strings do. What is wrong inside it is found later, when it is
decoded, so a fault costs that item alone. (ijson, the library for this, decodes each item, which
takes seven times as long, and stops at the first fault.)
"""

import io
import re
from collections.abc import Iterator

import msgspec

from swiftkit.errors import DataError
from swiftkit.files.jsonl import BOM, RECORD_LIMIT, broken_record, lines_of, too_long

_BLOCK = 1 << 18
_GUESSES = 8
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_GAP = re.compile(rb"[\s,\]]*")  # a list that goes on after its end is read on
_OPENING = re.compile(rb'\{\s*"[^"\\]*"')
_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+[{}\[\]]', re.DOTALL)
_SCALAR = re.compile(rb'(?:"(?:[^"\\]++|\\.)*+"|[^\s,\[\]{}"]++)(?=[\s,\]}])|\}', re.DOTALL)


def json_records(file: io.BufferedReader) -> Iterator[tuple[int, bytes]]:
    """(number, record) of a .json file: an item's place in the list, or the line number if it is
    JSON Lines."""
    line = 1 + _skip_blank(file)
    if file.peek(1)[:1] == b"[":
        file.read(1)
        yield from enumerate(_items(file, b"", is_list=True), 1)
        return
    first = file.readline(RECORD_LIMIT)
    if _end_of(first, 0) > 0:
        yield line, first.strip()
        yield from lines_of(file, line + 1)
    else:
        yield from enumerate(_items(file, first, is_list=False), 1)


def _skip_blank(file: io.BufferedReader) -> int:
    """Read on to the first byte that says something; the number of lines before."""
    if file.peek(len(BOM)).startswith(BOM):
        file.read(len(BOM))
    lines = 0
    while file.peek(1)[:1].isspace():
        lines += file.read(1) == b"\n"
    return lines


def _items(file: io.BufferedReader, buffer: bytes, is_list: bool) -> Iterator[bytes]:
    """The values of a list whose bracket was read, or those that follow each other in a file."""
    items, buffer = _cut(buffer)
    yield from items
    # twice the buffer: a long item is scanned a few times only
    while block := file.read(max(_BLOCK, len(buffer))):
        items, buffer = _cut(buffer + block)
        yield from items
        if len(buffer) >= RECORD_LIMIT:
            yield too_long(buffer)
            return
    yield from _remains(buffer, is_list)


def _remains(buffer: bytes, is_list: bool) -> Iterator[bytes]:
    """What follows the last whole item, if the file should not end so."""
    gap = buffer[: _end_of_gap(buffer, 0)]
    if rest := buffer[len(gap) :].rstrip():
        yield rest
    elif is_list and b"]" not in gap:
        error = DataError(
            "the list is not closed: the file is cut off here", "broken_json", "get the whole file"
        )
        yield broken_record(b"", error)


def _cut(buffer: bytes) -> tuple[list[bytes], bytes]:
    """The whole items that the buffer begins with, and what follows them."""
    items, end = _at_once(buffer, _end_of_gap(buffer, 0))
    while (after := _end_of(buffer, begin := _end_of_gap(buffer, end))) > 0:
        items.append(buffer[begin:after])
        end = after
    return items, buffer[end:]


def _at_once(buffer: bytes, begin: int) -> tuple[list[bytes], int]:
    """Most of the items, ten times as fast: (items, where they end), or ([], 0).

    Records mostly begin alike, so the last place that reads like the first may be a border between
    two; it is one if all before it is a valid list.
    """
    opening = _OPENING.match(buffer, begin)
    border = len(buffer)
    for _ in range(_GUESSES if opening else 0):
        border = buffer.rfind(opening[0], begin + 1, border)  # type: ignore[index]
        comma = buffer.rfind(b",", begin, max(border, begin))
        if comma < 0:
            break
        if buffer[comma + 1 : border].strip():
            continue
        try:
            return [bytes(item) for item in _decode_items(b"[%b]" % buffer[begin:comma])], comma
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return [], 0


def _end_of_gap(buffer: bytes, start: int) -> int:
    gap = _GAP.match(buffer, start)
    return gap.end() if gap else start


def _end_of(buffer: bytes, begin: int) -> int:
    """Where the value that begins there ends, brackets of any kind closing each other; -1 if it
    goes on."""
    if buffer[begin : begin + 1] not in (b"{", b"["):
        scalar = _SCALAR.match(buffer, begin)
        return scalar.end() if scalar else -1
    depth, position = 0, begin
    while bracket := _BRACKET.match(buffer, position):
        position = bracket.end()
        depth += 1 if buffer[position - 1] in b"{[" else -1
        if not depth:
            return position
    return -1
