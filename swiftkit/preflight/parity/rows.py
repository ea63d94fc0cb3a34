"""The rows of a file as the model's own chat template renders them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.data.convert_record import ConvertOptions, convert_chunk
from swiftkit.data.roles import ANSWERS
from swiftkit.data.to_openai import openai_messages, parse_tools
from swiftkit.errors import DataError
from swiftkit.files.inputs import Chunk, find_files, read_chunks
from swiftkit.records import Row
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.loss_spans import RenderedConversation, TurnLoss, render_conversation
from swiftkit.rendering.message_form import MessageForm, probe_form
from swiftkit.rendering.neutral_messages import neutral
from swiftkit.rendering.render_request import RenderRequest
from swiftkit.rendering.served_tools import tools_as_served


@dataclass(frozen=True)
class TrainedTemplate:
    """A chat template, the form of messages that it reads, and the settings of the training."""

    template: ChatTemplate
    form: MessageForm
    settings: dict[str, Any]

    @classmethod
    def of(cls, template: ChatTemplate, thinking: bool | None = None) -> "TrainedTemplate":
        """`thinking` is the switch of the training, None where it left the template's default."""
        settings = {}
        if thinking is not None:
            read = template.variables()
            is_other = "enable_thinking" not in read and "thinking" in read  # DeepSeek
            settings["thinking" if is_other else "enable_thinking"] = thinking
        return cls(template, probe_form(template), settings)


@dataclass(frozen=True)
class RenderedRow:
    """A row, its messages and tools in OpenAI's form, and its rendering.

    `settings` are the row's own, which a client sends too. `refusal` has the template's words, and
    `rendered` is None then.
    """

    place: str  # file:line
    row: Row
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None
    settings: dict[str, Any]
    request: RenderRequest
    rendered: RenderedConversation | None
    refusal: str = ""

    @property
    def is_answered(self) -> bool:
        return bool(self.messages) and self.messages[-1]["role"] == "assistant"

    def wanted_turns(self) -> list[TurnLoss]:
        """Return the turns that the row's flags want to be trained."""
        turns = self.rendered.turns if self.rendered else ()
        left_out = _without_loss(self.row, self.messages)
        return [turn for turn in turns if turn.message not in left_out]

    def prompts(self) -> Iterator["RowPrompt"]:
        """Yield what a server is asked for each turn to be trained.

        A row that waits for its answer has one prompt, its whole text.
        """
        if self.rendered is None:
            return
        for turn in self.wanted_turns():
            if turn.status in ("ok", "own_row"):
                settings = {**self.request.settings, **turn.needs}
                messages = list(self.request.messages)[: turn.message]
                text = (turn.row or self.rendered.text)[: turn.prompt_length]
                asked = replace(self.request, messages=messages, settings=settings, is_prompt=True)
                asked = replace(asked, missing_end="")
                sent = {**self.settings, **turn.needs}
                yield RowPrompt(self.place, asked, text, self.messages[: turn.message], sent)
        if not self.is_answered:
            text = self.rendered.text
            yield RowPrompt(self.place, self.request, text, self.messages, self.settings)


@dataclass(frozen=True)
class RowPrompt:
    """A prompt by the model's own template, and the messages and settings that a client sends."""

    place: str
    request: RenderRequest
    text: str
    messages: list[dict[str, Any]]
    settings: dict[str, Any]


def read_rows(data: Path, limit: int | None) -> Iterator[tuple[str, Row | DataError]]:
    """Yield (file:line, row) of a file in any layout that `swiftkit convert` reads.

    A record that is no conversation comes as its DataError. Raises DataError for a file without
    rows, UsageError for one that cannot be read.
    """
    options = ConvertOptions("whole")
    is_empty = True
    rows = _rows_of(data, options)
    for place, row in islice(rows, limit):
        is_empty = False
        yield place, row
    if is_empty:
        raise DataError(f"{data}: no rows", "no_rows", "give a file with at least one row")


def _rows_of(data: Path, options: ConvertOptions) -> Iterator[tuple[str, Row | DataError]]:
    for chunk in read_chunks(find_files([data], [])):
        for number, line in chunk.records:
            place = f"{chunk.path}:{number}"
            [outcome] = convert_chunk(Chunk(chunk.path, [(number, line)]), options)
            if reject := outcome.reject:
                yield place, DataError(reject.reason, reject.code, reject.fix)
            for row in outcome.rows:
                yield place, msgspec.json.decode(row)


def render_row(model: TrainedTemplate, row: Row, place: str) -> RenderedRow:
    """Return a row with its rendering. Raises DataError for a row that is no conversation."""
    messages = openai_messages(row.get("messages"), place, reads_markup=False)
    tools = parse_tools(row["tools"], place) if row.get("tools") else None
    given = row.get("chat_template_kwargs") or {}
    settings = {name: value for name, value in given.items() if value is not None}
    return render_messages(model, messages, tools, settings, row, place)


def render_messages(
    model: TrainedTemplate,
    messages: list[dict[str, Any]],
    tools: list[dict[str, Any]] | None,
    settings: dict[str, Any],
    row: Row,
    place: str,
) -> RenderedRow:
    """Return OpenAI messages with their rendering. Raises DataError."""
    template, form = model.template, model.form
    is_prompt = messages[-1]["role"] != "assistant"
    used = {**model.settings, **settings}
    served = tools_as_served(tools)
    request = RenderRequest(template, form, neutral(messages), served, used, is_prompt)
    rendered, refusal = None, ""
    try:
        rendered = render_conversation(template, form, messages, served, used)
        if is_prompt:
            rendered = replace(rendered, text=request.text())
        elif rendered.turns:
            request = replace(request, missing_end=rendered.turns[-1].missing_end)
    except DataError as error:
        if error.code != "template_refuses":
            raise
        refusal = error.reason
    return RenderedRow(place, row, messages, tools or None, settings, request, rendered, refusal)


def _without_loss(row: Row, messages: Sequence[dict[str, Any]]) -> set[int]:
    """Return the indexes of the answers, among OpenAI messages, that have no loss in the row."""
    flags: list[bool] = []
    for is_answer, run in groupby(row.get("messages", ()), lambda each: each["role"] in ANSWERS):
        if is_answer:
            flags.append(all(part.get("loss") is False for part in run))
    answers = [n for n, message in enumerate(messages) if message["role"] == "assistant"]
    if len(flags) != len(answers):  # answers that follow each other: their flags are not told apart
        return set()
    return {index for index, flag in zip(answers, flags, strict=True) if flag}


def status_of(turn: TurnLoss) -> tuple[str, str]:
    """Return a turn's status, and why it is not ok."""
    if turn.status == "lost":
        return "lost", f"the template drops {', '.join(turn.lost)}"
    if turn.needs and turn.status in ("ok", "own_row"):
        switches = ", ".join(f"{key}={value}" for key, value in turn.needs.items())
        return "needs", f"a server has to be sent {switches}"
    if turn.status == "ok" and not turn.has_end and not turn.missing_end:
        return "no_end", "the template writes no token that ends it"
    return turn.status, turn.why


def trained_spans(row: RenderedRow) -> Sequence[tuple[int, int]]:
    """Return the spans of the row's text that are trained."""
    if row.rendered is None or not row.is_answered:
        return ()
    return row.rendered.trained(with_empty_reasoning=False)
