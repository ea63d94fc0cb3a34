"""Completions as no one expects them: mutations of right and wrong ones, and texts that grow."""

import random
from collections.abc import Iterator, Sequence

_PIECES = (
    "<think>", "</think>", "<answer>", "</answer>", "<tool_call>", "</tool_call>", "<|im_end|>",
    "\\boxed{", "\\boxed{}", "\\frac{1}{0}", "####", "#### ", "Action:", "Action Input:", "```",
    "```python\n", "{", "}", "[", "]", "[]", "{}", "(", ")", '"', "'", "\\", "\\u", "\\u00",
    "\x00", "\u200b", "\u202e", "\ufffd", "\ufeff", "\U0001f600", "²", "½", "١٢", "１２", "Ⅷ", "ß",
    "İ", "nan", "NaN", "inf", "-inf", "1e999", "-0", "1/0", "0x1F", "1_000", "1,,2", "..", "--5",
    "+", "%", "$", "9" * 400, "9" * 5000, "1." + "0" * 500, "null", "None", "true", "False",
    "{}{}", '{"name": 1}', '{"name": null, "arguments": null}', '{"name": "f", "arguments": []}',
    "[[[]]]", "[1, [2]]", '{"a": {"b": []}}', "\n", "\n\n", "\r\n", "\t", " ", ",", ":", ";", "=",
    "|", "&", "A", "B", "yes", "中文", "答案", "<", ">", "/", "*", "^", "_", "~", "?", "(?", "[a-",
    "%s", "{0}", "{x}",
)  # fmt: skip
SIZES = (1_000, 4_000, 16_000, 64_000)  # characters


def mutations(
    bases: Sequence[tuple[int, str]], texts: Sequence[str], seed: int
) -> Iterator[tuple[int, str]]:
    """Yield (row, completion) without end, each base mutated in one to four places."""
    draw = random.Random(seed)  # noqa: S311 - the same audit twice finds the same
    pieces = [*_PIECES, *texts]
    for row, _ in bases:
        yield row, ""
    for piece in pieces:
        yield bases[0][0], piece
    while True:
        row, text = draw.choice(bases)
        if draw.random() < 0.05:
            text = "".join(draw.choices(pieces, k=draw.randrange(1, 12)))
        for _ in range(draw.randrange(1, 5)):
            text = _mutated(text, draw, pieces, draw.choice(bases)[1])
        yield row, text


def _mutated(text: str, draw: random.Random, pieces: Sequence[str], other: str) -> str:
    start, end = sorted((draw.randrange(len(text) + 1), draw.randrange(len(text) + 1)))
    match draw.randrange(9):
        case 0:
            return text[:start]
        case 1:
            return text[start:]
        case 2:
            return text[:start] + text[end:]
        case 3:
            return text[:end] + text[start:]
        case 4:
            return text[:start] + other[start:]
        case 5:
            return text[:start] + text[start:end][::-1] + text[end:]
        case 6:
            return text[:start] + chr(draw.choice((draw.randrange(128), draw.randrange(0xD7FF))))
        case _:
            return text[:start] + draw.choice(pieces) + text[start:]


def growing(core: str, texts: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return families of texts of the lengths SIZES, by what they are made of.

    core: a right answer; its beginning opens what a pattern may look for the end of.
    """
    opening = core[: max(1, len(core) // 2)]
    units = [
        "a", " ", "\n", "0", "(", "[", "{", '"', "<", "a ", "1,", "<think>", "</think>", "<answer>",
        "\\boxed{", "<tool_call>\n", "####", "{}", core, opening,
    ]  # fmt: skip
    units += [text for text in texts if not text.isspace()][:20]
    families = []
    for unit in dict.fromkeys(units):
        families.append((f"{unit!r} repeated", [(unit * (size // len(unit))) for size in SIZES]))
    for unit in ("a", " ", "\n", "0", "x y", "}"):
        grown = [opening + unit * (size // len(unit)) for size in SIZES]
        families.append((f"a begun answer, then {unit!r} repeated", grown))
    return families
