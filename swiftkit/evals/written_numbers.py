r"""The numbers in a text, as exact fractions, in whatever way they are written.

1,234.50; 12,34,567; 1 250, 1'250 and 1_250; 1.250,00 and 12,34 (a comma with one or two digits
behind it), 1.234.567; ½, 2 1/2, 3/4, \frac{3}{4}; 1e3, 2^3, 5 × 10^3; 20k, 1.2 million, 3万; words
up to millions ("eighteen", 十八); minus, negative. Units, currencies and percent signs are ignored.
"""

import re
import unicodedata
from collections.abc import Iterator
from decimal import MAX_EMAX, MIN_EMIN, Decimal, InvalidOperation, localcontext
from fractions import Fraction
from typing import NamedTuple

_LONGEST = 200  # characters of a number
_MOST_POWER = 40
_SPACE = "[ \u00a0\u2009\u202f]"
_ENGLISH = (
    rf"(?:\d{{1,3}}(?:(?:,|{_SPACE}|[_'\u2019])\d{{3}})+|\d{{1,2}}(?:,\d{{2}})+,\d{{3}})"
    r"(?![\d,]\d|\d)(?:\.\d+)?"
)
_EUROPEAN = (
    rf"\d{{1,3}}(?:(?:\.|{_SPACE})\d{{3}})+,\d{{1,2}}(?!\d)"
    r"|\d{1,3}(?:\.\d{3}){2,}(?![\d,])|\d+,\d{1,2}(?![\d,])"
)
_DIGITS = rf"{_EUROPEAN}|{_ENGLISH}|\d+(?:\.\d+)?|\.\d+"
_SCALES = {
    "k": 10**3, "thousand": 10**3, "million": 10**6, "m": 10**6, "billion": 10**9, "bn": 10**9,
    "hundred": 100, "万": 10**4, "亿": 10**8, "千": 1000, "百": 100,
}  # fmt: skip
_SCALE = (
    r"(?:k(?![\w/])|(?-i:M)(?![\w/])|bn\b|\s?(?:hundred|thousand|million|billion)\b|\s?[万亿千百])"
)
_NUMBER = re.compile(
    rf"""(?<![A-Za-z0-9_.,/^])
    (?P<sign>(?:minus|negative)\s|[-+\u2212\u2013]?)\s?[$€£¥]?\s?(?P<minus>[-\u2212]?)
    (?P<whole>{_DIGITS})
    (?:e(?P<power>[-+]?\d{{1,3}})\b)?
    (?:\s?[×x*]\s?10\^\(?(?P<ten>-?\d{{1,2}})\)?|\^\(?(?P<raised>\d{{1,2}})\)?(?!\d))?
    (?P<scale>{_SCALE})?
    (?:\s?/\s?(?P<below>{_DIGITS}))?""",
    re.IGNORECASE | re.VERBOSE,
)
_PART = r"(?:\{([^{}]{1,50})\}|(\d))"
_FRACTION = re.compile(rf"\\[dtc]?frac\s{{0,9}}{_PART}\s{{0,9}}{_PART}")
_POWER = re.compile(r"\^\{(-?\d{1,2})\}")
_MIXED = re.compile(r"(?<![\w.,/])(\d{1,9})\s+(\d{1,9})\s?/\s?(\d{1,9})(?![\d/])")  # 2 1/2
_MARKUP = re.compile(
    r"\\(?:text[a-z]{0,2}|mbox|underline|bm|boldsymbol|math[a-z]{2,4})\s*\{([^{}]*)\}|\\color\{\w{1,9}\}|\\[,;:!]|\\(?=[$%])"
    r"|\*\*|__|[{}]|</?[a-z]{1,9}/?>"
    r"|\bRs\.?\s?(?=\d)"
)
_TIMES = re.compile(r"\\(?:times|cdot)(?![a-z])")
_SIGN_APART = re.compile(r"(\A\W{0,9}|[=:(]\s?|\bis\s)([-\u2212\u2013])\s+(?=[$€£¥]?\d)")
_BLANK = re.compile(r"~~[^~\n]*~~|(?<!\d)(?<!\d\s)~|~(?!\s?\d)|\\[ ()\[\]]")
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORDS = {word: value for value, word in enumerate(_ONES)} | {
    word: 10 * value for value, word in enumerate(_TENS, 2)
}
_LARGE = {"hundred": 100, "thousand": 1000, "million": 10**6}
_IN_WORDS = re.compile(
    rf"(?:(?P<sign>minus|negative)\s+)?\b(?P<words>(?:{'|'.join([*_WORDS, *_LARGE])})"
    rf"(?:(?:[\s-]+|\s+and\s+)(?:{'|'.join([*_WORDS, *_LARGE])}))*)\b",
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"(?:百分之|\A\W*|(?=[零一二两三四五六七八九]?[十百千万][零一二两三四五六七八九]"
    r"|[一二两三四五六七八九][十百千]))([零一二两三四五六七八九十百千万]{1,20})(?!共|起|些|样|[十百千万])"
)
_CHINESE_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"两": 2}
_CHINESE_UNITS = {"十": 10, "百": 100, "千": 1000}


class Found(NamedTuple):
    """A number and its place; `digits` is where it begins without its sign and currency."""

    start: int
    end: int
    value: Fraction
    digits: int


def plain(text: str) -> str:
    """Return the text without LaTeX and Markdown, with fractions and mixed numbers as a/b."""
    text = "".join(_fraction_sign(sign) for sign in text)
    text = _FRACTION.sub(lambda match: f" {match[1] or match[2]}/{match[3] or match[4]} ", text)
    text = _TIMES.sub("×", _POWER.sub(r"^\1", text))
    text = _BLANK.sub(" ", text)
    text = _MARKUP.sub(lambda match: match[1] or "", text)
    text = _SIGN_APART.sub(r"\1\2", text)
    return _MIXED.sub(
        lambda match: f"{int(match[1]) * int(match[3]) + int(match[2])}/{match[3]}", text
    )


def _fraction_sign(sign: str) -> str:
    """Return ½ as " 1/2", and any other character as it is."""
    if sign < "\x80":
        return sign
    written = unicodedata.normalize("NFKC", sign)
    if "\u2044" in written:
        return " " + written.replace("\u2044", "/")
    return written if unicodedata.category(sign) == "Nd" else sign


def numbers_in_digits(text: str) -> Iterator[Found]:
    """Yield the numbers in a text."""
    for match in _NUMBER.finditer(text):
        if len(match[0]) > _LONGEST:
            continue
        power = f"e{match['power']}" if match["power"] else ""
        try:
            value = _value(match["whole"], power) / _value(match["below"] or "1")
        except (InvalidOperation, ZeroDivisionError):
            continue
        if match["raised"]:
            value **= min(int(match["raised"]), _MOST_POWER)
        if match["ten"]:
            value *= Fraction(10) ** int(match["ten"])
        if match["scale"]:
            value *= _SCALES[match["scale"].strip().lower()]
        is_negative = bool(match["sign"].strip("+ ")) != bool(match["minus"])
        digits = match.start("whole")
        yield Found(match.start(), match.end(), -value if is_negative else value, digits)


def _value(digits: str, power: str = "") -> Fraction:
    """Return the value of digits, in whatever way their groups and their point are written."""
    digits = re.sub(rf"{_SPACE}|[_'\u2019]", "", digits)
    if digits.count(".") > 1 and "," not in digits:
        digits = digits.replace(".", "")
    head, comma, tail = digits.rpartition(",")
    if comma and len(tail) < 3 and "." not in tail:
        digits = f"{head.replace('.', '').replace(',', '')}.{tail}"
    return Fraction(Decimal(digits.replace(",", "") + power))


def numbers_in_words(text: str) -> Iterator[Found]:
    """Yield the numbers that are written in words, English or Chinese."""
    for match in _IN_WORDS.finditer(text):
        total = part = 0
        for word in re.findall(r"[a-z]+", match["words"].lower()):
            if word in _WORDS:
                part += _WORDS[word]
            elif word == "hundred":
                part = (part or 1) * 100
            elif word in _LARGE:
                total, part = total + (part or 1) * _LARGE[word], 0
        value = Fraction(total + part)
        digits = match.start("words")
        yield Found(match.start(), match.end(), -value if match["sign"] else value, digits)
    # elsewhere a single sign is part of a word, as in 一共
    for chinese in _CHINESE.finditer(text):
        start = chinese.start(1)
        yield Found(start, chinese.end(), Fraction(_chinese(chinese[1])), start)


def short(number: Fraction) -> str:
    """Return a number for a message: six digits of one that is long. Never raises."""
    if number.denominator == 1 and abs(number) < 10**15:
        return str(number)
    with localcontext(prec=6, Emax=MAX_EMAX, Emin=MIN_EMIN):
        return f"{(Decimal(number.numerator) / number.denominator).normalize():g}"


def is_lone_scale(words: str) -> bool:
    """Return whether words are no more than "hundred", as in "a hundred percent sure"."""
    return words.lower() in _LARGE


def _chinese(text: str) -> int:
    total = part = digit = 0
    for sign in text:
        if sign in _CHINESE_DIGITS:
            digit = _CHINESE_DIGITS[sign]
        elif sign == "万":
            total, part, digit = total + (part + digit) * 10_000, 0, 0
        else:
            part, digit = part + (digit or 1) * _CHINESE_UNITS[sign], 0
    return total + part + digit
