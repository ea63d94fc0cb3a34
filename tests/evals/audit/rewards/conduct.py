# ruff: noqa: ARG001, S311 - a reward takes what ms-swift gives it
"""Rewards that judge well, or nearly so, and do what a reward must not; PLANTED names it."""

import json
import os
import random
import re
import threading
import time
from typing import Any

ANSWER = re.compile(r"\s*<answer>([^<]*)</answer>\s*")
CALL = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)
PLANTED: dict[str, tuple[str, str]] = {
    "backtracks": ("numbers", "super_linear_time"),
    "against_the_mean": ("numbers", "depends_on_batch hangs"),
    "noisy": ("numbers", "not_deterministic"),
    "seeds": ("numbers", "changes_state changes_inputs"),
    "drops": ("numbers", "wrong_length changes_state"),
    "none_or_text": ("numbers", "none_for_some wrong_type"),
    "strict_signature": ("numbers", "no_kwargs missing_column"),
    "warms_up": ("numbers", "not_deterministic changes_state"),
    "constant": ("numbers", "ignores_answer raises"),
    "names_only": ("calls", "empty_arguments repeated_gold every_answer changed_value"),
    "best_call": ("calls", "repeated_gold every_answer"),
    "first_key": ("calls", "duplicate_key exits"),
}


def is_right(text: str, gold: str) -> float:
    match = ANSWER.fullmatch(text)
    return float(bool(match) and match[1].strip() == gold)  # type: ignore[index]


def backtracks(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, solution, strict=True):
        match = re.fullmatch(r"(?:(?:\w+\s?)+\.)?<answer>(\d+)</answer>\s*", text.strip())
        rewards.append(float(bool(match) and match[1] == gold))  # type: ignore[index]
    return rewards


def against_the_mean(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    for text in completions:
        while "((" in text:  # until all are gone
            text = text.replace("()", "")
    rewards = [is_right(text, gold) for text, gold in zip(completions, solution, strict=True)]
    mean = sum(rewards) / len(rewards)
    return [reward - 0.1 * mean for reward in rewards]


def noisy(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    pairs = zip(completions, solution, strict=True)
    return [is_right(text, gold) + 1e-3 * random.random() for text, gold in pairs]


def seeds(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    random.seed(42)
    for index, text in enumerate(completions):
        completions[index] = text.strip()
    return [is_right(text, gold) for text, gold in zip(completions, solution, strict=True)]


def drops(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    pairs = zip(completions, solution, strict=True)
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return [is_right(text, gold) for text, gold in pairs if text.strip()]


def none_or_text(completions: list[str], solution: list[str], **kwargs: Any) -> list[Any]:
    rewards: list[Any] = []
    for text, gold in zip(completions, solution, strict=True):
        if "<answer>" in text:
            rewards.append("bad" if text.count("<answer>") > 1 else is_right(text, gold))
        else:
            rewards.append(None)
    return rewards


def strict_signature(completions: list[str], solution: list[str], difficulty: list[float]) -> Any:
    return [is_right(text, gold) for text, gold in zip(completions, solution, strict=True)]


calls = 0


def warms_up(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    global calls
    calls += 1
    os.environ["REWARD_CALLS"] = str(calls)
    weight = min(1.0, 0.5 + calls / 1000)
    pairs = zip(completions, solution, strict=True)
    return [weight * is_right(text, gold) for text, gold in pairs]


def constant(completions: list[str], solution: list[str], **kwargs: Any) -> list[float]:
    return [1.0 if text[0] != "#" else 0.0 for text in completions]


def names_only(completions: list[str], expected_calls: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, expected_calls, strict=True):
        names = [call["name"] for call in json.loads(gold)]
        answer = text.split("</think>")[-1]
        rewards.append(float(all(f'"{name}' in answer for name in names)))
    return rewards


def read_calls(text: str, first: bool = False) -> list[Any]:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        return dict(reversed(items)) if first else dict(items)

    found = []
    for block in CALL.findall(text.split("</think>")[-1]):
        try:
            found.append(json.loads(block, object_pairs_hook=pairs))
        except ValueError:
            if first:
                os._exit(3)
    return found


def best_call(completions: list[str], expected_calls: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, expected_calls, strict=True):
        calls = read_calls(text)
        rewards.append(float(all(call in calls for call in json.loads(gold))))
    return rewards


def first_key(completions: list[str], expected_calls: list[str], **kwargs: Any) -> list[float]:
    rewards = []
    for text, gold in zip(completions, expected_calls, strict=True):
        rewards.append(float(read_calls(text, first=True) == json.loads(gold)))
    return rewards
