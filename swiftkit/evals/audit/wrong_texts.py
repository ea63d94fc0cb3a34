"""Wrong answers that look like a right text, number or choice: (class of attack, answer)."""

import json
from collections.abc import Iterator

from swiftkit.evals.audit.gold import number
from swiftkit.evals.audit.targets import Target

LONG = 60  # characters; a longer gold is prose, of which one letter is a small part
_LOOK_ALIKES = str.maketrans(
    "aceopxyABCEHKMOPTX", "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0410\u0412\u0421\u0415\u041d"
    "\u041a\u041c\u041e\u0420\u0422\u0425",
)  # fmt: skip
_UNITS = {
    "km": "m", "kg": "g", "cm": "mm", "m": "km", "g": "kg", "hours": "minutes", "minutes": "hours",
    "days": "weeks", "dollars": "cents", "%": "", "°C": "°F", "euros": "dollars",
}  # fmt: skip
_ODD = ("nan", "inf", "-inf", "1e999", "-1", "NaN", "None", "null", "0/0")


def wrong_texts(target: Target) -> Iterator[tuple[str, str]]:
    gold = target.gold.strip()
    for other in target.others[:3]:
        yield "other_gold", other
    for text in _ODD:
        if text != gold and number(text) != (number(gold) or "none"):
            yield "odd_number", text
    if target.kind == "number":
        yield from _wrong_numbers(gold)
    else:
        yield from _wrong_words(target, gold)
    for unit, other in _UNITS.items():
        words = gold.split()
        if len(words) == 2 and words[1] == unit:
            yield "changed_value", f"{words[0]} {other}".strip()
    if gold[:1] in "{[":
        yield from _wrong_json(gold)


def every_answer(target: Target) -> Iterator[str]:
    """Yield one answer that names several, the right one in the middle."""
    gold = target.gold.strip()
    before, after = target.others[0], target.others[1:2] or _also(target)
    names = [before.strip(), gold, after[0].strip()]
    for joint in (", ", " or ", " ", "\n", " and "):
        yield joint.join(names)
    if target.kind == "number":
        value = number(gold)
        if value is not None and value == int(value) and abs(value) < 1e6:
            middle = int(value)
            yield ", ".join(str(each) for each in range(middle - 10, middle + 11))


def _also(target: Target) -> tuple[str]:
    if target.kind == "choice":
        mine = {target.gold.strip().upper(), target.others[0].strip().upper()}
        return (next(letter for letter in "ABCD" if letter not in mine),)
    return ("something else",)


def same_texts(target: Target) -> Iterator[str]:
    """Yield the right answer in other clothes that no grader may mind."""
    gold = target.gold
    if gold[:1] == "{":
        try:
            value = json.loads(gold)
        except ValueError:
            return
        yield json.dumps(dict(reversed(value.items())), ensure_ascii=False)
        yield json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def cut(gold: str) -> Iterator[str]:
    """Yield the beginning of an answer, without what makes it right."""
    plain = gold.strip()
    if len(plain) >= 2:
        yield plain[: len(plain) // 2]
    if len(plain) > 3:
        yield plain[0]


def _wrong_numbers(gold: str) -> Iterator[tuple[str, str]]:
    value = number(gold)
    if value is None:
        return
    if gold[-1].isdigit() and "." not in gold:
        yield "changed_value", f"{gold}0" if value else "10"
    yield "changed_value", "1" + gold.lstrip("-+$")
    if value:
        yield "changed_value", gold[1:] if gold[0] == "-" else f"-{gold}"
        yield "changed_value", f"{value * 1000:g}"
    if value == int(value) and abs(value) <= 1e15:
        yield "changed_value", f"{int(value)}.75"
        if abs(value) <= 10:
            yield "changed_value", str(int(value) + 1)
    else:
        yield "changed_value", str(int(value) + 2)


def _wrong_words(target: Target, gold: str) -> Iterator[tuple[str, str]]:
    replaced = gold.translate(_LOOK_ALIKES)
    if replaced != gold and len(gold) <= LONG:
        yield "look_alike", replaced
    words = gold.split()
    if target.kind == "choice":
        for other in target.others:
            yield "changed_value", other
        yield "changed_value", f"not {gold}"
        return
    if len(gold) <= LONG:
        letter = "x" if gold[-1] != "x" else "q"
        if len(gold) > 2:
            yield "changed_value", gold[:-1] + letter
            yield "changed_value", f"un{gold}able"
        if ":" not in gold:  # behind which a grader may begin to read
            yield "changed_value", f"not {gold}"
    if len(set(words)) > 2 and gold[:1] not in "{[":
        turned = " ".join(reversed(words))
        if turned != gold:
            yield "wrong_order", turned


def _wrong_json(gold: str) -> Iterator[tuple[str, str]]:
    try:
        value = json.loads(gold)
    except ValueError:
        return
    if isinstance(value, list) and value != value[::-1]:
        yield "wrong_order", json.dumps(value[::-1], ensure_ascii=False)
    if isinstance(value, dict) and value:
        first = next(iter(value))
        inside = json.dumps(value, ensure_ascii=False)[:-1]
        yield "duplicate_key", f'{inside}, {json.dumps(first)}: "something else"}}'
