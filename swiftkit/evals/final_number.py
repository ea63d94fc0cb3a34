r"""The number that a text gives as its answer, as an exact fraction.

It is looked for where it is marked best: after the last `####` that a number follows (it is also
Markdown's heading); in the last `\boxed{}`, which may hold none; after the last "the answer is"
with a number in its sentence; and without any mark it is the last number. Of "the answer is 3 + 4 =
7 apples" it is the number after the last equals sign, of "18 dollars in 2 weeks" the first. Units,
currencies and percent signs are left aside: $1,234.00 is 1234, 50 % is 50.
"""

import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction

_LONGEST = 200  # characters of an answer that is marked, and of a number
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
_NUMBER = re.compile(
    rf"(?<![\w.])(?P<sign>[-+\u2212]?)\s?[$€£¥]?\s?(?P<minus>-?)(?P<whole>{_DIGITS})(?:e(?P<power>[-+]?\d{{1,3}})\b)?"
    rf"(?:\s?/\s?(?P<below>{_DIGITS}))?",
    re.IGNORECASE,
)
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]{1,50})\}\s*\{([^{}]{1,50})\}")
_NOISE = re.compile(
    r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}|\\[,;:!]|\\(?=[$%])|\*\*|__|[{}]|~"
)
_SAYS = re.compile(
    r"\banswer(?:\s+is|\s*:|\s*=)[\s:*=]*(?P<said>(?:[^\n.]|\.(?=\S)){0,200})", re.IGNORECASE
)
_HASHES = re.compile(
    r"####\s*(?:(?:the )?(?:final )?answer(?: is)?)?(?P<said>[^\w\n]{0,20}\d[^\n]{0,200})",
    re.IGNORECASE,
)
_MIXED = re.compile(r"(?<![\w.,/])(\d{1,9})\s+(\d{1,9})\s?/\s?(\d{1,9})(?![\d/])")


def number_of(text: str) -> Fraction | None:
    """The number that a text gives as its answer."""
    if marked := [found for mark in _HASHES.finditer(text) if (found := _numbers(mark["said"]))]:
        return _stated(*marked[-1])
    if "\\boxed" in text:
        found = _numbers(_braced(text.rpartition("\\boxed")[2]))
        return _stated(*found) if found else None
    if marked := [found for mark in _SAYS.finditer(text) if (found := _numbers(mark["said"]))]:
        return _stated(*marked[-1])
    found = _numbers(text)
    return found[1][-1][1] if found else None


def _numbers(text: str) -> tuple[str, list[tuple[int, Fraction]]] | None:
    """The text without its markup and the numbers in it with their places; None where it has
    none."""
    clean = _plain(text)
    numbers = [
        (match.start(), value)
        for match in _NUMBER.finditer(clean)
        if (value := _value(match)) is not None
    ]
    return (clean, numbers) if numbers else None


def _stated(clean: str, numbers: list[tuple[int, Fraction]]) -> Fraction:
    """Of a phrase that states the answer: the first number, or the first after the last equals
    sign."""
    after = clean.rfind("=", 0, numbers[-1][0])
    return next(value for start, value in numbers if start > after)


def _braced(text: str) -> str:
    """What stands between the first brace and the one that closes it, or the first word."""
    depth, start = 0, text.find("{")
    if text[:start].strip() or start < 0:
        return text.strip()[:_LONGEST].partition(" ")[0]
    for index, sign in enumerate(text[: start + _LONGEST]):
        depth += (sign == "{") - (sign == "}")
        if sign == "}" and depth == 0:
            return text[start + 1 : index]
    return ""


def _plain(text: str) -> str:
    """Without LaTeX and Markdown, mixed numbers as one fraction."""
    text = _FRACTION.sub(r" \1/\2 ", text)
    text = _NOISE.sub(lambda match: match[1] or "", text)
    return _MIXED.sub(
        lambda match: f"{int(match[1]) * int(match[3]) + int(match[2])}/{match[3]}", text
    )


def _value(match: re.Match[str]) -> Fraction | None:
    if len(match[0]) > _LONGEST:
        return None
    try:
        value = Fraction(
            Decimal(
                match["whole"].replace(",", "") + (f"e{match['power']}" if match["power"] else "")
            )
        )
        value /= Fraction(Decimal((match["below"] or "1").replace(",", "")))
    except (InvalidOperation, ZeroDivisionError):
        return None
    return -value if (match["sign"] in ("-", "\u2212")) != bool(match["minus"]) else value
