r"""The number that a text gives as its answer, as an exact fraction.

Reasoning is set aside (`<think>`, Harmony's channels), and so is what follows an answer: a next
question that a base model goes on with, an explanation, an offer of help. The number then stands
behind the best mark that the text has:

1. the last `####` with a number behind it; a heading such as `#### 2. Money` has none
2. the last `\boxed{}` with a number in it; if none has one, there is no answer
3. the last "the answer is" or "should be", "Answer:", `"answer":`, 答案 with a number in its
   sentence
4. no mark: the first line, if it is a number alone; else the last sentence with a number: what is
   **bold** in it, or all but parentheses and reasons ("because ...")

Behind a correction ("wait, no", 不对) what follows it counts before 3; "if ..., the answer would
be" is no mark. Of several numbers in what a mark announces the first counts, in a sentence
without a mark the last; of an equation the side that is a number alone: 7 of "3 + 4 = 7 apples"
and of "7 = 3 + 4". Options ("option 2: 18"), spans of time and what is shared ("18 dollars in 2
weeks", "for 3 people") count only where there is no other number; never parts of sums, terms
(2x), ranges and choices (15-20, 15 or 20), times, dates, 2 hours 15 minutes, a number behind
"not" or "more than".

How numbers are written: evals/written_numbers.py. Units, currencies and percent signs are ignored.
"""

import re
from fractions import Fraction

from swiftkit.evals.written_numbers import (
    Found,
    is_lone_scale,
    numbers_in_digits,
    numbers_in_words,
    plain,
)
from swiftkit.toolcall.visible_text import visible_text

_LONGEST = 200  # characters of an answer that is marked, and of a number
_LONGEST_SENTENCE = 2000  # what stands before is not read
_MOST = 100  # marks, or sentences, from the end
_BEFORE = 40  # characters before a number that are looked at
_FEW_WORDS = 6  # of a text without digits where any word of a number counts
_SMALL = 10  # such a word is often none in a longer one: "one of the two"
_DIGIT = re.compile(r"[\d\u00bc-\u00be\u2150-\u215e]")
_ANSWER_IS = re.compile(
    r"(?:(?:\b|_)answer[\"']?(?:\s+(?:is|was|should\s+be|must\s+be|would\s+be|will\s+be|equals|comes\s+to)"
    r"\b|\s*\([^()\n]{1,30}\)\s*[:=]|\s*[:：=]|\s+[-–—](?=\s))|答案(?:是|为|：|:))[\s:：*=]*"
    r"(?=(?P<phrase>(?:[^\n.。]|\.(?=\S)){0,200}))",
    re.IGNORECASE,
)
_HASHES = re.compile(  # the number of a heading ("#### 2. Money") is none
    r"####(?!#)\s*+(?:(?:the )?(?:final )?answer(?: is)?)?(?!\W{0,20}\d+[.)]\s+[^\W\d])"
    r"(?P<phrase>[^\w\n]{0,20}(?:(?:[a-z]|us|nt|hk|rs\.?|about|minus|negative)[^\w\n]{1,10})?"
    r"[\d\u00bc-\u00be\u2150-\u215e][^\n]{0,200}|\s*\Z|\s*\n)",
    re.IGNORECASE,
)
_NEXT_QUESTION = re.compile(
    r"^[^\S\n]{0,9}[#*]{0,9} ?(?:(?:question|problem|q|问题)\s?\d{0,9}\s?[:：]"
    r"|(?:question|problem) \d{1,9}\W{0,9}$|(?:human|user)\s?[:：]|instruction\b)"
    r"|<\|(?:user|im_start|start_header_id)\|>",
    re.IGNORECASE | re.MULTILINE,
)
_AFTERWORD = re.compile(
    r"^\W{0,5}(?:explanation|explanations|note|check|verification|confidence|说明|解释)\W{0,3}[:：]"
    r"|\b(?:let me|let's) (?:verify|double-check|check (?:this|that|our|it|the answer))\b"
    r"|^\W{0,5}here(?:'s| is) (?:why|how)"
    r"|\bI(?:'m| am) (?:about )?\d+\s?% (?:sure|confident|certain)"
    r"|\b(?:let me know|feel free|i hope this|hope this helps|if you have any)\b",
    re.IGNORECASE | re.MULTILINE,
)
_CORRECTION = re.compile(
    r"(?:\A|[.!?\n]|\s[-–—])[^\S\n]{0,9}(?:oh,? |no,? )?"
    r"(?:wait|hold on|oops|sorry|correction|scratch that)\b"
    r"|[.…]\s?no, (?=it|that|the|\W?\d)|\bactually,? (?:no\b|it|the answer|that)"
    r"|\bactually,? (?:I|we) (?:forgot|missed|made|overlooked|mis\w{1,20})\b|不对|错了|更正",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(r"\bif\b[^.!?\n]*\Z", re.IGNORECASE)  # before "the answer would be"
_SENTENCE = re.compile(
    r"(?<=[.!?。！？])(?<!i\.e\.)(?<!e\.g\.)\s+|(?<=[。！？])|\n+|,\s+(?=(?:so|thus|hence|therefore)\b)",
    re.IGNORECASE,
)
_REASON = re.compile(  # what stands behind it in a sentence is no answer
    r"\s(?:because|since|compared (?:to|with))\s|,\s(?:or|using|where)\s|，?(?:因为|，原来)"
    r"|,[^,]{0,20}\sof (?:whom|which)\b|\sthan (?:his|her|their|the)\s"
    r"|\s(?:(?:by|after|before|when|while)\s\w{1,20}ing|before (?:he|she|it|they))\s[^,]*\Z",
    re.IGNORECASE,
)
_LIST = re.compile(r"[,;]\s+|(?<=\d),(?=\d{1,2}\))|\band\b")
_BULLET = re.compile(r"\A\s*[-*•–]\s+")
_PARENTHESES = re.compile(r"\([^()]*\)|（[^（）]*）|[,，]\s?(?:其中|of which|including)[^。\n]*")
_LABELLED = re.compile(r"\b(?:option|choice)\s*\(?#?\Z", re.IGNORECASE)
_STRONG = re.compile(r"(?:共|合计|总计|总数)[^\d，。]{0,4}\Z")
_RATE_BEFORE = re.compile(r"\bat\s+[$€£¥]?\Z", re.IGNORECASE)
_RATE = re.compile(r"\s+(?:\w{1,20}\s+)?(?:an?|per|each)\b|/", re.IGNORECASE)
_BOLD = re.compile(r"\*\*([^*\n]{0,99}[^*\n.:：)])\*\*")
_RATE_BEHIND = re.compile(r"\s+(?:\w+\s+)?(?:(?:in\s+)?each\b(?!\s+[a-z])|apiece\b)", re.IGNORECASE)
_SPAN_BEFORE = re.compile(
    r"\b(?:in|after|for|per|every|over|within|during|each|next|first|last|past|end of)\s+"
    r"(?:the\s+)?(?:next\s+|first\s+|last\s+|past\s+)?\Z",
    re.IGNORECASE,
)
_SHARED_BEFORE = re.compile(
    r"(?:\b(?:in|for|among|into|across|from)|\d\s+(?:\w{1,20}\s+)?of)\s+(?:(?:the|all|each|of)\s+){0,3}\Z",
    re.IGNORECASE,
)
_SHARED_BEHIND = re.compile(r"\s+(?!dollars?|cents?|euros?|pounds?|yuan)[a-z]{2}", re.IGNORECASE)
_OF_SPAN = re.compile(  # "18 hours to read 2 books", "18 out of 20", "每排7个"
    r"(?:\bout\s+of|(?<!left)(?<!up)(?<!back)(?<!ends)(?<!inish)(?<!ished)\swith|(?:second|minute|hour|day|night|week|month|year)s?\s+to\s+\w{1,20}"
    r"|\d\s+\w{1,20}\s+to\s+(?:carry|travel|cover|hold|transport|fit|feed|fill|serve)(?:\s+all)?(?:\s+the)?"
    r"|\bmore\s+(?:\w{1,20}\s+)?to\s+\w{1,20}(?:\s+the)?)\s+\Z|每[^\d，。]{0,2}\Z",
    re.IGNORECASE,
)
_SPAN_BEHIND = re.compile(
    r"[\s-]*(?:seconds?|minutes?|hours?|days?|nights?|weeks?|months?|years?)\b", re.IGNORECASE
)
_SIGN = r"[-+*/×x÷·\u2212\u2013\u2014]|times|plus|minus|multiplied\s+by|divided\s+by"
_OPERATION = re.compile(rf"\s*(?:{_SIGN})\s*[$€£¥]?\s*[\d(.]", re.IGNORECASE)
_UNIT = (
    r"(?:years?|months?|weeks?|days?|hours?|hrs?|h|minutes?|mins?|m|seconds?|feet|foot|ft|inch(?:es)?"
    r"|pounds?|lbs?|ounces?|dollars?|cents?|kilometers?|km|kg|小时|分钟?|秒|天|元|角|年|个?月)"
)
_MONTH = (
    r"(?-i:(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?)"
)
_TO = r"(?:\s+(?:to|or|and)\s+(?:maybe\s+|perhaps\s+|possibly\s+|about\s+)?|\s?[~〜至到]\s?)"
_NO_NUMBER_BEHIND = re.compile(  # an operation, a span, a choice, a time, a term, a date, 2 h 5 min
    rf"{_OPERATION.pattern}|{_TO}[$€£¥]?\d|[:：'′,]\d|\s?[ap]\.?m\b|\s?点"
    r"|\s?(?:\\(?:pi|sqrt|[lg]eq?|[lg]t|pm|sin|cos|log|ln|frac)(?![a-z])|[π√≤≥±])"
    r"|\s?[xyzni](?:\s*[-+*/^=)$]|\s*\Z)"
    rf"|(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}"
    r"|\.?\\(?:overline|bar|dot)(?![a-z])|\d|\s?[<>]\s?[a-z\d]|(?:\s+[a-z]{1,20})?\s+(?:minus|plus|times)\s+\d"
    r"|\s+(?:less|more|fewer)\s+than\s+\d|\s?%\s+(?:sure|certain|confident|correct|accura)"
    rf"|\s{{0,3}}{_UNIT}\.?(?:,?\s+and\s+|,?\s*)\d+\s{{0,3}}(?:{_UNIT}|in|s)(?![a-z])",
    re.IGNORECASE,
)
_NO_NUMBER_BEFORE = re.compile(
    rf"(?:(?:\d%?|\b\d{{0,9}}[xyzn])(?:\s*(?:{_SIGN})|{_TO})|\)\s*[-+*/×÷]"
    rf"|(?:\\(?:[lg]eq?|[lg]t|pm)(?![a-z])|[√≤≥±])|\d\s+(?:or|and)\s+[a-z]\s?="
    rf"|\bbetween|\bbetween\s+[$€£¥]?[\d.,]{{1,20}}\s+and"
    rf"|\b{_MONTH}|\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?"
    rf"|\d\s{{0,3}}{_UNIT}\.?)\s*[$€£¥(]?\Z|\d[:：'′,点]\Z|\b[a-z]\s?[<>]\s?\Z"
    r"|[a-z]-\Z|\b[a-z]\(\Z|[万亿]\Z"
    r"|(?:\bnot|isn't|\binstead\s+of|\b(?:rather|more|less|fewer|greater|other)\s+than)\s+[$€£¥]?\Z"
    r"|\b(?:step|question|problem|case|method)\s*\(?#?\Z"
    r"|\b(?!(?:is|was|to|equals|now|of)\s)\w{1,20}\s+(?:minus|plus|times)\s+\Z",
    re.IGNORECASE,
)

_LARGER_UNIT = re.compile(rf"\d\s{{0,3}}{_UNIT}\.?(?:,?\s+and|,)\s*\Z", re.IGNORECASE)
_SMALLER_UNIT = re.compile(rf"\s{{0,3}}(?:{_UNIT}|in|s)(?![a-z])", re.IGNORECASE)


def number_of(text: str) -> Fraction | None:
    """Return the number that a text gives as its answer; None where it gives none."""
    text = _until_next_question(visible_text(text)).replace("\\fbox", "\\boxed")
    if (number := _last_marked(_HASHES, text)) is not None:
        return number
    if "\\boxed" in text:
        return _boxed(text)
    if corrections := list(_CORRECTION.finditer(text)):
        corrected = text[corrections[-1].end() :]
        number = _last_marked(_ANSWER_IS, corrected)
        if number is None:  # "wait, let me check" goes on with sums that are no answer
            number = _unmarked(_AFTERWORD.split(corrected, maxsplit=1)[0])
        if number is not None:
            return number
    if (number := _last_marked(_ANSWER_IS, text)) is not None:
        return number
    return _unmarked(text)


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
    for match in reversed(list(mark.finditer(text))[-_MOST:]):
        before = text[max(0, match.start() - _LONGEST) : match.start()]
        if "would" in match[0].lower() and _SUPPOSED.search(before):
            continue
        number = _stated(match["phrase"])
        if number is None and not match["phrase"].strip(" *:$"):
            number = _stated(text[match.end("phrase") :][:_LONGEST].lstrip().partition("\n")[0])
        if number is not None:
            return number
    return None


def _boxed(text: str) -> Fraction | None:
    for inside in reversed(text.split("\\boxed")[1:][-_MOST:]):
        phrase = _braced(inside)
        parts = [part for part in _LIST.split(plain(phrase)) if _DIGIT.search(part)]
        if len(parts) > 1 or "\\infty" in phrase:
            return None
        number = _stated(phrase)
        if number is not None:
            return number
    return None


def _stated(phrase: str) -> Fraction | None:
    """Return the number that a phrase behind a mark gives."""
    text = plain(phrase)
    return _chosen(text, _clear_numbers(text) or list(numbers_in_words(text)), 0)


def _clear_numbers(text: str) -> list[Found]:
    """Return the numbers in digits, and the words that are hardly anything but a number."""
    numbers = list(numbers_in_digits(text))
    for found in numbers_in_words(text):
        is_clear = abs(found.value) > _SMALL and not is_lone_scale(text[found.start : found.end])
        if is_clear and not any(other.start <= found.start < other.end for other in numbers):
            numbers.append(found)
    return sorted(numbers)


def _unmarked(text: str) -> Fraction | None:
    """Return the number of a text without any mark."""
    first = plain(text.strip().partition("\n")[0][:_LONGEST])
    alone = list(numbers_in_digits(first))
    if len(alone) == 1 and not re.search(r"[\w?]", first[: alone[0].start] + first[alone[0].end :]):
        return alone[0].value
    for part in (_AFTERWORD.split(text, maxsplit=1)[0], text):
        sentences = _SENTENCE.split(part)[-_MOST:]
        for is_outside in (True, False):
            for sentence in reversed(sentences):
                bold = [part for part in _BOLD.findall(sentence) if _DIGIT.search(part)]
                if len(bold) == 1 and len(numbers := _clear_numbers(plain(bold[0]))) == 1:
                    return _chosen(plain(bold[0]), numbers, 0)
                sentence = plain(_BULLET.sub("", sentence[-_LONGEST_SENTENCE:]))
                if is_outside:
                    sentence = _PARENTHESES.sub(" ", sentence)
                reasoned = _REASON.split(sentence, maxsplit=1)[0]
                if _DIGIT.search(reasoned):
                    sentence = reasoned
                if numbers := _clear_numbers(sentence):
                    return _chosen(sentence, numbers, -1)
    words = len(text.split())
    spoken = [found for found in numbers_in_words(text) if found.value > 1 or words < 3]
    return spoken[-1].value if spoken and words <= _FEW_WORDS else None


def _chosen(text: str, numbers: list[Found], which: int) -> Fraction | None:
    """Return one of the numbers of a text: of an equation the side that is a number alone, else the
    first (0) or last (-1) that is not only a label or a span of time."""
    whole = [found for found in numbers if not _is_part(text, found)]
    equals = text.rfind("=", 0, numbers[-1].start) if numbers else -1
    if equals >= 0:
        behind = next(found for found in numbers if found.start > equals)
        before = [found for found in numbers if found.end <= text.find("=")]
        side = [behind] if behind in whole else before
        return side[0].value if len(side) == 1 and side[0] in whole else None
    strong = [found for found in whole if _STRONG.search(text[: found.start][-_BEFORE:])]
    likely = [found for found in whole if not _is_beside_the_point(text, found)]
    chosen = strong or likely or whole
    return chosen[which].value if chosen else None


def _is_part(text: str, found: Found) -> bool:
    """Return whether a number is part of a sum, a span, a choice, a time, a date or a term."""
    before = text[max(0, found.digits - _BEFORE) : found.digits]
    if _LARGER_UNIT.search(before) and _SMALLER_UNIT.match(text, found.end):
        return True
    return bool(_NO_NUMBER_BEFORE.search(before) or _NO_NUMBER_BEHIND.match(text, found.end))


def _is_beside_the_point(text: str, found: Found) -> bool:
    before = text[max(0, found.start - _BEFORE) : found.start]
    if _LABELLED.search(before) or _OF_SPAN.search(before) or _RATE_BEHIND.match(text, found.end):
        return True
    if _RATE_BEFORE.search(before) and _RATE.match(text, found.end):
        return True
    if _SHARED_BEFORE.search(before) and _SHARED_BEHIND.match(text, found.end):
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
