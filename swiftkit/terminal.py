"""What every command says to a person: messages on stderr, and hostile text made harmless for a
terminal."""

import re
import sys

# What a terminal would obey, and what reverses the order of the letters on it; tabs and line ends
# are harmless.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """The text with control characters written \\uXXXX, as JSON may write them too; line ends and
    tabs stay."""
    return _UNSAFE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
