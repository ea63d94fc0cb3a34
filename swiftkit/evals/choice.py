r"""The choice (A, B, ...) that an answer names, where there is exactly one.

Read in this order: the last `\boxed{}`; what follows the last "answer is", "Answer:", "option
is", 答案, 选, "I choose"; an answer that is the text of a choice; "B is correct"; a first or last
line such as "B. Paris", "(B)" or "So B". A letter that is rejected ("option B is wrong") does
not count. Full-width letters count as letters. Several letters in one place ("A or B") are no
answer, nor is the article ("A dog is ...").
"""

import re
import unicodedata
from collections.abc import Sequence

_LONGEST = 200  # characters behind a mark
_MOST = 100  # marks from the end
_MARK = re.compile(
    r"\b(?:(?:answer|option|choice)[\"']?|correct\s+\w{1,12})(?:,\s\w{1,12},)?"
    r"(?:\s+(?:is|was|should\s+be|must\s+be|would\s+be)\b|\s?[:：=]|\s[-–—]\s)"
    r"(?:\s+(?:most\s+likely|likely|probably|clearly|definitely|therefore|indeed)\b)?"
    r"|<answer>|\b(?:choose|select|pick|go\s+with)\b|(?:答案|选项)(?:应该)?[是为:：]*|答[:：]"
    r"|(?:应|故|应该)?选择?",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"\\(?:text|textbf|mathrm|mathbf|boxed)\s?\{|[*_`$#{}\"'<>\[\]]")
_NAMES = r"(?:(?:the|option|choice|answer|letter|correct)\s+|[:：\s(（])*"
_ENDS = (
    r"(?=\s*(?:[.,;:!)）、。，；\n]|\Z|(?:because|since|as|or|and|if)\b|[-–—](?!\d)|[或和与])"
    r"|[\u4e00-\u9fff])"
)
_LETTER = re.compile(rf"{_NAMES}([A-Za-z])(?![A-Za-z'’]){_ENDS}|{_NAMES}([B-HJ-Z])(?![A-Za-z'’])")
_MORE = re.compile(
    r"[\s)）.]*(?:,|/|&|、|或者?|和|与|\bor\b|\band\b)\s*(?:option\s+|either\s+)?[(（]?([A-Z])(?![A-Za-z'’])"
)
_LINE = re.compile(
    r"(?:(?:so|thus|hence|therefore),?\s+)?(?:it(?:['’]?s|\s+is)\s+)?(?:(?:option|choice)\s+)?"
    r"(?:[(（]([A-Za-z])[)）]|([A-Za-z])\s*(?:[.:：)）、。](?!\w\.)|\Z))",
    re.IGNORECASE,
)
_NOT = re.compile(r"\s*(?:not|isn't|neither|不)", re.IGNORECASE)
_WRONG = re.compile(  # what follows a letter that is rejected, or that others chose
    r"[)）]?\s*(?:选?项)?\s*(?:是|为)?(?:错|不|有误|的)"
    r"|[)）]?\s+(?:is|are|was)\s+(?:not|wrong|incorrect|false)",
    re.IGNORECASE,
)
_SAID = re.compile(  # "B is the correct answer", B选项正确; not "A and B are"
    r"(?<![\w'’])(?<!\b(?:or)\s)(?<!\band\s)(?<![,/&]\s)(?<![和与或、])[(（]?([A-Z])[)）]?(?:"
    r"\s+is\s+(?:(?:therefore|thus|clearly|also)\s+)?(?:the\s+)?(?:only\s+|best\s+|most\s+)?"
    r"(?:correct|right|answer)\b(?!-)|\s?选?项?(?:是|为)?正确)"
)


def choice_of(text: str, letters: str, choices: Sequence[str] = ()) -> str:
    """Return the letter that a text names, "" where it names none or several.

    `choices` are the texts of the choices, in the order of the letters. Never raises.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    for mark in ("\\boxed", _MARK):
        if named := _marked(text, mark, letters):
            return named if len(named) == 1 else ""
    plain = _MARKUP.sub("", text).strip()
    for letter, choice in zip(letters, choices, strict=False):
        if plain.rstrip(".").casefold() == choice.strip().casefold():
            return letter
    said = set(_SAID.findall(plain)) & set(letters)
    if said:
        return said.pop() if len(said) == 1 else ""
    lines = plain.splitlines() or [""]
    named_by_lines = {
        letter for line in (lines[0], lines[-1]) if (letter := _of_line(line, letters))
    }
    return named_by_lines.pop() if len(named_by_lines) == 1 else ""


def _marked(text: str, mark: str | re.Pattern[str], letters: str) -> str:
    """Return the letters behind the last mark that has one."""
    if isinstance(mark, str):
        ends = [found.end() for found in re.finditer(re.escape(mark), text)]
    else:
        ends = [found.end() for found in mark.finditer(text)]
    for end in reversed(ends[-_MOST:]):
        phrase = _MARKUP.sub("", text[end : end + _LONGEST]).lstrip()
        if named := _letters(phrase, letters):
            return named
    return ""


def _letters(phrase: str, letters: str) -> str:
    found = None if _NOT.match(phrase) else _LETTER.match(phrase)
    if not found:
        return ""
    named = (found[1] or found[2]).upper()
    if _WRONG.match(phrase, found.end()):
        return ""
    more = _MORE.match(phrase, found.end())
    if more and more[1] != named:
        return named + more[1]
    return named if named in letters else ""


def _of_line(line: str, letters: str) -> str:
    found = _LINE.match(line.strip())
    if not found:
        return ""
    named = (found[1] or found[2]).upper()
    more = _MORE.match(line.strip(), found.end())
    return named if named in letters and not more else ""
