"""Text as a terminal shows it."""

import unicodedata


def columns(line: str) -> int:
    """Return how many columns a line takes; East Asian characters take two."""
    return sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in line)
