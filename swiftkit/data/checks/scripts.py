"""Which scripts the questions and answers are written in: the share of rows that are Chinese,
Latin, another, or mixed.

Told by Unicode blocks, word by word (a Chinese character is a word); a row belongs to a script that
has at least MOSTLY of its words. Latin is English and everything else that is written so. Numbers
are of no script. System prompts, tools, calls and results are not looked at: they are mostly
English in Chinese data too.
"""

import re

from swiftkit.data.checks.entry import Entry
from swiftkit.data.checks.words import HAN

MOSTLY = 0.8
_SPOKEN = ("user", "assistant")
_LATIN = "A-Za-z\u00c0-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a"
_WORDS = {
    "chinese": re.compile(f"[{HAN}]"),
    "latin": re.compile(f"[{_LATIN}]+"),
    "other": re.compile(rf"[^\W\d_{HAN}{_LATIN}]+"),
}


def language(entry: Entry) -> str:
    """chinese, latin, other, mixed, or none (no words at all)."""
    text = "\n".join(turn.text for turn in entry.turns if turn.role in _SPOKEN)
    if text.isascii():  # the quick way for most rows
        return "latin" if _WORDS["latin"].search(text) else "none"
    counts = {script: len(word.findall(text)) for script, word in _WORDS.items()}
    script = max(counts, key=lambda name: counts[name])
    if not counts[script]:
        return "none"
    return script if counts[script] >= MOSTLY * sum(counts.values()) else "mixed"
