r"""Messages as people and swift write them -> the steps of a Harmony conversation.

Two writings of the same thing are read:

    OpenAI   {"role": "assistant", "content": null, "reasoning_content": "...", "tool_calls": [...]},
             {"role": "tool", "tool_call_id": "...", "content": "..."}
    swift    {"role": "assistant", "content": "<think>\n...\n</think>\n\n"},
             {"role": "tool_call", "content": "{...}"}, {"role": "tool_response", "content": "..."}

The published template knows one call per message and ties a result to the call before it. So the
calls of a parallel answer are written one after the other, each followed by its result. What it
would drop or mix up without a word (a second system message, three results for two calls, text and
reasoning before one call) is a DataError here.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from swiftkit.errors import DataError
from swiftkit.toolcall.call import ToolCall, call_from
from swiftkit.toolcall.harmony import answer as harmony
from swiftkit.toolcall.reasoning import split, thinking_of

# Under this name a message carries its calls past swift, which would take it apart and drop its
# thinking.
CALLS = "harmony_calls"
CALLED = "harmony_called"  # which tool an answer of sampled tokens calls
_RESULTS = ("tool", "tool_response", "function")
_OWN_MARKUP = ("<|channel|>", "<|start|>assistant", " to=functions.")
# what the template refuses
_MARKUP_INSIDE = ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>")
_FLAGS = ("loss", "loss_scale")


class Step(NamedTuple):
    """One message of the conversation: `kind` is user, call, result, final or tokens.

    text: what was asked, answered or returned; thinking: the analysis before a call or an answer,
    None for none; call: of a call; tokens: what the model itself has sampled, as swift hands it
    over (call: at least its name); flags: swift's loss and loss_scale.
    """

    kind: str
    text: str = ""
    thinking: str | None = None
    call: ToolCall | None = None
    tokens: Any = None
    flags: Mapping[str, Any] = {}


def steps(messages: Sequence[Mapping[str, Any]]) -> list[Step]:
    """The conversation after its system message. Raises DataError, naming the message, for what
    Harmony cannot say."""
    found: list[Step] = []
    index = 0
    while index < len(messages):
        index = _read(messages, index, found)
    return found


def _read(messages: Sequence[Mapping[str, Any]], index: int, found: list[Step]) -> int:
    """Add the step or steps that begin at `index`; the index of the message behind them."""
    message = messages[index]
    role, where = message.get("role"), f"messages[{index}]"
    if role == "user":
        found.append(Step("user", _text(message, where)))
        return index + 1
    if role in ("assistant", "tool_call"):
        return _read_answer(messages, index, found)
    if role in _RESULTS:
        answers = [step for step in found if step.kind in ("call", "final", "tokens")]
        if not answers or answers[-1].kind == "final":
            raise DataError(
                f"{where}: a tool result without a call before it",
                "bad_order",
                "put it behind its call",
            )
        found.append(Step("result", _text(message, where)))
        return index + 1
    fix = "use user, assistant and tool; and one system message, at the beginning"
    raise DataError(f"{where}: Harmony has no place for the role {role!r} here", "bad_order", fix)


def _read_answer(messages: Sequence[Mapping[str, Any]], index: int, found: list[Step]) -> int:
    where, message = f"messages[{index}]", messages[index]
    flags = {name: message[name] for name in _FLAGS if message.get(name) is not None}
    if tokens := _tokens(message.get("content")):
        called = ToolCall(message[CALLED], {}) if message.get(CALLED) else None
        found.append(Step("tokens", call=called, tokens=tokens, flags=flags))
        return index + 1
    thinking, text, calls = (
        _assistant(message, where) if message["role"] == "assistant" else (None, "", [])
    )
    end = index + int(message["role"] == "assistant")
    if not raw_calls(message) and end < len(messages) and messages[end].get("role") == "tool_call":
        # converted rows part a text from its calls by one, as Qwen's template does
        text = text.removesuffix("\n")
    while (
        not raw_calls(message) and end < len(messages) and messages[end].get("role") == "tool_call"
    ):
        # swift's way: the calls follow in their messages
        calls.append(_swift_call(messages[end], f"messages[{end}]"))
        end += 1
    if not calls:
        found.append(Step("final", text, thinking, flags=flags))
        return end
    results = _results(messages, end, [call.get("id") for call in raw_calls(message)], len(calls))
    first = Step("call", thinking=_one_thought(thinking, text, where), flags=flags)
    found += _interleave(first, calls, results)
    return end + len(results)


def _interleave(first: Step, calls: list[ToolCall], results: list[Step]) -> Iterator[Step]:
    """Each call, followed by its result: the template takes a result for that of the call just
    before it."""
    for number, call in enumerate(calls):
        yield first._replace(call=call, thinking=first.thinking if number == 0 else None)
        yield from results[number : number + 1] if len(calls) > 1 else results


def _results(
    messages: Sequence[Mapping[str, Any]], index: int, ids: list[Any], calls: int
) -> list[Step]:
    """The results that stand at `index`, in the order of their calls, which have these ids if
    any."""
    given = []
    for number, message in enumerate(messages[index:], index):
        if message.get("role") not in _RESULTS:
            break
        given.append(
            (message.get("tool_call_id"), Step("result", _text(message, f"messages[{number}]")))
        )
    if calls == 1 or not given:
        return [result for _, result in given]
    answered = [identity for identity, _ in given]
    tied = None not in (*ids, *answered) and ids
    if len(given) != calls or (tied and sorted(map(str, ids)) != sorted(map(str, answered))):
        what = f"messages[{index}]: {len(given)} results for {calls} calls, or their ids differ"
        raise DataError(
            what,
            "bad_results",
            "give each call of the answer one result, by its tool_call_id or in order",
        )
    return [
        result
        for _, result in (sorted(given, key=lambda one: ids.index(one[0])) if tied else given)
    ]


def raw_calls(message: Mapping[str, Any]) -> list[Any]:
    """The calls of an OpenAI message: `tool_calls`, or the legacy `function_call`."""
    calls = message.get(CALLS) or message.get("tool_calls") or []
    return [*calls, message["function_call"]] if message.get("function_call") else list(calls)


def _assistant(message: Mapping[str, Any], where: str) -> tuple[str | None, str, list[ToolCall]]:
    """(thinking, text, calls) of an assistant message."""
    text = _text(message, where)
    calls = [
        call_from(call, f"{where}.tool_calls[{number}]")
        for number, call in enumerate(raw_calls(message))
    ]
    if text.startswith(_OWN_MARKUP):
        return _own_markup(text, where, calls)
    thinking = thinking_of(message, where)
    if thinking is None:
        thinking, text = split(text, where)
    if any(markup in part for markup in _MARKUP_INSIDE for part in (text, thinking or "")):
        fix = "put the analysis into reasoning_content and the answer into content, without the markup"
        raise DataError(f"{where}: Harmony's own markup in the text", "harmony_markup", fix)
    return thinking, text, calls


def _own_markup(
    text: str, where: str, calls: list[ToolCall]
) -> tuple[str | None, str, list[ToolCall]]:
    """An answer written in Harmony, as ms-swift's own gpt_oss template asks for it."""
    parsed = harmony.parse(text)
    if parsed.malformed:
        raise DataError(
            f"{where}: {parsed.malformed}", "harmony_markup", "mend the markup, or leave it out"
        )
    return parsed.reasoning or None, parsed.content, calls or parsed.calls


def _one_thought(thinking: str | None, text: str, where: str) -> str | None:
    """What stands before a call: the template has one place for it, the analysis channel."""
    if thinking and text:
        fix = "put both into the reasoning, or give the text a message of its own"
        raise DataError(f"{where}: a text and a reasoning before one call", "text_before_call", fix)
    return thinking or text or None


def _swift_call(message: Mapping[str, Any], where: str) -> ToolCall:
    content = message.get("content")
    try:
        return call_from(json.loads(content) if isinstance(content, str) else content, where)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where}: the call is not JSON: {error}", "bad_call", "write it as JSON text"
        ) from error


def _text(message: Mapping[str, Any], where: str) -> str:
    """A message's text: a string, null, or OpenAI's text parts."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    texts = [
        part.get("text") if isinstance(part, Mapping) and part.get("type") == "text" else part
        for part in parts
    ]
    if not all(isinstance(text, str) or text is None for text in texts):
        raise DataError(
            f"{where}: the content is no text", "bad_content", "give the content as text"
        )
    return "".join(text or "" for text in texts)


def _tokens(content: Any) -> Any:
    """The content, if it is an answer as it was sampled (GRPO, GKD): ids, or {"token_ids" or
    "input_ids": ids}."""
    ids = (
        content.get("token_ids", content.get("input_ids"))
        if isinstance(content, Mapping)
        else content
    )
    is_sampled = isinstance(ids, list) and ids and all(isinstance(token, int) for token in ids)
    return content if is_sampled else None
