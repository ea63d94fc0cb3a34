# ruff: noqa: ARG001, ARG002 - a reward takes what ms-swift gives it
"""Rewards without a flaw that the audit knows. DATA names the rows of each."""

import itertools
import json
import re
from fractions import Fraction
from typing import Any

DATA = {
    "tagged": "numbers",
    "boxed": "numbers",
    "last_line": "numbers",
    "as_fractions": "prices",
    "letter": "choices",
    "word": "words",
    "bigrams": "sentences",
    "Calls": "calls",
    "share_of_calls": "calls",
    "later": "numbers",
}
CALL = re.compile(r"<tool_call>([^<]*)</tool_call>")


def answer_of(text: str) -> str:
    """Return what stands behind the reasoning; nothing where it does not end."""
    head, closed, tail = text.rpartition("</think>")
    return (tail if closed else "" if "<think>" in head + tail else text).strip()


def only(pattern: str, text: str) -> str | None:
    """Return the one match of a pattern that may be there but once."""
    found = re.findall(pattern, answer_of(text))
    return found[0].strip() if len(found) == 1 else None


def tagged(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    pairs = zip(completions, solution, strict=True)
    return [float(only(r"<answer>([^<]*)</answer>", text) == gold) for text, gold in pairs]


def boxed(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    pairs = zip(completions, solution, strict=True)
    return [float(only(r"\\boxed\{([^{}]*)\}", text) == gold) for text, gold in pairs]


def last_line(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        found = only(r"####([^#\n]*)", text)
        rewards.append(1.0 if found == gold else 0.1 if found else 0.0)
    return rewards


def as_fractions(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    def value(text: str | None) -> Fraction | None:
        plain = (text or "").replace(",", "").strip()
        if not re.fullmatch(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?", plain):
            return None
        return Fraction(plain)

    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        found = value(only(r"Answer:([^\n]*)", text))
        rewards.append(-0.5 if found is None else float(found == value(gold)))
    return rewards


def letter(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        match = re.fullmatch(r"(?:The answer is )?\(?([A-D])\)?\.?", answer_of(text))
        rewards.append(float(match is not None and match[1] == gold))
    return rewards


def word(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    pairs = zip(completions, solution, strict=True)
    return [float(answer_of(text).lower() == gold.lower()) for text, gold in pairs]


def bigrams(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    """The F1 of pairs of words: order and length count."""

    def pairs(text: str) -> set[tuple[str, str]]:
        words = ["^", *text.lower().split()[:2000], "$"]
        return set(itertools.pairwise(words))

    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        got, wanted = pairs(answer_of(text)), pairs(gold)
        rewards.append(2 * len(got & wanted) / (len(got) + len(wanted)))
    return rewards


def calls_in(text: str) -> list[Any] | None:
    """Return the calls of an answer, None where one of them is broken."""
    answer = answer_of(text)
    blocks = CALL.findall(answer)
    if answer.count("<tool_call>") != len(blocks) or answer.count("</tool_call>") != len(blocks):
        return None
    try:
        calls = [json.loads(block) for block in blocks]
    except (ValueError, RecursionError):
        return None
    is_whole = all(isinstance(call, dict) and set(call) == {"name", "arguments"} for call in calls)
    return calls if is_whole else None


def same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


class Calls:
    """As ms-swift's classes are: made with args, called with a batch."""

    def __init__(self, args: Any = None, **kwargs: Any) -> None:
        self.args = args

    def __call__(
        self, completions: list[str], expected_calls: list[str], **kwargs: Any
    ) -> list[float]:
        rewards = []
        for text, gold in zip(completions, expected_calls, strict=True):
            rewards.append(float(same(calls_in(text), json.loads(gold))))
        return rewards


def share_of_calls(
    completions: list[str], expected_calls: list[str], **kwargs: Any
) -> list[float | None]:
    rewards: list[float | None] = []
    for text, gold in zip(completions, expected_calls, strict=True):
        wanted, found = json.loads(gold), calls_in(text)
        if not wanted:  # a row of another task
            rewards.append(None)
        elif not found:
            rewards.append(0.0)
        else:
            left = list(wanted)
            for call in found[:50]:
                right = next((each for each in left if same(each, call)), None)
                if right is not None:
                    left.remove(right)
            rewards.append((len(wanted) - len(left)) / max(len(wanted), len(found)))
    return rewards


async def later(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    return tagged(completions, solution)
