"""Text as words that can be compared: what duplicates and contamination are measured in.

Case, punctuation and width are set aside. A letter of a script that is written without spaces
(Chinese, Japanese, Thai) is a word of its own, so that n words are n characters there.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias
from zlib import crc32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes: TypeAlias = NDArray[np.uint64]

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = f"{HAN}\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_ODD = 0x9E3779B97F4A7C15  # any odd number: multiplying by it loses nothing modulo 2**64


def words(text: str) -> list[str]:
    return _WORD.findall(
        text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    )


def hashes(found: Sequence[str]) -> "Hashes":
    """A number for each word, the same in every run."""
    import numpy as np

    return np.array([crc32(word.encode()) for word in found], np.uint64)


def grams(numbers: "Hashes", size: int) -> "Hashes":
    """A number for each run of `size` neighbours; for fewer than `size`, the one run of them
    all."""
    import numpy as np

    width = min(size, len(numbers))
    count = len(numbers) - width + 1 if width else 0
    odd = np.uint64(_ODD)
    runs = np.zeros(count, np.uint64)
    for offset in range(width):
        runs = runs * odd + numbers[offset : offset + count]
    runs ^= runs >> np.uint64(29)
    return runs * odd
