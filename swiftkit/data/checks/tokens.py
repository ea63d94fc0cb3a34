"""Text as tokens that can be compared, for duplicates, contamination and leaked answers.

A token is a word, without case, punctuation and width. A letter of a script that is written without
spaces (Chinese, Japanese, Thai) is a token of its own, so that n tokens are n characters there.
"""

import re
import unicodedata
from collections.abc import Sequence
from zlib import crc32

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = f"{_HAN}\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff"
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


def tokens_of(text: str) -> list[str]:
    if text.isascii():
        return _TOKEN.findall(text.lower())
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())


def run_hashes(tokens: Sequence[str], size: int) -> list[int]:
    """Return a 64-bit hash for each run of `size` neighbours; for fewer, the one of them all.

    It is the same in every process: that of a tuple of numbers, unlike that of a text, has no salt.
    """
    numbers_of = {token: crc32(token.encode()) for token in set(tokens)}  # most words come again
    numbers = [numbers_of[token] for token in tokens]
    width = min(size, len(numbers))
    shifted = [numbers[start:] for start in range(width)]
    return [hash(run) for run in zip(*shifted, strict=False)]
