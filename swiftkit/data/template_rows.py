"""Rows as one model's chat template trains them: `swiftkit convert --template-of MODEL`.

Each row is rendered as a server will (rendering/loss_spans.py). Where a later message changes how
an answer is written, the whole row cannot train that answer: it goes without a loss there, and a
row of its own ends with it.

    user, answer 1 (own_row), user, answer 2 (ok)

    user, answer 1 without a loss, user, answer 2        the whole row, with the id ID
    user, answer 1                                       its own row, ID~turn1

The same is done where only the token ids differ (rendering/token_ids.py), if the folder holds a
tokenizer. A row is refused where no loss could be right, or the template drops a part of an answer.
In rows of grpo the prompt has to be one that the template renders; in those of preference and kto
the answer after the last question is looked at, and nothing is split.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from swiftkit.data.model_template import ModelTemplate
from swiftkit.data.roles import ANSWERS
from swiftkit.data.targets import after_last_user
from swiftkit.data.to_openai import calls_in_text, openai_messages, parse_tools
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.rendering.control_tokens import unmarked
from swiftkit.rendering.loss_spans import TurnLoss, check_settings, render_conversation
from swiftkit.rendering.neutral_messages import neutral
from swiftkit.rendering.served_tools import tools_as_served
from swiftkit.rendering.token_ids import encode_conversation
from swiftkit.toolcall.tools import tool_names

AS_IT_IS, MASKED, OWN = "as_it_is", "masked", "own"  # kinds of a row that is written
SEAM = "token_seam"
_OTHER_TEMPLATE = "take another template"


class TemplateRow(NamedTuple):
    row: Row
    kind: str


class _Answer(NamedTuple):
    """An answer of a row: the places of its messages, and its turn in the rendering."""

    span: range
    turn: TurnLoss
    status: str


def rows_for_template(
    row: Row, model: ModelTemplate, thinking: bool | None, target: str, turns: Counter[str]
) -> list[TemplateRow]:
    """Return the rows to train instead of this one, and add its turns to those by status.

    thinking: the switch that is written into the row; None for the template's own default. target:
    a key of targets.TARGETS. Raises DataError where the row cannot be trained with this template.
    """
    if thinking is not None:
        settings = row.get("chat_template_kwargs") or {}
        row = row.copy()
        row["chat_template_kwargs"] = {**settings, model.thinking_key: thinking}
    messages = row["messages"]
    if target == "sft":
        spans = _answer_spans(messages)
        return list(_split(row, spans, _looked_at(row, messages, spans, model, turns)))
    if target.startswith("grpo"):
        conversation, tools, settings = _as_served(row, messages, model)
        formed = model.form.apply(neutral(conversation))
        model.template.render(formed, tools, add_generation_prompt=True, **settings)
        return [TemplateRow(row, AS_IT_IS)]
    question = after_last_user(messages)
    sides = [messages]
    if isinstance(row.get("rejected_response"), list):
        rejected: Any = row["rejected_response"]
        sides.append([*messages[:question], *rejected])
    for side in sides:
        last = [span for span in _answer_spans(side) if span.start >= question]
        _looked_at(row, side, last, model, turns)
    return [TemplateRow(row, AS_IT_IS)]


def _answer_spans(messages: Sequence[Message]) -> list[range]:
    """Return the places of each answer: texts and calls with nothing else between them."""
    spans: list[range] = []
    start = 0
    for is_answer, run in groupby(messages, lambda message: message["role"] in ANSWERS):
        end = start + len(list(run))
        if is_answer:
            spans.append(range(start, end))
        start = end
    return spans


def _looked_at(
    row: Row,
    messages: list[Message],
    spans: Collection[range],
    model: ModelTemplate,
    turns: Counter[str],
) -> list[_Answer]:
    """Return those answers at `spans` that have a loss, and count them by status.

    Raises DataError for the first that no loss would be right for.
    """
    conversation, tools, settings = _as_served(row, messages, model)
    indexes = [n for n, message in enumerate(conversation) if message["role"] == "assistant"]
    wanted: dict[int, range] = {}
    for index, span in zip(indexes, _answer_spans(messages), strict=True):
        if span in spans and messages[span.start].get("loss") is not False:
            wanted[index] = span
    rendered = render_conversation(
        model.template, model.form, conversation, tools, settings, only=wanted
    )
    trained = [turn for turn in rendered.turns if turn.status == "ok" and not turn.needs]
    seams: set[int] = set()
    if model.encoder and len(trained) > 1:  # a seam is one to a later turn
        encoded = encode_conversation(rendered, trained, model.encoder)
        seams.update(turn.message for turn in encoded.seams)
    answers: list[_Answer] = []
    problems = []
    for turn in rendered.turns:
        span = wanted[turn.message]
        status = SEAM if turn.message in seams else turn.status
        if turn.needs and status in ("ok", "own_row"):
            status = "needs_setting"
        if status == "ok" and not turn.has_end and not turn.missing_end:
            status = "no_end"
        turns[status] += 1
        answers.append(_Answer(span, turn, status))
        if problem := _problem(turn, status, f"messages[{span.start}]"):
            problems.append(problem)
    if problems:
        raise problems[0]
    return answers


def _as_served(
    row: Row, messages: list[Message], model: ModelTemplate
) -> tuple[list[dict[str, Any]], list[Any] | None, dict[str, Any]]:
    """Return messages, tools and settings as a server has them, with an answer a message.

    Control tokens in their texts are marked. Raises DataError.
    """
    kwargs = row.get("chat_template_kwargs") or {}
    settings = {name: value for name, value in kwargs.items() if value is not None}
    check_settings(settings)
    tools = parse_tools(row.get("tools"), "tools")
    whole: list[Message] = []
    end = 0
    for span in _answer_spans(messages):
        whole += messages[end : span.start]
        whole += _one_answer(messages[span.start : span.stop], f"messages[{span.start}]")
        end = span.stop
    whole += messages[end:]
    conversation = openai_messages(whole, "the row", reads_markup=False)
    names = tool_names(tools)
    for message in conversation:
        if names and message["role"] == "assistant" and "tool_calls" not in message:
            message["content"], calls = calls_in_text(message["content"], names)
            if calls:
                message["tool_calls"] = calls
    marked: list[dict[str, Any]] = model.control.marked(conversation)
    return marked, model.control.marked(tools_as_served(tools)) if tools else None, settings


def _one_answer(parts: list[Message], where: str) -> list[Message]:
    """Return the messages of an answer with one text. Raises DataError (mixed_loss)."""
    flags = [part.get("loss") is False for part in parts]
    if any(flags) and not all(flags):
        fix = "give all parts of the answer the same flag"
        raise DataError(f"{where}: only one part of the answer has a loss", "mixed_loss", fix)
    texts = [part for part in parts if part["role"] == "assistant"]
    if len(texts) < 2:
        return parts
    joined: Message = {"role": "assistant", "content": "".join(part["content"] for part in texts)}
    for part in texts:
        if reasoning := part.get("reasoning_content"):
            joined.setdefault("reasoning_content", reasoning)
    return [joined, *parts[len(texts) :]]


def _split(row: Row, spans: list[range], answers: list[_Answer]) -> Iterator[TemplateRow]:
    """Yield the whole row, if an answer of it keeps its loss, and the rows of single answers."""
    messages = row["messages"]
    own = [answer.span for answer in answers if answer.status in ("own_row", SEAM)]
    if not own:
        yield TemplateRow(row, AS_IT_IS)
        return
    if len(own) < len(answers):
        whole = row.copy()
        whole["messages"] = _without_loss(messages, own)
        yield TemplateRow(whole, MASKED)
    for number, span in enumerate(spans, 1):
        if span in own:
            alone = row.copy()
            alone["id"] = f"{row['id']}~turn{number}"
            alone["messages"] = _without_loss(messages[: span.stop], spans[: number - 1])
            yield TemplateRow(alone, OWN)


def _without_loss(messages: list[Message], spans: Sequence[range]) -> list[Message]:
    """Return the messages, those in the spans without a loss."""
    result = list(messages)
    for span in spans:
        for place in span:
            result[place] = {**messages[place], "loss": False}
    return result


def _problem(turn: TurnLoss, status: str, where: str) -> DataError | None:
    """Return why an answer cannot be trained; None where it can."""
    why = unmarked(turn.why)
    if status == "refused":
        fix = f"mend it, or {_OTHER_TEMPLATE}"
        return DataError(f"{where}: {why}", "template_refuses", fix)
    if status == "lost":
        part = "text" if turn.lost[0] == "content" else turn.lost[0]
        reason = f"{where}: the chat template drops the answer's {part}"
        fix = f"{_OTHER_TEMPLATE}, or take the {part} out of the row"
        if part == "calls":
            return DataError(reason, "template_drops_calls", fix)
        if part == "reasoning":
            return DataError(reason, "template_drops_reasoning", fix)
        return DataError(reason, "template_drops_text", fix)
    if status == "not_prefix":
        reason = f"{where}: what the chat template writes does not begin with the prompt: {why}"
        return DataError(reason, "template_not_prefix", _OTHER_TEMPLATE)
    if status == "no_end":
        reason = f"{where}: the chat template writes no token that ends the answer"
        fix = "name it in the model's generation_config.json (eos_token_id)"
        return DataError(reason, "template_no_end", fix)
    if status == "needs_setting":
        [(name, value)] = turn.needs.items()
        switch = "on" if value else "off"
        reason = f"{where}: the answer follows its prompt only with {name} {str(value).lower()}"
        fix = (
            f"write it into the rows with --thinking {switch}, and give training and the server"
            f" {name} {str(value).lower()}, too"
        )
        return DataError(reason, "template_needs_setting", fix)
    return None
