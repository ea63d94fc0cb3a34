"""Is the answer in the prompt? An answer that a system or user message quotes word for word is
copied, not learnt.

Looked at are text answers of at least WORDS words (a shorter one is part of many a question) and
calls with arguments, written as JSON or as name, parameter, value. WORDS is the shortest overlap
that GPT-3's authors counted.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from swiftkit.data.checks.entry import GIVEN, Entry, Fault, Turn
from swiftkit.data.checks.words import words
from swiftkit.toolcall.reasoning import CLOSE, OPEN

WORDS = 8
_SHORTEST_CALL = 3  # words: name, parameter, value
_SHOWN = 80


def faults(entry: Entry) -> Iterator[Fault]:
    prompt = ""
    for turn in entry.turns:
        if turn.role in GIVEN:
            prompt += f" {' '.join(turn.words)} "
        elif turn.role == "assistant" and _is_quoted(_answer(turn), prompt, WORDS):
            yield Fault("answer_quoted", f"the text {turn.text[:_SHOWN]!r}")
        elif turn.role == "tool_call" and _is_call_quoted(_decoded(turn.text), prompt):
            yield Fault("answer_quoted", f"the call {turn.text[:_SHOWN]!r}")
    gold = entry.row.get("expected_calls")
    calls = _decoded(gold) if isinstance(gold, str) else None
    for call in calls if isinstance(calls, list) else []:
        if _is_call_quoted(call, prompt):
            yield Fault("answer_quoted", f"the gold {str(call)[:_SHOWN]}")


def _answer(turn: Turn) -> list[str]:
    """The words of the answer without its reasoning, which may well quote the question."""
    if not turn.text.startswith(OPEN):
        return turn.words
    return words(turn.text.partition(CLOSE)[2])


def _is_quoted(answer: list[str], prompt: str, least: int) -> bool:
    return len(answer) >= least and f" {' '.join(answer)} " in prompt


def _is_call_quoted(call: Any, prompt: str) -> bool:
    arguments = call.get("arguments") if isinstance(call, dict) else None
    if not isinstance(arguments, dict) or not arguments:
        return False
    name, values = words(str(call.get("name"))), words(msgspec.json.encode(arguments).decode())
    forms = ([*name, *values], ["name", *name, "arguments", *values])
    return any(_is_quoted(form, prompt, _SHORTEST_CALL) for form in forms)


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None
