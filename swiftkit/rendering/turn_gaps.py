"""What stands between an answer and the next one: the end of its turn, results, the next header.

A rollout keeps the tokens that were sampled. The text between them is the published template's:

    prompt            ...assistant⏎
    sampled ids       <tool_call>...</tool_call><|im_end|>
    gap               ⏎<|im_start|>tool⏎12 C<|im_end|>⏎<|im_start|>assistant⏎
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from swiftkit.errors import DataError
from swiftkit.rendering.loss_spans import stop_after
from swiftkit.rendering.marked_parts import MarkedAnswer, mark_answer
from swiftkit.rendering.neutral_messages import Message
from swiftkit.rendering.training_row import RowEncoder

_PLACEHOLDER = "Yes."  # for an answer without any text, which cannot be marked


@dataclass(frozen=True)
class TurnGap:
    """The stop token behind an answer as the template writes it, and what follows it."""

    stop: str
    after: str


def gap_after(
    model: RowEncoder,
    messages: Sequence[Message],
    index: int,
    tools: Sequence[Any] | None,
    settings: dict[str, Any],
) -> TurnGap:
    """Return what the prompt for the turn after `messages` has behind the answer at `index`.

    messages: neutral and marked (RowEncoder.marked), up to the next answer. Raises DataError:
    template_refuses; no_gap where the answer's place in the prompt cannot be found.
    """
    answer = dict(messages[index])
    if not answer.get("tool_calls") and not answer.get("content", "").strip():
        answer["content"] = _PLACEHOLDER
    shown = _shown(model, messages, index, answer, tools, settings)
    if shown.has_content_behind_calls():  # Gemma 4 writes it even behind their results
        answer["content"] = ""
        shown = _shown(model, messages, index, answer, tools, settings)
    end = shown.end_of_answer()
    if not end:
        raise _no_gap("the template drops it")
    plain = shown.unmarked()
    stop = stop_after(model.template, plain, end)
    if stop is None:
        raise _no_gap("no stop token stands behind it")
    return TurnGap(plain[stop.start() : stop.end()], plain[stop.end() :])


def _shown(
    model: RowEncoder,
    messages: Sequence[Message],
    index: int,
    answer: Message,
    tools: Sequence[Any] | None,
    settings: dict[str, Any],
) -> MarkedAnswer:
    """Return the next prompt, in which the answer is marked."""
    try:
        marked = mark_answer(answer)
    except (ValueError, RecursionError) as error:
        raise _no_gap(f"its texts cannot be marked: {error}") from error
    conversation = [*messages[:index], marked.message, *messages[index + 1 :]]
    text = model.template.render(model.form.apply(conversation), tools, True, **settings)
    return marked.rendered_as(text)


def _no_gap(reason: str) -> DataError:
    fix = "take a template that shows each answer, and name its stop tokens (eos_token_id)"
    return DataError(f"an answer of a rollout: {reason}", "no_gap", fix)
