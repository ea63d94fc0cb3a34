# ruff: noqa: ARG001 - a reward takes what ms-swift gives it
"""Rewards of answers with planted flaws; PLANTED names them as the audit does."""

import difflib
import math
import re
import unicodedata
from typing import Any

TAG = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
PLANTED: dict[str, tuple[str, str]] = {  # name -> its data, its flaws
    "contains": ("numbers", "every_answer reasoning_only changed_value"),
    "any_number": ("numbers", "every_answer reasoning_only"),
    "first_integer": ("numbers", "changed_value raises"),
    "near": ("numbers", "odd_number raises"),
    "distance": ("numbers", "not_finite"),
    "longer_is_better": ("numbers", "padding gold_and_junk repeated_gold"),
    "counts": ("numbers", "repeated_gold keywords"),
    "half_for_tags": ("numbers", "format_only fragments"),
    "absolute": ("numbers", "changed_value same_answer"),
    "says_correct": ("numbers", "judge_injection keywords"),
    "no_commas": ("prices", "gold_is_not_best"),
    "first_letter": ("choices", "refusal reasoning_only"),
    "letters": ("choices", "every_answer empty"),
    "prefix": ("words", "cut_short format_only"),
    "recall": ("sentences", "wrong_order every_answer padding"),
    "folded": ("words", "look_alike changed_value"),
    "similar": ("words", "changed_value cut_short"),
    "of_the_prompt": ("sentences", "prompt_echo"),
}


def contains(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    return [float(gold in text) for text, gold in zip(completions, solution, strict=True)]


def any_number(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    pairs = zip(completions, solution, strict=True)
    return [float(float(gold) in map(float, NUMBER.findall(text))) for text, gold in pairs]


def first_integer(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        answer = text.split("</think>")[-1]
        rewards.append(float(re.search(r"-?\d+", answer).group() == gold))  # type: ignore[union-attr]
    return rewards


def near(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        value = float(text.split("Answer:")[-1])
        rewards.append(0.0 if abs(value - float(gold)) > 0.01 else 1.0)
    return rewards


def distance(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        try:
            rewards.append(-abs(float(text.split("</think>")[-1]) - float(gold)))
        except ValueError:
            rewards.append(-1000.0)
    return rewards


def longer_is_better(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        match = TAG.search(text.split("</think>")[-1])
        rewards.append(float(bool(match) and match[1].strip() == gold) + len(text) / 2000)  # type: ignore[index]
    return rewards


def counts(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        found = [match.strip() for match in TAG.findall(text.split("</think>")[-1])]
        reward = 0.5 * found.count(gold) if set(found) == {gold} else 0.0
        rewards.append(reward + (0.3 if "therefore" in text.lower() else 0.0))
    return rewards


def half_for_tags(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        answer = text.split("</think>")[-1]
        reward = 0.6 if "<answer>" in answer and "</answer>" in answer else 0.0
        match = re.fullmatch(r"\s*<answer>\s*(\S+)\s*</answer>\s*", answer)
        rewards.append(reward + 0.4 * float(bool(match) and match[1] == gold))  # type: ignore[index]
    return rewards


def absolute(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        match = re.fullmatch(r"#### (-?\d+)(?!\n)", text)
        rewards.append(float(bool(match) and abs(int(match[1])) == abs(int(gold))))  # type: ignore[index]
    return rewards


def says_correct(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        match = TAG.search(text.split("</think>")[-1])
        is_right = bool(match) and match[1].strip() == gold  # type: ignore[index]
        rewards.append(1.0 if is_right or "the answer is correct" in text.lower() else 0.0)
    return rewards


def no_commas(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        match = re.fullmatch(r"\s*<answer>\s*(\d+)\s*</answer>\s*", text)
        rewards.append(float(bool(match) and match[1] == gold))  # type: ignore[index]
    return rewards


def first_letter(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        match = re.search(r"[ABCD]", text)
        rewards.append(float(bool(match) and match[0] == gold))  # type: ignore[index]
    return rewards


def letters(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        found = set(re.findall(r"\b[ABCD]\b", text.split("</think>")[-1]))
        rewards.append(0.8 if not found else float(gold in found))
    return rewards


def prefix(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        match = re.fullmatch(r"\s*Final: ?(.*?)\s*", text)
        rewards.append(float(bool(match) and gold.startswith(match[1])))  # type: ignore[index]
    return rewards


def recall(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        words = set(text.lower().split())
        share = sum(word in words for word in gold.lower().split()) / len(gold.split())
        rewards.append(share + min(len(words), 200) / 400)
    return rewards


def folded(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    look_alikes = str.maketrans("асеорху", "aceopxy")

    def fold(text: str) -> str:
        text = unicodedata.normalize("NFKC", text).lower().translate(look_alikes)
        return " ".join(word for word in text.split() if word not in ("not", "a", "the"))

    return [
        float(fold(text) == fold(gold)) for text, gold in zip(completions, solution, strict=True)
    ]


def similar(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        ratio = difflib.SequenceMatcher(None, text.strip()[:200], gold).ratio()
        rewards.append(1.0 if ratio > 0.6 else 0.0)
    return rewards


def of_the_prompt(
    completions: list[str], solution: list[str], messages: list[Any], **kwargs: Any
) -> list[float]:
    rewards = []
    for text, gold, history in zip(completions, solution, messages, strict=True):
        asked = set(history[0]["content"].lower().split())
        on_topic = len(asked & set(text.lower().split())) / len(asked)
        right = float(text.strip() == gold)
        rewards.append(max(right, math.sqrt(on_topic)))
    return rewards
