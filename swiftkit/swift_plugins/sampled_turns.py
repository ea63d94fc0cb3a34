"""A rollout's token ids: those that were sampled, and between them the model's own chat template.

What was sampled is kept, so the ids that are trained are those that the model chose. A server would
render the answers again for the next turn's prompt. Where that gives other ids (the template leaves
out earlier reasoning, or writes a call otherwise than the model did), the difference is counted by
its cause, and stands in the log of GRPO (tool_call_hooks.py).
"""

from collections import Counter
from typing import Any

from swift.template import ContextType
from swift.template.utils import get_token_backed_response_ids

from swiftkit.rendering.turn_gaps import gap_after
from swiftkit.swift_plugins.neutral_rows import RowConversation

Contexts = tuple[list[Any], list[str], list[dict[str, Any]]]


def sampled_contexts(
    template: Any, conversation: RowConversation, tools: Any, settings: dict[str, Any]
) -> Contexts:
    """Return contexts, their kinds, and swift's rounds of a conversation with sampled answers."""
    rows = template.rows
    messages, marked_tools = rows.marked(conversation.messages, tools)
    sampled = sorted(conversation.sampled)
    contexts: list[Any] = [rows.prompt(conversation.messages[: sampled[0]], tools, settings)]
    kinds: list[str] = [ContextType.OTHER]
    rounds: list[dict[str, Any]] = []
    context: list[int] = list(contexts[0])
    for index, following in zip(sampled, [*sampled[1:], len(messages)], strict=True):
        content = conversation.sampled[index]
        contexts.append(content)
        kinds.append(ContextType.RESPONSE)
        question = "tool" if messages[index - 1]["role"] == "tool" else "user"
        rounds.append({"role": question, "content": ""})
        rounds.append({"role": "assistant", "content": content, **conversation.flags[index]})
        context += get_token_backed_response_ids(content) or []
        if following == index + 1:
            continue  # the last message
        gap = gap_after(rows, messages[:following], index, marked_tools, settings)
        stop = rows.encoder.encode(gap.stop)
        ids = rows.encoder.encode(gap.stop + gap.after)
        if context[-len(stop) :] == stop:
            ids = ids[len(stop) :]
        contexts.append(ids)
        kinds.append(ContextType.OTHER)
        context += ids
        if template.is_training:
            published = rows.prompt(conversation.messages[:following], tools, settings)
            count_difference(template, context, published)
    return contexts, kinds, rounds


def count_difference(template: Any, context: list[int], published: list[int]) -> None:
    """Count a later turn's prompt in `template.rollout_prompts`, as equal or by what differs."""
    counts: Counter[str] = template.rollout_prompts
    counts["turns"] += 1
    if context == published:
        counts["equal"] += 1
        return
    seen, sent = template.tokenizer.decode(context), template.tokenizer.decode(published)
    if seen == sent:
        cause = "token_seam"
    elif len(sent) < len(seen) and _is_without(seen, sent):
        cause = "reasoning_dropped"
    else:
        cause = "answer_rewritten"
    counts[cause] += 1


def _is_without(longer: str, shorter: str) -> bool:
    """Return whether a text is another one with one piece of it left out."""
    start = 0
    while start < len(shorter) and longer[start] == shorter[start]:
        start += 1
    rest = len(shorter) - start
    return rest == 0 or longer.endswith(shorter[start:])
