"""Play an episode: ask the model, run its calls in the environment, show it the results, go on.

The model is behind `ask`, one request to an endpoint. An answer is sent back without the markup
that `swift deploy` leaves in `content` beside `tool_calls`: the model would read its calls twice.
Its reasoning goes back as it came, under the endpoint's own key or in the text; the chat template
decides what of it the model sees.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from swiftkit.environments.environment import (
    AgentTask,
    Environment,
    EnvironmentFailedError,
    Message,
    Tool,
    load_domain,
)
from swiftkit.json_text import without_surrogates
from swiftkit.records import Response, Step
from swiftkit.scoring.answer import read_answer
from swiftkit.scoring.ending import ending_of_all
from swiftkit.toolcall import detect, openai_calls
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.reasoning import CLOSE, KEYS, join

Ask = Callable[[list[Message], list[Tool]], Awaitable[Response]]
Result = TypeVar("Result")


class Episode(NamedTuple):
    """A task for an agent, how answers are read (from text and tools), and how many it may take."""

    task: AgentTask
    parse: Callable[[str, Sequence[Tool]], Parsed]
    most_answers: int = 1000


async def play(episode: Episode, ask: Ask, seed: int = 0) -> Response:
    """Return one response for the whole episode: the last answer, all of them as `steps`, with sums
    of tokens and seconds, and the environment's verdict.

    An answer with an error ends the episode, and is returned; a failed environment gives one too.
    """
    domain = load_domain(episode.task.domain)
    environment = domain.start(episode.task, seed)
    answers: list[Response] = []
    steps: list[Step] = []
    try:
        turn = await _in_thread(domain.blocks, environment.reset)
        messages = list(turn.messages)
        while turn.next == "agent" and len(answers) < episode.most_answers:
            answer = await ask(messages, environment.tools)
            if answer.error:
                return answer
            answers.append(answer)
            parsed = read_answer(answer, lambda text: episode.parse(text, environment.tools))
            message, parsed = _message_of(parsed, len(messages))
            message = _with_reasoning(message, answer, parsed)
            turn = await _in_thread(domain.blocks, environment.step, parsed)
            messages.append(message)
            results, ids = [], [call["id"] for call in message.get("tool_calls", [])]
            for news in turn.messages:
                if news["role"] == "tool":
                    results.append(news["content"])
                    news = {"role": "tool", "tool_call_id": ids.pop(0), "content": news["content"]}
                messages.append(news)
            steps.append(Step(answer.text, answer.tool_calls, results, answer.reasoning))
        if turn.next == "user":
            return Response(episode.task.id, error=f"{episode.task.domain}: nobody plays the user")
        return _whole(answers, steps, environment)
    except EnvironmentFailedError as error:
        return Response(episode.task.id, error=str(error))
    finally:
        environment.close()


async def _in_thread(blocks: bool, function: Callable[..., Result], *arguments: Any) -> Result:
    if blocks:
        return await asyncio.to_thread(function, *arguments)
    return function(*arguments)


def _message_of(parsed: Parsed, before: int) -> tuple[Message, Parsed]:
    """Return an answer as a message to send back, and the answer, malformed if its calls cannot be
    sent (nested too deeply). `before` messages precede it: its calls' ids hold that."""
    try:
        calls = []
        for number, call in enumerate(parsed.calls):
            name, arguments = without_surrogates([call.name, call.arguments])
            sent = ToolCall(name, arguments)
            calls.append(openai_calls.to_openai(sent, f"call_{before}_{number}"))
    except (ValueError, RecursionError) as error:
        parsed = Parsed([], parsed.content, f"the calls cannot be sent back: {error}")
    if parsed.calls:
        return {"role": "assistant", "content": parsed.content, "tool_calls": calls}, parsed
    return {"role": "assistant", "content": detect.parse(parsed.content).content}, parsed


def _with_reasoning(message: Message, answer: Response, parsed: Parsed) -> Message:
    """Return the message with the reasoning of its answer, as the endpoint gave it."""
    if answer.reasoning:
        return message | {answer.reasoning_key: answer.reasoning}
    thought = parsed.reasoning or detect.parse(answer.text).reasoning
    if not thought or CLOSE in message["content"]:
        return message
    if CLOSE in answer.text and CLOSE not in thought:  # templates read it in the text, too
        return message | {"content": join(thought, message["content"], answer.sample_id)}
    return message | {KEYS[0]: thought}


def refused_reasoning(error: str, messages: Sequence[Message]) -> str:
    """Return the key of a message's reasoning that the error of an endpoint names, or ""."""
    if not error.startswith(("HTTP 400", "HTTP 422")):
        return ""
    for message in messages:
        for key in KEYS:
            if key in message and re.search(rf"\b{key}\b", error):
                return key
    return ""


def without_reasoning(messages: Sequence[Message]) -> list[Message]:
    """Return the messages without the keys of reasoning."""
    kept = []
    for message in messages:
        kept.append({key: value for key, value in message.items() if key not in KEYS})
    return kept


def _whole(answers: Sequence[Response], steps: list[Step], environment: Environment) -> Response:
    usage: dict[str, int] = {}
    for answer in answers:
        for name, count in answer.usage.items():
            usage[name] = usage.get(name, 0) + count
    return msgspec.structs.replace(
        answers[-1],
        usage=usage,
        latency=sum(answer.latency for answer in answers),
        steps=steps,
        verdict=environment.reward().reason,
        ended=ending_of_all(answer.ended for answer in answers),
    )
