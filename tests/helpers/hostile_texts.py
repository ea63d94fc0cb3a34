"""Hostile answers over all wire formats, made from what each format itself renders.

`fuzzed` gives short texts, broken in many ways; `repeats` long ones, in which a reader that looks
twice at the same place takes quadratic time. Both are the same for the same seed.
"""

import re
from collections.abc import Iterator
from functools import cache
from random import Random

from swiftkit.errors import DataError
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.reasoning import TAGS
from swiftkit.toolcall.wire_format import load_all

_TEXT = {"text": 'it\'s <b> & "so"', "lines": "a\nb", "empty": "", "city": "北京"}
_CALLS = [
    ToolCall("get_weather", {"city": "Oslo", "days": [1, 2.5], "wide": None, "now": True, "n": 5}),
    ToolCall("now", {}),
    ToolCall("say", _TEXT),
    ToolCall("a.b_c", {"deep": {"k": [{"a": "b"}, [[-3]]]}, "number": "5"}),
]
_ANSWERS = [[0], [1], [2], [3], [0, 1], [1, 1, 0], [0, 2, 1, 3]]  # which calls
_CHARACTERS = [
    *"<>{}[]()\"'`\\\n\r\t ,:;=#/|&-_5xtN",
    "\x00",
    "\x1b",
    "\u2028",
    "\ud83d",
    "\udc00",
    "é",
    "｜",
    "▁",
]
_VALUES = [
    '""',
    "'",
    "0x1",
    "05",
    "-",
    "1e999",
    "NaN",
    "9" * 400,
    "[" * 300,
    '{"a":' * 200,
    "\\u",
    "\\ud800",
    "None",
    "]]>",
]
_SWAPS = [
    ('"', "'"),
    (": ", ":"),
    ("\n", ""),
    ("\n", "\r\n"),
    (",", ""),
    ("true", "True"),
    ("<", "&lt;"),
    ("5", "5.0"),
    ("Oslo", "\ud835"),
]
_TOKEN = re.compile(r"<[^<>\s\"=]*[>=]?|\[[A-Z_]+\]|```\w*|✿\w+✿:?|>>>|\w+|\s+|[^\w\s]")


@cache
def renderings(name: str) -> tuple[str, ...]:
    """Return answers in a format, of one to four calls."""
    texts = []
    for answer in _ANSWERS:
        try:
            texts.append(load_all()[name].render([_CALLS[index] for index in answer]))
        except DataError:  # the format cannot carry such values
            continue
    return tuple(texts)


@cache
def tokens(name: str) -> tuple[str, ...]:
    """Return the tags, words, signs and marks of a format."""
    signs = load_all()[name].SIGNS
    marks = [*signs.opening, *signs.closing, signs.ending, signs.prefix]
    found = dict.fromkeys(marks)
    for text in renderings(name):
        found.update(dict.fromkeys(_TOKEN.findall(text)))
    return tuple(filter(None, found))


def fuzzed(seed: int, count: int) -> Iterator[tuple[str, str]]:
    """Yield (text, name of the format that it was made from)."""
    draw = Random(seed)  # noqa: S311 - no cryptography
    names = sorted(load_all())
    for _ in range(count):
        name = draw.choice(names)
        text = draw.choice(renderings(name))
        if draw.random() < 0.1:
            text = "".join(draw.choices(tokens(name), k=draw.randrange(20)))
        for _ in range(draw.choice((1, 1, 2, 3))):
            other = draw.choice(names if draw.random() < 0.5 else [name])
            text = _broken(text, other, draw)
        yield text, name


def _broken(text: str, name: str, draw: Random) -> str:
    """Return a text that is cut, doubled, spliced or filled, perhaps with what `name` writes."""
    start, end = sorted((draw.randrange(len(text) + 1), draw.randrange(len(text) + 1)))
    token = draw.choice(tokens(name))
    answer = draw.choice(renderings(name))
    opening, closing = draw.choice(list(TAGS.items()))
    old, new = draw.choice(_SWAPS)
    return draw.choice(
        [
            text[:start],
            text[:start] + text[end:],
            text[:end] + text[start:],
            text[:start] + token + text[start:],
            text[:start] + token + text[end:],
            text[:start] + token * draw.choice((2, 3, 50, 300)) + text[end:],
            text[:start] + answer + text[start:],
            text + draw.choice(("", "\n", " and ")) + answer,
            draw.choice((opening, f"{opening}Hm.{closing}", f"Hm.{closing}", "")) + text,
            text[:start] + draw.choice(_CHARACTERS) + text[start + 1 :],
            text[:start] + draw.choice(_VALUES) + text[start:],
            text.replace(old, new, draw.choice((1, 2, -1))),
        ]
    )


def repeats(name: str) -> Iterator[tuple[str, str]]:
    """Yield (beginning, unit) of long texts: an answer that breaks off behind some token, and then
    one or two tokens, or a piece of the answer, again and again."""
    answer = renderings(name)[0]
    ends = [match.end() for match in _TOKEN.finditer(answer)]
    beginnings = ["", *[answer[:end] for end in ends[:: len(ends) // 5 + 1]]]
    units = [*tokens(name), '"', "\\", "{", "[", "(", "<", "</think>", "<think>", " ", "\n", "a"]
    units += [first + second for first in units[:4] for second in units[:4]]
    units += [
        answer,
        answer[: len(answer) // 2],
        answer[len(answer) // 2 :],
        answer[: len(answer) // 4],
    ]
    for beginning in beginnings:
        for unit in dict.fromkeys(units):
            yield beginning, unit
