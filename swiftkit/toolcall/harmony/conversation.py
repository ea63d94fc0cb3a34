r"""Messages as people and swift write them -> the steps of a Harmony conversation.

The same thing may be written in two ways:

    {"role": "assistant", "content": null, "reasoning_content": "...", "tool_calls": [...]}
    {"role": "tool", "tool_call_id": "...", "content": "..."}                     in OpenAI's form

    {"role": "assistant", "content": "", "reasoning_content": "..."}
    {"role": "tool_call", "content": "{...}"}
    {"role": "tool_response", "content": "..."}                                   in swift's

(or the reasoning stands in the text, <think>\n...\n</think>\n\n).

The published template knows one call per message and ties a result to the call before it. So the
calls of a parallel answer are written one after the other, each followed by its result. What it
would drop or mix up without a word (a second system message, three results for two calls, text and
reasoning before one call) is a DataError here.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from swiftkit.errors import DataError
from swiftkit.toolcall.added_breaks import has_added_breaks
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.harmony.answer import parse
from swiftkit.toolcall.openai_calls import content_text
from swiftkit.toolcall.read_call import call_from
from swiftkit.toolcall.reasoning import reasoning_of, split
from swiftkit.toolcall.tool_results import in_call_order

# Under this name a message carries its calls past swift, which would take it apart and drop its
# reasoning.
CALLS = "harmony_calls"
CALLED = "harmony_called"  # which tool an answer of sampled tokens calls
_RESULTS = ("tool", "tool_response", "function")
_OWN_MARKUP = ("<|channel|>", "<|start|>assistant", " to=functions.")
# the template refuses a text that holds these
_MARKUP_INSIDE = ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>")
_FLAGS = ("loss", "loss_scale")

Messages = Sequence[Mapping[str, Any]]


class HarmonyStep(NamedTuple):
    """One message of the conversation: `kind` is user, call, result, final or tokens.

    text: what was asked, answered or returned, or said beside a call; reasoning: the analysis
    before a call or an answer, None for none; call: of a call; tokens: what the model itself has
    sampled, as swift hands it over (call: at least its name); flags: swift's loss and loss_scale.
    """

    kind: str
    text: str = ""
    reasoning: str | None = None
    call: ToolCall | None = None
    tokens: Any = None
    flags: Mapping[str, Any] = {}


def steps(messages: Messages, *, has_preambles: bool = False) -> list[HarmonyStep]:
    """Return the conversation after its system message. Raises DataError, naming the message, for
    what Harmony cannot say.

    has_preambles: a text beside a call is a message of its own; otherwise it is the analysis.
    """
    conversation: list[HarmonyStep] = []
    last_answer = ""  # its kind
    index = 0
    has_breaks = has_added_breaks(messages)
    while index < len(messages):
        message, where = messages[index], f"messages[{index}]"
        role = message.get("role")
        if role == "user":
            conversation.append(HarmonyStep("user", _text(message, where)))
            index += 1
        elif role in ("assistant", "tool_call"):
            answer, index = _read_answer(messages, index, has_breaks, has_preambles)
            conversation += answer
            last_answer = answer[0].kind
        elif role in _RESULTS:
            if last_answer in ("", "final"):
                reason = f"{where}: a tool result without a call before it"
                raise DataError(reason, "bad_order", "put it behind its call")
            conversation.append(HarmonyStep("result", _text(message, where)))
            index += 1
        else:
            reason = f"{where}: Harmony has no place for the role {role!r} here"
            fix = "use user, assistant and tool; and one system message, at the beginning"
            raise DataError(reason, "bad_order", fix)
    return conversation


def _read_answer(
    messages: Messages, index: int, has_breaks: bool, has_preambles: bool
) -> tuple[list[HarmonyStep], int]:
    """Return the steps of the answer at `index`, with its results, and the index behind them.

    has_breaks: a line break was added between each text and its calls; has_preambles: as in steps.
    """
    message, where = messages[index], f"messages[{index}]"
    flags = {name: message[name] for name in _FLAGS if message.get(name) is not None}
    if tokens := _sampled_tokens(message.get("content")):
        called = ToolCall(message[CALLED], {}) if message.get(CALLED) else None
        return [HarmonyStep("tokens", call=called, tokens=tokens, flags=flags)], index + 1
    reasoning: str | None = None
    calls: list[ToolCall] = []
    text, end = "", index
    if message["role"] == "assistant":
        reasoning, text, calls = _read_assistant(message, where)
        end += 1
    # swift's way: the calls follow in messages of their own
    if message["role"] == "tool_call" or not _raw_calls(message):
        if has_breaks and end < len(messages) and messages[end].get("role") == "tool_call":
            text = text.removesuffix("\n")
        while end < len(messages) and messages[end].get("role") == "tool_call":
            calls.append(_swift_call(messages[end], f"messages[{end}]"))
            end += 1
    if not calls:
        return [HarmonyStep("final", text, reasoning, flags=flags)], end
    results = _results(messages, end, [call.get("id") for call in _raw_calls(message)], len(calls))
    if reasoning and text and not has_preambles:  # the template has one place for both
        fix = "put both into the reasoning, or give the text a message of its own"
        raise DataError(f"{where}: a text and a reasoning before one call", "text_before_call", fix)
    answer: list[HarmonyStep] = []
    before, beside = reasoning or None, text
    if not has_preambles:
        before, beside = reasoning or text or None, ""
    for number, call in enumerate(calls):
        answer.append(HarmonyStep("call", beside, before, call, flags=flags))
        before, beside = None, ""
        answer += results[number : number + 1] if len(calls) > 1 else results
    return answer, end + len(results)


def _results(messages: Messages, start: int, ids: list[Any], calls: int) -> list[HarmonyStep]:
    """Return the results that stand at `start`, in the order of their calls.

    ids: those of the calls, if they have any. A single call may have several results, or none.
    """
    results: list[tuple[Any, HarmonyStep]] = []
    for number, message in enumerate(messages[start:], start):
        if message.get("role") not in _RESULTS:
            break
        step = HarmonyStep("result", _text(message, f"messages[{number}]"))
        results.append((message.get("tool_call_id"), step))
    in_order = [step for _, step in results]
    if calls == 1 or not results:
        return in_order
    answered = [identity for identity, _ in results]
    is_tied = bool(ids) and None not in (*ids, *answered)
    is_same = not is_tied or sorted(map(str, ids)) == sorted(map(str, answered))
    if len(results) != calls or not is_same:
        reason = f"messages[{start}]: {len(results)} results for {calls} calls, or their ids differ"
        fix = "give each call of the answer one result, by its tool_call_id or in order"
        raise DataError(reason, "bad_results", fix)
    if not is_tied or any(ids.count(identity) > 1 for identity in ids):
        return in_order
    return in_call_order(results, ids, f"messages[{start + calls}]")


def _raw_calls(message: Mapping[str, Any]) -> list[Any]:
    """Return the calls of an OpenAI message: `tool_calls`, or the legacy `function_call`."""
    calls = message.get(CALLS) or message.get("tool_calls") or []
    return [*calls, message["function_call"]] if message.get("function_call") else list(calls)


def _read_assistant(
    message: Mapping[str, Any], where: str
) -> tuple[str | None, str, list[ToolCall]]:
    """Return (reasoning, text, calls) of an assistant message."""
    text = _text(message, where)
    numbered = enumerate(_raw_calls(message))
    calls = [call_from(call, f"{where}.tool_calls[{number}]") for number, call in numbered]
    if text.startswith(_OWN_MARKUP):  # as ms-swift's own gpt_oss template asks for it
        parsed = parse(text)
        if parsed.malformed:
            fix = "mend the markup, or leave it out"
            raise DataError(f"{where}: {parsed.malformed}", "harmony_markup", fix)
        return parsed.reasoning or None, parsed.content, calls or parsed.calls
    reasoning = reasoning_of(message, where)
    if reasoning is None:
        reasoning, text = split(text, where)
    if any(markup in text or markup in (reasoning or "") for markup in _MARKUP_INSIDE):
        fix = "put the analysis into reasoning_content, the answer into content, without markup"
        raise DataError(f"{where}: Harmony's own markup in the text", "harmony_markup", fix)
    return reasoning, text, calls


def _swift_call(message: Mapping[str, Any], where: str) -> ToolCall:
    if _raw_calls(message):
        reason = (
            f"{where}: a tool_call message holds its call in `content`, and this one has others"
        )
        raise DataError(reason, "bad_call", "give each call a tool_call message of its own")
    content = message.get("content")
    try:
        return call_from(json.loads(content) if isinstance(content, str) else content, where)
    except (ValueError, RecursionError) as error:
        reason = f"{where}: the call is not JSON: {error}"
        raise DataError(reason, "bad_call", "write it as JSON text") from error


def _text(message: Mapping[str, Any], where: str) -> str:
    text = content_text(message.get("content"))
    if text is None:
        reason = f"{where}: the content is no text"
        raise DataError(reason, "bad_content", "give the content as text")
    return text


def _sampled_tokens(content: Any) -> Any:
    """Return the content, if it is an answer as it was sampled (GRPO, GKD); else None. That is ids,
    or {"token_ids" or "input_ids": ids}."""
    ids = content
    if isinstance(content, Mapping):
        ids = content.get("token_ids", content.get("input_ids"))
    is_sampled = isinstance(ids, list) and ids and all(isinstance(token, int) for token in ids)
    return content if is_sampled else None
