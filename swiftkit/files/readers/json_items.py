"""Cut JSON text into records without loading it whole: a list's items, JSON Lines, long objects.

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

_BLOCK_BYTES = 1 << 18
_GUESSES = 8
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_GAP = re.compile(rb"[\s,\]]*")  # a list that goes on after its end is read on
_OPENING = re.compile(rb'\{\s*"[^"\\]*"')
_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+[{}\[\]]', re.DOTALL)
_SCALAR = re.compile(rb'(?:"(?:[^"\\]++|\\.)*+"|[^\s,\[\]{}"]++)(?=[\s,\]}])|\}', re.DOTALL)


def json_records(
    file: io.BufferedReader, block_bytes: int = _BLOCK_BYTES
) -> Iterator[tuple[int, bytes]]:
    """Yield (place in the list, or line number, and record) of a .json file, read in blocks."""
    line = 1 + _skip_blank(file)
    if file.peek(1)[:1] == b"[":
        file.read(1)
        yield from enumerate(_items(file, b"", block_bytes, is_list=True), 1)
        return
    first = file.readline(RECORD_LIMIT)
    if _end_of_value(first, 0) > 0:
        yield line, first.strip()
        yield from lines_of(file, line + 1)
    else:
        yield from enumerate(_items(file, first, block_bytes, is_list=False), 1)


def _skip_blank(file: io.BufferedReader) -> int:
    """Read on to the first byte that says something. Return the number of lines before."""
    if file.peek(len(BOM)).startswith(BOM):
        file.read(len(BOM))
    lines = 0
    while file.peek(1)[:1].isspace():
        lines += file.read(1) == b"\n"
    return lines


def _items(
    file: io.BufferedReader, buffer: bytes, block_bytes: int, is_list: bool
) -> Iterator[bytes]:
    """Yield the values of a list whose bracket was read, or those that follow each other."""
    items, buffer = _cut(buffer)
    yield from items
    # twice the buffer: a long item is scanned a few times only
    while block := file.read(max(block_bytes, len(buffer))):
        items, buffer = _cut(buffer + block)
        yield from items
        if len(buffer) >= RECORD_LIMIT:
            yield too_long(buffer)
            return
    gap = buffer[: _end_of_gap(buffer, 0)]
    rest = buffer[len(gap) :].rstrip()
    if rest:
        yield rest
    elif is_list and b"]" not in gap:
        reason = "the list is not closed: the file is cut off here"
        yield broken_record(b"", DataError(reason, "broken_json", "get the whole file"))


def _cut(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Return the whole items that the buffer begins with, and what follows them."""
    items, end = _cut_at_once(buffer, _end_of_gap(buffer, 0))
    while True:
        start = _end_of_gap(buffer, end)
        after = _end_of_value(buffer, start)
        if after < 0:
            return items, buffer[end:]
        items.append(buffer[start:after])
        end = after


def _cut_at_once(buffer: bytes, start: int) -> tuple[list[bytes], int]:
    """Cut off most of the items, ten times as fast. Return them, and where they end; or ([], 0).

    Records mostly begin alike, so the last place that reads like the first may be a border between
    two; it is one if all before it is a valid list.
    """
    opening = _OPENING.match(buffer, start)
    if not opening:
        return [], 0
    border = len(buffer)
    for _ in range(_GUESSES):
        border = buffer.rfind(opening[0], start + 1, border)
        comma = buffer.rfind(b",", start, max(border, start))
        if comma < 0:
            break
        if buffer[comma + 1 : border].strip():
            continue
        try:
            items = _decode_items(b"[%b]" % buffer[start:comma])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        return [bytes(item) for item in items], comma
    return [], 0


def _end_of_gap(buffer: bytes, start: int) -> int:
    gap = _GAP.match(buffer, start)
    return gap.end() if gap else start


def _end_of_value(buffer: bytes, start: int) -> int:
    """Return where the value ends, brackets of any kind closing each other; -1 if it goes on."""
    if buffer[start : start + 1] not in (b"{", b"["):
        scalar = _SCALAR.match(buffer, start)
        return scalar.end() if scalar else -1
    depth, position = 0, start
    while bracket := _BRACKET.match(buffer, position):
        position = bracket.end()
        depth += 1 if buffer[position - 1] in b"{[" else -1
        if not depth:
            return position
    return -1
