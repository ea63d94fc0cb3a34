"""The parts of a rendered conversation that are trained, by comparing what a server would render.

For the assistant's message at index i:

    P = render(messages[:i], add_generation_prompt=True)     what a server sends for this turn
    R = render(messages[:i + 1])                             the same conversation after the turn

    P: <|im_start|>user⏎Name a tree.<|im_end|>⏎<|im_start|>assistant⏎
    R: <|im_start|>user⏎Name a tree.<|im_end|>⏎<|im_start|>assistant⏎Oak.<|im_end|>⏎
                                                                     ~~~~~~~~~~~~~~ generated

R has to begin with P. What follows, up to and with the token at which a server stops, is what the
model generates: that is trained, and nothing else. A turn's status:

    ok           the whole text holds it as it is generated: trained there, at `span`
    own_row      a later message changes how it, or its prompt, is written: what the server saw is
                 `row`, and only in a row of its own can it be trained
    lost         the template drops calls, reasoning or content: `lost` names them
    not_prefix   R does not begin with P, whatever thinking mode is asked for: no loss can be right
    refused      the template refuses the conversation up to this turn

Token ids may tell more of a turn than its text: token_ids.py.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from swiftkit.errors import DataError
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.marked_parts import PARTS, MarkedAnswer, mark_answer, parts_not_in
from swiftkit.rendering.message_form import MessageForm
from swiftkit.rendering.neutral_messages import Message, neutral
from swiftkit.toolcall import reasoning
from swiftkit.toolcall.alternatives import any_of

Span = tuple[int, int]

_THINKING_SETTINGS = ("enable_thinking", "thinking")  # DeepSeek's templates read the second
_EMPTY_REASONING = re.compile(
    rf"\s*(?:{any_of(reasoning.TAGS)})?\s*(?:{any_of(reasoning.CLOSING_TAGS)})\s*"
)


@dataclass(frozen=True)
class TurnLoss:
    """One assistant's turn in the rendering of its conversation."""

    message: int  # its index
    status: str
    why: str = ""  # where it parts from what it should be, or the template's own words
    generated: str = ""
    lost: tuple[str, ...] = ()  # of calls, reasoning, content
    needs: dict[str, bool] = field(default_factory=dict)  # what a server has to be sent with it
    # a server stops at a token that the text of some templates lacks (GLM: <|user|>, which begins
    # the next message): it has to be added, and trained
    has_end: bool = True
    missing_end: str = ""
    # leading characters of `generated`: a block without reasoning; trained, it teaches not to think
    empty_reasoning: int = 0
    prompt_length: int = 0
    span: Span | None = None  # of `generated` in the whole text
    row: str = ""  # the prompt and `generated`, where there is no `span`


@dataclass(frozen=True)
class RenderedConversation:
    text: str
    turns: tuple[TurnLoss, ...]

    def trained(self, *, with_empty_reasoning: bool) -> list[Span]:
        """Return the spans of `text` that are trained: those of the turns that are ok, in order."""
        spans = []
        for turn in self.turns:
            if turn.status == "ok" and turn.span:
                start, end = turn.span
                spans.append((start + (0 if with_empty_reasoning else turn.empty_reasoning), end))
        return spans


def render_conversation(
    template: ChatTemplate,
    form: MessageForm,
    messages: Any,
    tools: Sequence[Any] | None = None,
    settings: dict[str, Any] | None = None,
    *,
    only: Collection[int] | None = None,
) -> RenderedConversation:
    """Return the text of OpenAI messages, and what becomes of each turn of the assistant in it.

    `settings` are the row's chat_template_kwargs, such as enable_thinking. `only` are the indexes
    of the messages whose turns are wanted; None: all. Raises DataError: those of `neutral`, and
    template_refuses where the template refuses the whole conversation.
    """
    check_settings(settings or {})
    renderer = _Renderer(template, form, tools, settings or {})
    conversation = neutral(messages)
    text = renderer.render(conversation)
    turns = []
    for index, message in enumerate(conversation):
        if message["role"] == "assistant" and (only is None or index in only):
            turns.append(_turn(renderer, conversation[: index + 1], text))
    return RenderedConversation(text, tuple(turns))


def check_settings(settings: dict[str, Any]) -> None:
    """Raise DataError (bad_settings) for a setting that would replace the messages."""
    if taken := {"self", "messages", "tools", "add_generation_prompt"} & settings.keys():
        reason = f"chat_template_kwargs sets {', '.join(sorted(taken))}"
        raise DataError(reason, "bad_settings", "that is no setting of a template: take it out")


def stop_after(template: ChatTemplate, text: str, start: int) -> re.Match[str] | None:
    """Return the first of a template's stop tokens that begins at `start` or later."""
    stops = template.stop_tokens
    return re.compile(any_of(stops)).search(text, start) if stops else None


@dataclass(frozen=True)
class _Renderer:
    template: ChatTemplate
    form: MessageForm
    tools: Sequence[Any] | None
    settings: dict[str, Any]

    def render(
        self, messages: list[Message], needs: dict[str, bool] | None = None, is_prompt: bool = False
    ) -> str:
        settings = {**self.settings, **(needs or {})}
        return self.template.render(self.form.apply(messages), self.tools, is_prompt, **settings)

    def thinking_settings(self) -> Iterator[dict[str, bool]]:
        """Yield the settings to try for a turn: the row's own, thinking off, thinking on."""
        yield {}
        read = self.template.variables(self.tools)
        for value in (False, True):
            for name in _THINKING_SETTINGS:
                if name in read and self.settings.get(name) is not value:
                    yield {name: value}

    def stop_after(self, text: str, start: int) -> int | None:
        """Return where the first stop token that begins at `start` or later ends."""
        found = stop_after(self.template, text, start)
        return found.end() if found else None


def _turn(renderer: _Renderer, messages: list[Message], text: str) -> TurnLoss:
    """Return what becomes of the last of the messages in `text`, the whole conversation's."""
    index = len(messages) - 1
    refusal = parting = ""
    lost: tuple[str, ...] = ()
    for needs in renderer.thinking_settings():
        try:
            prompt = renderer.render(messages[:-1], needs, is_prompt=True)
            rendered = renderer.render(messages, needs)
        except DataError as error:
            refusal = refusal or error.reason
            continue
        marked = _marked(renderer, messages, needs, rendered)
        if rendered.startswith(prompt):
            return _generated_turn(renderer, messages, needs, prompt, rendered, marked, text)
        if not parting:
            parting = _parting(prompt, rendered, "the prompt", "the turn")
            lost = marked.parts_lost() if marked else ()
    if parting:
        return TurnLoss(index, "not_prefix", parting, lost=lost)
    return TurnLoss(index, "refused", refusal)


def _marked(
    renderer: _Renderer, messages: list[Message], needs: dict[str, bool], rendered: str
) -> MarkedAnswer | None:
    """Return the rendering of messages with the last one marked; None where marks change it."""
    try:
        answer = mark_answer(messages[-1])
        answer = answer.rendered_as(renderer.render([*messages[:-1], answer.message], needs))
    except (DataError, ValueError, RecursionError):
        return None
    return answer if answer.unmarked() == rendered else None


def _generated_turn(
    renderer: _Renderer,
    messages: list[Message],
    needs: dict[str, bool],
    prompt: str,
    rendered: str,
    marked: MarkedAnswer | None,
    text: str,
) -> TurnLoss:
    """Return the turn of the last of the messages, whose rendering begins with its prompt."""
    start = max(marked.end_of_texts() if marked else 0, len(prompt))
    stop = renderer.stop_after(rendered, start)
    row = rendered[:stop] if stop else rendered
    generated = row[len(prompt) :]
    lost = set(parts_not_in(generated, messages[-1])).union(marked.parts_lost() if marked else ())
    empty = _EMPTY_REASONING.match(generated)
    turn = TurnLoss(
        message=len(messages) - 1,
        status="lost" if lost else "ok",
        generated=generated,
        lost=tuple(part for part in PARTS if part in lost),
        needs=needs,
        has_end=stop is not None,
        missing_end="" if stop else _missing_end(renderer, messages[-1], needs),
        empty_reasoning=empty.end() if empty else 0,
        prompt_length=len(prompt),
    )
    if text.startswith(row):
        return replace(turn, span=(len(prompt), len(row)))
    why = _parting(row, text, "the turn", "the whole text")
    return replace(turn, status="lost" if lost else "own_row", row=row, why=why)


def _missing_end(renderer: _Renderer, answer: Message, needs: dict[str, bool]) -> str:
    """Return the stop token with which the message after an answer begins; "" without one."""
    # in a short exchange without reasoning, which no later message changes
    question: Message = {"role": "user", "content": "Yes?"}
    following, short_answer = question, {"role": "assistant", "content": "Yes."}
    if calls := answer.get("tool_calls"):
        short_answer["tool_calls"] = calls
        following = {"role": "tool", "content": "Yes.", "name": calls[0]["function"]["name"]}
        following["tool_call_id"] = calls[0].get("id")
    exchange = [question, short_answer]
    try:
        before = renderer.render(exchange, needs)
        after = renderer.render([*exchange, following], needs)
    except DataError:
        return ""
    stop = renderer.stop_after(after, len(before)) if after.startswith(before) else None
    return after[len(before) : stop].strip() if stop else ""


def _parting(one: str, other: str, its_name: str, other_name: str) -> str:
    """Return the sentence that shows where a text stops to begin another."""
    place = min(len(one), len(other))
    for index, (character, expected) in enumerate(zip(one, other, strict=False)):
        if character != expected:
            place = index
            break
    its_text, other_text = one[place : place + 40], other[place : place + 40]
    return f"at character {place} {its_name} has {its_text!r}, {other_name} {other_text!r}"
