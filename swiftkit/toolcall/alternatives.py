"""One pattern for many fixed texts."""

import re
from collections.abc import Iterable


def any_of(texts: Iterable[str]) -> str:
    """Return a pattern of any of these texts, the longest where several match.

    What texts have in common at their beginning is tried once: of many marks that begin with `<`, a
    search compares no more than those that still fit.
    """
    rests: dict[str, list[str]] = {}
    for text in sorted(set(texts), key=len, reverse=True):
        rests.setdefault(text[:1], []).append(text[1:])
    patterns = [re.escape(first) + any_of(rest) if first else "" for first, rest in rests.items()]
    return patterns[0] if len(patterns) == 1 else f"(?:{'|'.join(patterns)})"
