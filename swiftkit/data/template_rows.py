"""Rows as one model's chat template trains them: `swiftkit convert --template-of MODEL`.

Each row is rendered as a server will (rendering/loss_spans.py). Where a later message changes how
an answer is written, the whole row cannot train that answer: it goes without a loss there, and a
row of its own ends with it.

    user, answer 1 (own_row), user, answer 2 (ok)

    user, answer 1 without a loss, user, answer 2        the whole row, with the id ID
    user, answer 1                                       its own row, ID~turn1

A row is refused where no loss could be right, or the template drops a part of an answer. In rows of
grpo the prompt has to be one that the template renders; in those of preference and kto the answer
after the last question is looked at, and nothing is split.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from swiftkit.data.rows import ANSWERS
from swiftkit.data.targets import after_last_user
from swiftkit.data.to_openai import openai_messages, parse_tools
from swiftkit.errors import DataError, UsageError
from swiftkit.records import Message, Row
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.loss_spans import TurnLoss, render_conversation
from swiftkit.rendering.message_form import MessageForm, probe_form
from swiftkit.rendering.model_folder import read_chat_template
from swiftkit.rendering.neutral_messages import neutral

AS_IT_IS, MASKED, OWN = "as_it_is", "masked", "own"  # kinds of a row that is written
_OWN_ROW = ("own_row", "token_seam")  # statuses of a turn that is trained in a row of its own
_RESERVED = {"self", "messages", "tools", "add_generation_prompt"}
_OTHER_TEMPLATE = "take another template"


@dataclass(frozen=True)
class ModelTemplate:
    """The chat template of a model's folder."""

    template: ChatTemplate
    form: MessageForm
    sha256: str  # of the template's text
    thinking_key: str  # the variable with which it turns thinking on and off


class TemplateRow(NamedTuple):
    row: Row
    kind: str


@lru_cache(maxsize=4)
def model_template(folder: str) -> ModelTemplate:
    """Return the chat template of a model's folder. Raises UsageError, with a fix."""
    fix = "give the folder of a chat model, with chat_template.jinja or tokenizer_config.json"
    try:
        if not Path(folder).expanduser().is_dir():
            raise UsageError(f"--template-of {folder}: no such folder; {fix}")
        template = read_chat_template(Path(folder).expanduser())
        variables = template.variables()
        text = template.source()
    except DataError as error:
        raise UsageError(f"--template-of: {error.reason}; {error.fix}") from error
    except (OSError, ValueError) as error:  # too long a name, or a null byte in it
        raise UsageError(f"--template-of: {error}; {fix}") from error
    reads_thinking_alone = "thinking" in variables and "enable_thinking" not in variables
    key = "thinking" if reads_thinking_alone else "enable_thinking"  # the first: DeepSeek
    return ModelTemplate(template, probe_form(template), sha256(text.encode()).hexdigest(), key)


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
        rendered = _rendered_turns(row, messages, model)
        return list(_split(row, rendered, turns))
    if target.startswith("grpo"):
        _check_prompt(row, model)
        return [TemplateRow(row, AS_IT_IS)]
    question = after_last_user(messages)
    sides = [messages]
    if isinstance(row.get("rejected_response"), list):
        rejected: Any = row["rejected_response"]
        sides.append([*messages[:question], *rejected])
    for side in sides:
        rendered = _rendered_turns(row, side, model)
        _check([(span, turn) for span, turn in rendered if span.start >= question], turns)
    return [TemplateRow(row, AS_IT_IS)]


def _rendered_turns(
    row: Row, messages: list[Message], model: ModelTemplate
) -> list[tuple[range, TurnLoss]]:
    """Return for each answer the places of its messages, and what the template makes of it."""
    conversation, tools, settings = _openai_form(row, messages)
    rendered = render_conversation(model.template, model.form, conversation, tools, settings)
    return list(zip(_answers(messages), rendered.turns, strict=True))


def _check_prompt(row: Row, model: ModelTemplate) -> None:
    conversation, tools, settings = _openai_form(row, row["messages"])
    formed = model.form.apply(neutral(conversation))
    model.template.render(formed, tools, add_generation_prompt=True, **settings)


def _openai_form(
    row: Row, messages: list[Message]
) -> tuple[list[dict[str, Any]], list[Any] | None, dict[str, Any]]:
    settings = row.get("chat_template_kwargs") or {}
    if taken := _RESERVED & settings.keys():
        reason = f"chat_template_kwargs sets {', '.join(sorted(taken))}"
        raise DataError(reason, "bad_settings", "that is no setting of a template: take it out")
    tools = parse_tools(row.get("tools"), "tools") or None
    return openai_messages(messages, "the row", reads_markup=False), tools, settings


def _answers(messages: Iterable[Message]) -> list[range]:
    """Return the places of each answer: a text with its calls, or calls alone."""
    answers: list[range] = []
    before = ""
    for place, message in enumerate(messages):
        role = message["role"]
        if role == "tool_call" and before in ANSWERS:
            answers[-1] = range(answers[-1].start, place + 1)
        elif role in ANSWERS:
            answers.append(range(place, place + 1))
        before = role
    return answers


def _split(
    row: Row, rendered: list[tuple[range, TurnLoss]], turns: Counter[str]
) -> Iterator[TemplateRow]:
    """Yield the whole row, if a turn of it keeps its loss, and the rows of single turns."""
    messages = row["messages"]
    trained = []
    for span, turn in rendered:
        if any(messages[place].get("loss") is not False for place in span):
            trained.append((span, turn))
    _check(trained, turns)
    own = [span for span, turn in trained if turn.status in _OWN_ROW]
    if not own:
        yield TemplateRow(row, AS_IT_IS)
        return
    if len(own) < len(trained):
        whole = row.copy()
        whole["messages"] = _without_loss(messages, own)
        yield TemplateRow(whole, MASKED)
    earlier: list[range] = []
    for number, (span, _) in enumerate(rendered, 1):
        if span in own:
            alone = row.copy()
            alone["id"] = f"{row['id']}~turn{number}"
            alone["messages"] = _without_loss(messages[: span.stop], earlier)
            yield TemplateRow(alone, OWN)
        earlier.append(span)


def _without_loss(messages: list[Message], spans: Iterable[range]) -> list[Message]:
    """Return the messages, those in the spans without a loss."""
    result = list(messages)
    for span in spans:
        for place in span:
            result[place] = {**messages[place], "loss": False}
    return result


def _check(trained: list[tuple[range, TurnLoss]], turns: Counter[str]) -> None:
    """Count the turns that are trained; refuse the first that no loss would be right for."""
    problems = []
    for span, turn in trained:
        problem = _problem(turn, f"messages[{span.start}]")
        is_trained = turn.status == "ok" or turn.status in _OWN_ROW
        turns["needs_setting" if problem and is_trained else turn.status] += 1
        if problem:
            problems.append(problem)
    if problems:
        raise problems[0]


def _problem(turn: TurnLoss, where: str) -> DataError | None:
    """Return why a turn cannot be trained; None where it can."""
    if turn.status == "refused":
        return DataError(
            f"{where}: {turn.why}", "template_refuses", f"mend it, or {_OTHER_TEMPLATE}"
        )
    if turn.status == "lost":
        part = "text" if turn.lost[0] == "content" else turn.lost[0]
        reason = f"{where}: the chat template drops the answer's {part}"
        fix = f"{_OTHER_TEMPLATE}, or take the {part} out of the row"
        if part == "calls":
            return DataError(reason, "template_drops_calls", fix)
        if part == "reasoning":
            return DataError(reason, "template_drops_reasoning", fix)
        return DataError(reason, "template_drops_text", fix)
    if turn.status == "not_prefix":
        reason = (
            f"{where}: what the chat template writes does not begin with the prompt: {turn.why}"
        )
        return DataError(reason, "template_not_prefix", _OTHER_TEMPLATE)
    if turn.needs:
        [(name, value)] = turn.needs.items()
        switch = "on" if value else "off"
        reason = f"{where}: the answer follows its prompt only with {name} {str(value).lower()}"
        fix = (
            f"write it into the rows with --thinking {switch}, and give training and the server"
            f" {name} {str(value).lower()}, too"
        )
        return DataError(reason, "template_needs_setting", fix)
    return None
