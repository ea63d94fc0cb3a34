r"""The number that a text gives as its answer, as an exact fraction.

Reasoning is set aside (`<think>`, Harmony's channels), and so is what follows an answer: a next
question that a base model goes on with, an explanation, an offer of help. The number then stands
behind the best mark that the text has:

1. the last `####` with a number behind it; a heading such as `#### 2. Money` has none
2. the last `\boxed{}` with a number in it; if none has one, there is no answer
3. the last "the answer is" or "should be", "Answer:", `"answer":`, 答案 with a number in its
   sentence
4. no mark: the first line, if it is a number alone; else the last sentence with a number, what
   stands in parentheses set aside

Of several numbers in what a mark announces the first counts, in a sentence without a mark the last;
of an equation the side that is a number alone: 7 of "3 + 4 = 7 apples" and of "7 = 3 + 4". Numbers
of options and steps ("option 2: 18"), of spans of time ("18 dollars in 2 weeks") and behind "not"
count only where there is no other.

Numbers: 1,234.50; 1 250 and 1_250; 1.250,00 and 12,34 (a comma with one or two digits behind it);
½, 2 1/2, 3/4, \frac{3}{4}; 1e3, 2^3, 5 × 10^3; 20k, 1.2 million, 3万; words up to millions where no
digits stand ("eighteen", 十八); minus, negative. Units, currencies and percent signs are ignored.
"""

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import NamedTuple

from swiftkit.toolcall import detect

_LONGEST = 200  # characters of an answer that is marked, and of a number
_LONGEST_SENTENCE = 2000  # what stands before is not read
_MOST_POWER = 40
_FEW_WORDS = 6  # of a text without digits that is a number in words
_DIGIT = re.compile(r"[\d\u00bc-\u00be\u2150-\u215e]")
_SPACE = "[ \u00a0\u2009\u202f]"
_ENGLISH = rf"\d{{1,3}}(?:(?:,|{_SPACE}|_|')\d{{3}})+(?![\d,]\d|\d)(?:\.\d+)?"
_EUROPEAN = r"\d{1,3}(?:\.\d{3})+,\d{1,2}(?!\d)|\d+,\d{1,2}(?![\d,])"
_DIGITS = rf"{_EUROPEAN}|{_ENGLISH}|\d+(?:\.\d+)?|\.\d+"
_SCALES = {
    "k": 10**3, "thousand": 10**3, "million": 10**6, "m": 10**6, "billion": 10**9, "bn": 10**9,
    "hundred": 100, "万": 10**4, "亿": 10**8, "千": 1000, "百": 100,
}  # fmt: skip
_SCALE = r"(?:k(?![\w/])|M(?![\w/])|bn\b|\s?(?:hundred|thousand|million|billion)\b|\s?[万亿千百])"
_NUMBER = re.compile(
    rf"""(?<![A-Za-z0-9_.,/^])
    (?P<sign>(?:minus|negative)\s|[-+\u2212]?)\s?[$€£¥]?\s?(?P<minus>-?)   # \u2212: typographic
    (?P<whole>{_DIGITS})
    (?:e(?P<power>[-+]?\d{{1,3}})\b)?
    (?:\s?[×x*]\s?10\^\(?(?P<ten>-?\d{{1,2}})\)?|\^\(?(?P<raised>\d{{1,2}})\)?(?!\d))?
    (?P<scale>{_SCALE})?
    (?:\s?/\s?(?P<below>{_DIGITS}))?""",
    re.IGNORECASE | re.VERBOSE,
)
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]{1,50})\}\s*\{([^{}]{1,50})\}")
_POWER = re.compile(r"\^\{(-?\d{1,2})\}")
_MIXED = re.compile(r"(?<![\w.,/])(\d{1,9})\s+(\d{1,9})\s?/\s?(\d{1,9})(?![\d/])")  # 2 1/2
_MARKUP = re.compile(
    r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}|\\[,;:!]|\\(?=[$%])|\*\*|__|[{}]|~"
    r"|\bRs\.?\s?(?=\d)"
)
_TIMES = re.compile(r"\\times\b|\\cdot\b")
_ANSWER_IS = re.compile(
    r"(?:\banswer[\"']?(?:\s+(?:is|was|should\s+be|must\s+be|would\s+be|will\s+be|equals|comes\s+to)"
    r"\b|\s*\([^()\n]{1,30}\)\s*[:=]|\s*[:：=]|\s+[-–—](?=\s))|答案(?:是|为|：|:))[\s:：*=]*"
    r"(?P<phrase>(?:[^\n.。]|\.(?=\S)){0,200})",
    re.IGNORECASE,
)
_HASHES = re.compile(  # the number of a heading ("#### 2. Money") is none
    r"####\s*+(?:(?:the )?(?:final )?answer(?: is)?)?(?!\W{0,20}\d+[.)]\s+[^\W\d])"
    r"(?P<phrase>[^\w\n]{0,20}(?:(?:[a-z]|us|nt|hk|rs\.?|about|minus|negative)[^\w\n]{1,10})?"
    r"[\d\u00bc-\u00be\u2150-\u215e][^\n]{0,200}|\s*\Z|\s*\n)",
    re.IGNORECASE,
)
_NEXT_QUESTION = re.compile(r"^\s*(?:question|problem|q|问题)\s*\d*\s*[:：]", re.IGNORECASE | re.M)
_AFTERWORD = re.compile(
    r"^\W{0,5}(?:explanation|explanations|note|check|verification|说明|解释)\W{0,3}[:：]"
    r"|\b(?:let me know|feel free|i hope this|hope this helps|if you have any)\b",
    re.IGNORECASE | re.MULTILINE,
)
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|(?<=[。！？])|\n+")
_PARENTHESES = re.compile(r"\([^()]*\)|（[^（）]*）")
_LABELLED = re.compile(
    r"\b(?:(?:option|choice|step|question|problem|case|method)\s*\(?#?|(?:not|isn't)\s+\$?)\Z",
    re.IGNORECASE,
)
_SPAN_BEFORE = re.compile(
    r"\b(?:in|after|for|per|every|over|within|during|each|next|first|last|past|end of)\s+"
    r"(?:the\s+)?(?:next\s+|first\s+|last\s+|past\s+)?\Z",
    re.IGNORECASE,
)
_SPAN_BEHIND = re.compile(
    r"[\s-]*(?:seconds?|minutes?|hours?|days?|nights?|weeks?|months?|years?)\b", re.IGNORECASE
)
_OPERATION = re.compile(r"\s*[-+*/×x÷·]\s*[$€£¥]?\s*[\d(.]", re.IGNORECASE)
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
_CHINESE = re.compile(r"\W*([零一二两三四五六七八九十百千万]+)(?!共|起|些|样)")
_CHINESE_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"两": 2}
_CHINESE_UNITS = {"十": 10, "百": 100, "千": 1000}


class _Found(NamedTuple):
    start: int
    end: int
    value: Fraction


def number_of(text: str) -> Fraction | None:
    """Return the number that a text gives as its answer; None where it gives none."""
    text = _until_next_question(_without_reasoning(text))
    number = _last_marked(_HASHES, text)
    if number is not None:
        return number
    if "\\boxed" in text:
        return _boxed(text)
    number = _last_marked(_ANSWER_IS, text)
    if number is not None:
        return number
    return _unmarked(text)


def _without_reasoning(text: str) -> str:
    """Return what a text says behind its reasoning, in whatever tags or channels that stands."""
    parsed = detect.parse(text)
    is_set_aside = bool(parsed.reasoning) or detect.format_of(text) == "harmony"
    return parsed.content if is_set_aside and not parsed.malformed else text


def _until_next_question(text: str) -> str:
    """Return a text up to the next question that it goes on with behind an answer."""
    marks = [mark.search(text) for mark in (_HASHES, _ANSWER_IS)]
    starts = [mark.start() for mark in marks if mark]
    if not starts:
        return text
    question = _NEXT_QUESTION.search(text, min(starts))
    return text[: question.start()] if question else text


def _last_marked(mark: re.Pattern[str], text: str) -> Fraction | None:
    """Return the number behind the last mark that has one; on the next line, if it is alone."""
    for match in reversed(list(mark.finditer(text))):
        number = _stated(match["phrase"])
        if number is None and not match["phrase"].strip(" *:$"):
            number = _stated(text[match.end() : match.end() + _LONGEST].lstrip().partition("\n")[0])
        if number is not None:
            return number
    return None


def _boxed(text: str) -> Fraction | None:
    for inside in reversed(text.split("\\boxed")[1:]):
        number = _stated(_braced(inside))
        if number is not None:
            return number
    return None


def _stated(phrase: str) -> Fraction | None:
    """Return the number that a phrase behind a mark gives."""
    plain = _plain(phrase)
    numbers = list(_numbers(plain)) or list(_in_words(plain))
    return _chosen(plain, numbers, 0)


def _unmarked(text: str) -> Fraction | None:
    """Return the number of a text without any mark."""
    first = _plain(text.strip().partition("\n")[0][:_LONGEST])
    alone = list(_numbers(first))
    if len(alone) == 1 and not re.search(r"\w", first[: alone[0].start] + first[alone[0].end :]):
        return alone[0].value
    for part in (_AFTERWORD.split(text, maxsplit=1)[0], text):
        for sentence in reversed(_SENTENCE.split(part)):
            if not _DIGIT.search(sentence):
                continue
            plain = _plain(sentence[-_LONGEST_SENTENCE:])
            for words in (_PARENTHESES.sub(" ", plain), plain):
                number = _chosen(words, list(_numbers(words)), -1)
                if number is not None:
                    return number
    spoken = list(_in_words(text)) if len(text.split()) <= _FEW_WORDS else []
    return spoken[-1].value if spoken else None


def _chosen(text: str, numbers: list[_Found], which: int) -> Fraction | None:
    """Return one of the numbers of a text: of an equation the side that is a number alone, else the
    first (0) or last (-1) that is not only a label or a span of time."""
    if not numbers:
        return None
    equals = text.rfind("=", 0, numbers[-1].start)
    if equals >= 0:
        behind = next(found for found in numbers if found.start > equals)
        before = [found for found in numbers if found.end <= text.find("=")]
        if _OPERATION.match(text, behind.end) and len(before) == 1:
            return before[0].value
        return behind.value
    likely = [found for found in numbers if not _is_beside_the_point(text, found)]
    return (likely or numbers)[which].value


def _is_beside_the_point(text: str, found: _Found) -> bool:
    before = text[max(0, found.start - 40) : found.start]
    if _LABELLED.search(before):
        return True
    return bool(_SPAN_BEFORE.search(before) and _SPAN_BEHIND.match(text, found.end))


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


def _plain(text: str) -> str:
    """Return the text without LaTeX and Markdown, with fractions and mixed numbers as a/b."""
    text = "".join(_fraction_sign(sign) for sign in text)
    text = _FRACTION.sub(r" \1/\2 ", text)
    text = _TIMES.sub("×", _POWER.sub(r"^\1", text))
    text = _MARKUP.sub(lambda match: match[1] or "", text)
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


def _numbers(text: str) -> Iterator[_Found]:
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
        yield _Found(match.start(), match.end(), -value if is_negative else value)


def _value(digits: str, power: str = "") -> Fraction:
    """Return the value of digits, in whatever way their groups and their point are written."""
    digits = re.sub(rf"{_SPACE}|[_']", "", digits)
    head, comma, tail = digits.rpartition(",")
    if comma and len(tail) < 3 and "." not in tail:
        digits = f"{head.replace('.', '').replace(',', '')}.{tail}"
    return Fraction(Decimal(digits.replace(",", "") + power))


def _in_words(text: str) -> Iterator[_Found]:
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
        yield _Found(match.start(), match.end(), -value if match["sign"] else value)
    # elsewhere these signs are parts of words, as in 一共
    if chinese := _CHINESE.match(text):
        yield _Found(chinese.start(), chinese.end(), Fraction(_chinese(chinese[1])))


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
