"""Turns of a conversation that teach something else than was meant: reasoning that stands there
twice, calls whose results are missing."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from swiftkit.data.checks.row_view import RowFinding, RowView
from swiftkit.data.json_values import field, items
from swiftkit.data.roles import ANSWERS
from swiftkit.json_text import decode_or_none
from swiftkit.toolcall.reasoning import CLOSE, LEADING, TAGS

_SHOWN = 60
_LATER_BLOCK = re.compile(r"^[ \t]*<think>\n?(.+?)</think>", re.DOTALL | re.MULTILINE)


def findings_in(view: RowView) -> Iterator[RowFinding]:
    messages = items(view.row.get("messages"))
    for index, message in enumerate(messages):
        role, text = field(message, "role"), field(message, "content")
        if not isinstance(text, str):
            continue
        if role == "assistant":
            beside = message.get("reasoning_content")
            problem = _twice(text, beside if isinstance(beside, str) else "")
            if problem:
                yield RowFinding("two_reasonings", f"messages[{index}]: {problem}")
    yield from _missing_results(messages)


def _twice(text: str, beside: str) -> str:
    """Return how an answer's reasoning stands there twice; "" where it does not."""
    if LEADING.match(beside):
        return "reasoning_content itself begins with a tag, which the chat template writes"
    inside, rest = _leading_block(text)
    if beside.strip() and inside:
        return f"reasoning_content, and the text begins with {inside[:_SHOWN]!r}"
    if (beside.strip() or inside) and CLOSE in rest:
        closed = rest[: rest.rfind(CLOSE) + len(CLOSE)]  # so that the search is linear
        for block in _LATER_BLOCK.finditer(closed):
            is_code = rest.count("```", 0, block.start()) % 2
            if block[1].strip() and not is_code:
                return f"a second block of reasoning: {block[1].strip()[:_SHOWN]!r}"
    return ""


def _leading_block(text: str) -> tuple[str, str]:
    """Return the reasoning that a text begins with, "" without one, and what stands behind it."""
    opening = LEADING.match(text)
    if not opening:
        return "", text
    inside, closed, rest = text[opening.end() :].partition(TAGS[opening[1]])
    return (inside.strip(), rest) if closed else ("", text)


def _missing_results(messages: Sequence[Any]) -> Iterator[RowFinding]:
    """Yield the calls before another answer that have no result. Those that end a row need none."""
    runs = [
        (role, list(run)) for role, run in groupby(messages, lambda message: field(message, "role"))
    ]
    answers = [number for number, (role, _) in enumerate(runs) if role in ANSWERS]
    index = 0  # of the first message of a run
    for number, (role, run) in enumerate(runs):
        if role == "tool_call" and number < answers[-1]:
            following, results = runs[number + 1]
            if following != "tool_response":
                results = []
            missing = _unanswered(run, results)
            if missing:
                detail = f"messages[{index}]: calls {len(run)}, results {len(results)}{missing}"
                yield RowFinding("missing_result", detail)
        index += len(run)


def _unanswered(calls: list[Any], results: list[Any]) -> str:
    """Return which calls have no result, by their ids or else in number; "" where all have one."""
    called = [field(call, "tool_call_id") for call in calls]
    answered = [field(result, "tool_call_id") for result in results]
    if results and all(called) and all(answered):
        missing = [str(each) for each in called if each not in answered]
        return f": none for {', '.join(missing[:3])}" if missing else ""
    return f": {_names(calls)}" if len(results) < len(calls) else ""


def _names(calls: list[Any]) -> str:
    """Return the names of the first calls."""
    names = []
    for call in calls[:3]:
        text = field(call, "content")
        names.append(str(field(decode_or_none(text) if isinstance(text, str) else None, "name")))
    return ", ".join(names)
