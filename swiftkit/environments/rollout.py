"""Lead a conversation for one sample: ask, run the calls, show the model their results, until it
calls no more.

A task whose samples take several requests has `async converse(sample, ask) -> Response`;
evals/runner.py calls it in place of its one request, with `ask` for each. What is sent back is what
the model said without the markup of its calls, which `swift deploy` leaves in `content` beside
`tool_calls`: with both, the model would read its calls twice.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from swiftkit.records import Response, Step
from swiftkit.scoring.response import read_answer
from swiftkit.toolcall import openai_calls
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.formats import detect

Ask = Callable[[list[dict[str, Any]], list[dict[str, Any]]], Awaitable[Response]]
# the results of an answer's calls, one each
Run = Callable[[Sequence[ToolCall]], Awaitable[list[str]]]


async def walk(
    messages: list[dict[str, Any]],
    tools: list[dict[str, Any]],
    ask: Ask,
    run: Run,
    parse: Callable[[str], Parsed],
    most: int,
) -> list[tuple[Response, Step]]:
    """At most `most` answers with what their calls gave; the last one's response may be an error.
    `messages` grows.

    It ends with an answer without calls, or with one that is malformed, which no environment can
    answer.
    """
    walked: list[tuple[Response, Step]] = []
    while len(walked) < most:
        response = await ask(messages, tools)
        parsed = read_answer(response, parse)
        calls = [] if response.error or parsed.malformed else parsed.calls
        results = await run(calls) if calls else []
        walked.append((response, Step(response.text, response.tool_calls, results)))
        messages += _turn(parsed, results, len(messages)) if not response.error else []
        if not calls:
            break
    return walked


def whole(walked: Sequence[tuple[Response, Step]], verdict: str = "") -> Response:
    """One response of all: the last answer with the sums; the error as it is, where one request
    failed in the end."""
    last = walked[-1][0]
    if last.error:
        return last
    usage: dict[str, int] = {}
    for response, _ in walked:
        for name, count in response.usage.items():
            usage[name] = usage.get(name, 0) + count
    latency = sum(response.latency for response, _ in walked)
    steps = [step for _, step in walked]
    return msgspec.structs.replace(last, usage=usage, latency=latency, steps=steps, verdict=verdict)


def _turn(parsed: Parsed, results: Sequence[str], before: int) -> list[dict[str, Any]]:
    """The answer and its results as messages; `before` makes the ids of the calls differ from
    earlier ones."""
    said = parsed.content if parsed.calls else detect.parse(parsed.content).content
    message: dict[str, Any] = {"role": "assistant", "content": said}
    if not results:
        return [message]
    ids = [f"call_{before}_{number}" for number in range(len(results))]
    pairs = zip(parsed.calls, ids, strict=True)
    message["tool_calls"] = [openai_calls.to_openai(call, identity) for call, identity in pairs]
    told = [
        {"role": "tool", "tool_call_id": identity, "content": text}
        for identity, text in zip(ids, results, strict=True)
    ]
    return [message, *told]
