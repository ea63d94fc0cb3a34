"""Is the answer in the prompt? An answer that a system or user message quotes word for word is
copied, not learnt.

Looked at are text answers of at least WORDS words (a shorter one is part of many a question) and
calls with arguments, written as JSON or as name, parameter, value. WORDS is the shortest overlap
that GPT-3's authors counted.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from swiftkit.data.checks.row_view import RowFinding, RowView
from swiftkit.data.checks.tokens import tokens_of
from swiftkit.data.json_values import field, items
from swiftkit.json_text import decode_or_none
from swiftkit.toolcall.reasoning import CLOSE, OPEN

WORDS = 8
_SHORTEST_CALL = 3  # words: name, parameter, value
_SHOWN = 80


def findings_in(view: RowView) -> Iterator[RowFinding]:
    prompt = ""
    for role, text, tokens, _ in view.turns:
        if role in ("system", "user"):
            prompt += f" {' '.join(tokens)} "
        elif role == "assistant":
            if text.startswith(OPEN):  # the reasoning may well quote the question
                tokens = tokens_of(text.partition(CLOSE)[2])
            if _is_quoted(tokens, prompt, WORDS):
                yield RowFinding("answer_quoted", f"the text {text[:_SHOWN]!r}")
        elif role == "tool_call" and _is_call_quoted(decode_or_none(text), prompt):
            yield RowFinding("answer_quoted", f"the call {text[:_SHOWN]!r}")
    gold = view.row.get("expected_calls")
    calls = decode_or_none(gold) if isinstance(gold, str) else None
    for call in items(calls):
        if _is_call_quoted(call, prompt):
            yield RowFinding("answer_quoted", f"the gold {str(call)[:_SHOWN]}")


def _is_quoted(tokens: list[str], prompt: str, least: int) -> bool:
    return len(tokens) >= least and f" {' '.join(tokens)} " in prompt


def _is_call_quoted(call: Any, prompt: str) -> bool:
    arguments = field(call, "arguments")
    if not isinstance(arguments, dict) or not arguments:
        return False
    name = tokens_of(str(call.get("name")))
    values = tokens_of(msgspec.json.encode(arguments).decode())
    as_json = ["name", *name, "arguments", *values]
    return any(_is_quoted(form, prompt, _SHORTEST_CALL) for form in ([*name, *values], as_json))
