"""Guess the encoding of text that is not UTF-8, and name the iconv line that mends the file.

UTF-16 and UTF-32 are known for certain, by their byte order mark or by the zero bytes of their
first letters. All others are a guess: each encoding reads the bytes, and the one in which most
characters beyond ASCII are common ones of its language wins.
"""

import codecs
import re
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path

from swiftkit.errors import DataError

# Where a byte of a letter may be a backslash: it hides the end of a JSON text.
UNSAFE_TO_CUT = ("GBK", "GB18030", "BIG5", "CP932")
_MARKS = (  # the longer ones first
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_ZEROS = {  # of letters of ASCII
    "UTF-32LE": (False, True, True, True),
    "UTF-32BE": (True, True, True, False),
    "UTF-16LE": (False, True, False, True),
    "UTF-16BE": (True, False, True, False),
}
_SAMPLE_BYTES = 1 << 16
_LEAST_SHARE = 0.7
_LEAST_HANGUL = 12  # fewer may be Chinese characters that have the same bytes
_LEAST_CYRILLIC = 4
_ASCII_TEXT = re.compile(rb"[!-~][\t\r\n -~]*")
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_PUNCTUATION = re.compile("[\u2010-\u2027\u3000-\u303f\uff00-\uff65]")
_KANA = re.compile("[\u3040-\u30ff]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_CYRILLIC = re.compile("[\u0430-\u044f]")  # small letters
_WESTERN = re.compile("[àáâãäåæçèéêëìíîïñòóôõöøùúûüœßÄÅÆÇÉÑÖØÜ…‘’“”–—•€£°§«»©®¿¡\xa0]")


def wide_encoding(head: bytes) -> str:
    """Return iconv's name of the UTF-16 or UTF-32 that a file begins in, "" for anything else."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    is_zero = tuple(byte == 0 for byte in head[:8])
    letters = head[:8].replace(b"\0", b"")
    for name, zeros in _ZEROS.items():
        if is_zero in (zeros, zeros * 2) and _ASCII_TEXT.fullmatch(letters):
            return name
    return ""


def file_encoding(head: bytes) -> str:
    """Return the encoding that a file seems to have; "" for UTF-8 with at most a few broken lines.

    `head` is the file's beginning, which may end in the middle of a character.
    """
    if head.isascii() or _is_utf8(head):
        return ""
    broken: list[bytes] = []
    good = 0
    for line in head.split(b"\n"):
        if line.isascii():
            continue
        if _is_utf8(line):
            good += 1
        else:
            broken.append(line)
    # by chance two bytes of another encoding may read like UTF-8
    return guess(b"\n".join(broken)) if len(broken) > 4 * good else ""


def guess(text: bytes) -> str:
    """Return iconv's name of the encoding that the text seems to have, "" where none fits."""
    sample = text[:_SAMPLE_BYTES]
    runs = _HIGH_RUN.findall(sample)
    high = sum(map(len, runs))
    if _high_bytes(sample.decode("utf-8", "ignore").encode()) > 0.8 * high:
        return ""  # UTF-8 in which some characters are cut off
    has_single_letters = high < 2 * len(runs)  # as accents are; Chinese characters have two bytes
    if has_single_letters and _share(_decode(sample, "cp1252"), _WESTERN.match) >= _LEAST_SHARE:
        return "WINDOWS-1252"
    best, best_share = "", _LEAST_SHARE
    for name, share in _shares(sample).items():
        if share > best_share:
            best, best_share = name, share
    if best == "GBK" and not _decode(sample, "gbk"):
        return "GB18030"
    return best


def _shares(sample: bytes) -> dict[str, float]:
    """Return by encoding which share of the characters beyond ASCII are common ones.

    Of the Chinese ones those are common that the encoding's tables list first, by their frequency.
    """
    shares: dict[str, float] = {}
    korean = _decode(sample, "cp949")
    if len(_HANGUL.findall(korean)) >= _LEAST_HANGUL:
        shares["CP949"] = _share(korean, _HANGUL.match)
    for name, codec in (("CP932", "cp932"), ("EUC-JP", "euc_jp")):
        text = _decode(sample, codec)
        if _share(text, _KANA.match) > 0.15:
            shares[name] = _share(text, partial(_is_frequent, "euc_jp", 0xA4, 0xCF))
    shares["GBK"] = _share(_decode(sample, "gb18030"), partial(_is_frequent, "gb2312", 0xB0, 0xD7))
    shares["BIG5"] = _share(_decode(sample, "big5"), partial(_is_frequent, "big5", 0xA4, 0xC6))
    for name, codec in (("WINDOWS-1251", "cp1251"), ("KOI8-R", "koi8_r")):
        text = _decode(sample, codec)
        if len(_CYRILLIC.findall(text)) >= _LEAST_CYRILLIC:
            shares[name] = _share(text, _CYRILLIC.match)
    return shares


def not_utf8(path: Path, encoding: str, name: str = "", is_certain: bool = False) -> DataError:
    """Return the error of a file in this encoding; `name` is what the message calls it."""
    reason = f"{name}: not UTF-8" if name else "not UTF-8"
    if is_certain:
        return DataError(f"{reason}, but {encoding}", "not_utf8", iconv(path, encoding))
    reason += f"; the file reads like {encoding}, which is a guess"
    return DataError(reason, "not_utf8", f"{iconv(path, encoding)}, and look at the result")


def iconv(path: Path, encoding: str) -> str:
    """Return the command line that writes the file anew in UTF-8."""
    source = "" if path == Path("-") else shlex.quote(str(path))
    unpack = {".gz": "gzip -dc", ".zst": "zstd -dc"}.get(path.suffix.lower(), "")
    suffixes = [suffix for suffix in path.suffixes if suffix.lower() not in (".gz", ".zst")]
    new = "NEW" + (suffixes[-1] if suffixes else ".jsonl")
    if unpack:
        return f"{unpack} {source} | iconv -f {encoding} -t UTF-8 > {new}"
    return f"iconv -f {encoding} -t UTF-8{source and ' '}{source} > {shlex.quote(new)}"


def _is_utf8(text: bytes) -> bool:
    """Return whether the text is UTF-8; its last character may be cut off."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True


def _decode(sample: bytes, codec: str) -> str:
    """Return the sample's text, "" if it is not of this encoding; it may end in a character."""
    try:
        return codecs.getincrementaldecoder(codec)().decode(sample)
    except UnicodeDecodeError:
        return ""


def _high_bytes(text: bytes) -> int:
    return sum(map(len, _HIGH_RUN.findall(text)))


def _share(text: str, is_common: Callable[[str], object]) -> float:
    """Return the share of the common ones among the characters beyond ASCII."""
    characters = [character for character in text if ord(character) > 127]
    common = sum(bool(is_common(character)) for character in characters)
    return common / max(len(characters), 1)


def _is_frequent(codec: str, first: int, last: int, character: str) -> bool:
    """Return whether the character's first byte in this encoding lies in the table's first part."""
    if _PUNCTUATION.match(character):
        return True
    encoded = character.encode(codec, "ignore")
    return len(encoded) == 2 and first <= encoded[0] <= last
