r"""The number that a text gives as its answer, as an exact fraction.

It stands behind the best mark that the text has: after the last `####` that a number follows (it is
also a heading in Markdown); in the last `\boxed{}`, which may hold none; after the last "the
answer is" with a number in its sentence; and without any mark it is the last number. Of "the answer
is 3 + 4 = 7 apples" it is the number after the last equals sign, of "18 dollars in 2 weeks" the
first. Units, currencies and percent signs are ignored: $1,234.00 is 1234, 50 % is 50.
"""

import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction

_LONGEST = 200  # characters of an answer that is marked, and of a number
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"  # 1234.5, 1,234.5 or .5
_NUMBER = re.compile(
    rf"""(?<![\w.])
    (?P<sign>[-+\u2212]?)\s?[$€£¥]?\s?(?P<minus>-?)   # \u2212: the typographic minus; $-5, -$5
    (?P<whole>{_DIGITS})
    (?:e(?P<power>[-+]?\d{{1,3}})\b)?
    (?:\s?/\s?(?P<below>{_DIGITS}))?""",
    re.IGNORECASE | re.VERBOSE,
)
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]{1,50})\}\s*\{([^{}]{1,50})\}")
_MIXED = re.compile(r"(?<![\w.,/])(\d{1,9})\s+(\d{1,9})\s?/\s?(\d{1,9})(?![\d/])")  # 2 1/2
_MARKUP = re.compile(
    r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}|\\[,;:!]|\\(?=[$%])|\*\*|__|[{}]|~"
)
_ANSWER_IS = re.compile(
    r"\banswer(?:\s+is|\s*:|\s*=)[\s:*=]*(?P<phrase>(?:[^\n.]|\.(?=\S)){0,200})", re.IGNORECASE
)
_HASHES = re.compile(
    r"####\s*(?:(?:the )?(?:final )?answer(?: is)?)?(?P<phrase>[^\w\n]{0,20}\d[^\n]{0,200})",
    re.IGNORECASE,
)


def number_of(text: str) -> Fraction | None:
    """Return the number that a text gives as its answer."""
    number = _last_marked(_HASHES, text)
    if number is not None:
        return number
    if "\\boxed" in text:
        return _stated(_braced(text.rpartition("\\boxed")[2]))
    number = _last_marked(_ANSWER_IS, text)
    if number is not None:
        return number
    numbers = _numbers(_without_markup(text))
    return numbers[-1][1] if numbers else None


def _last_marked(mark: re.Pattern[str], text: str) -> Fraction | None:
    """Return the number behind the last mark that has one."""
    for match in reversed(list(mark.finditer(text))):
        number = _stated(match["phrase"])
        if number is not None:
            return number
    return None


def _stated(phrase: str) -> Fraction | None:
    """Return the first number of a phrase, or the first after its last equals sign."""
    plain = _without_markup(phrase)
    numbers = _numbers(plain)
    if not numbers:
        return None
    equals_sign = plain.rfind("=", 0, numbers[-1][0])
    return next(number for start, number in numbers if start > equals_sign)


def _braced(text: str) -> str:
    """Return the text between the first brace and the one that closes it, or the first word."""
    depth, start = 0, text.find("{")
    if text[:start].strip() or start < 0:
        return text.strip()[:_LONGEST].partition(" ")[0]
    for index, sign in enumerate(text[: start + _LONGEST]):
        depth += (sign == "{") - (sign == "}")
        if sign == "}" and depth == 0:
            return text[start + 1 : index]
    return ""


def _without_markup(text: str) -> str:
    """Return the text without LaTeX and Markdown, with mixed numbers as one fraction."""
    text = _FRACTION.sub(r" \1/\2 ", text)
    text = _MARKUP.sub(lambda match: match[1] or "", text)
    return _MIXED.sub(
        lambda match: f"{int(match[1]) * int(match[3]) + int(match[2])}/{match[3]}", text
    )


def _numbers(text: str) -> list[tuple[int, Fraction]]:
    """Return the numbers in a text, each with the place where it starts."""
    numbers = []
    for match in _NUMBER.finditer(text):
        if len(match[0]) > _LONGEST:
            continue
        whole, below = match["whole"].replace(",", ""), (match["below"] or "1").replace(",", "")
        power = f"e{match['power']}" if match["power"] else ""
        try:
            value = Fraction(Decimal(whole + power)) / Fraction(Decimal(below))
        except (InvalidOperation, ZeroDivisionError):
            continue
        is_negative = (match["sign"] in ("-", "\u2212")) != bool(match["minus"])
        numbers.append((match.start(), -value if is_negative else value))
    return numbers
