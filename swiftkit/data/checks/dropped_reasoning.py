"""Does the chat template of the model drop reasoning that a row trains?

A template may write no reasoning at all (Qwen2.5), or none of the answers before the last question
(Qwen3): a training on the whole row then teaches those answers without it, and pays for nothing.
A word is put in place of each reasoning, and looked for in the rendered row. That costs a
millisecond or two a row, so only the first MOST rows with reasoning are rendered.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from swiftkit.data.checks.row_view import RowFinding, RowView
from swiftkit.data.to_openai import REASONING, openai_messages, parse_tools
from swiftkit.errors import DataError, UsageError
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.loss_spans import check_settings
from swiftkit.rendering.message_form import probe_form
from swiftkit.rendering.model_folder import read_chat_template
from swiftkit.rendering.neutral_messages import neutral
from swiftkit.rendering.served_tools import tools_as_served
from swiftkit.toolcall.reasoning import OPEN, split

MOST = 1000
_WORD = "quartzite"  # stands in no template


class DroppedReasoning:
    """Renders rows with a model's chat template; with none where there is no model or template.

    rows: how many have been rendered.
    """

    def __init__(self, folder: Path | None) -> None:
        self.rows = 0
        self._template = _template_in(folder) if folder else None
        self._form = probe_form(self._template) if self._template else None

    def findings_in(self, view: RowView) -> Iterator[RowFinding]:
        if self._template is None or self.rows >= MOST or not _has_reasoning(view):
            return
        self.rows += 1
        try:
            yield from self._dropped(view.row)
        # rows that structure.py speaks of, or that the template refuses
        except (DataError, RecursionError, TypeError, AttributeError, KeyError, ValueError):
            return

    def _dropped(self, row: dict[str, Any]) -> Iterator[RowFinding]:
        trained = [_without_untrained(message) for message in row["messages"]]
        messages = openai_messages(trained, "the row", reads_markup=False)
        words: dict[int, str] = {}  # by the answer's index
        answers = 0
        for index, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            answers += 1
            if message.get(REASONING):
                words[index] = message[REASONING] = f"{_WORD}{answers}z"
        kwargs = row.get("chat_template_kwargs") or {}
        settings = {name: value for name, value in kwargs.items() if value is not None}
        check_settings(settings)
        tools = tools_as_served(parse_tools(row.get("tools"), "tools"))
        whole = self._render(messages, tools, settings)
        lost = [index for index, word in words.items() if word not in whole]
        if not lost:
            return
        first = lost[0]
        alone = self._render(messages[: first + 1], tools, settings)
        how = "once later messages follow" if words[first] in alone else "also of the last answer"
        detail = f"the reasoning of {len(lost)} of {answers} answers, {how}"
        yield RowFinding("reasoning_dropped", detail)

    def _render(self, messages: list[Any], tools: Any, settings: dict[str, Any]) -> str:
        assert self._template is not None  # noqa: S101 (findings_in looked)
        assert self._form is not None  # noqa: S101
        return self._template.render(self._form.apply(neutral(messages)), tools, **settings)


def _template_in(folder: Path) -> ChatTemplate | None:
    """Return the chat template of a folder; None for a tokenizer alone. Raises UsageError for one
    that cannot be read."""
    try:
        template = read_chat_template(folder)
        template.variables()
    except DataError as error:
        if error.code == "no_chat_template":
            return None
        raise UsageError(f"--tokenizer {folder}: {error.reason}; {error.fix}") from error
    return template


def _without_untrained(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message without the reasoning that has no loss."""
    if message.get("loss") is not False:
        return message
    _, text = split(message["content"], "the row")
    return {**message, "content": text, REASONING: ""}


def _has_reasoning(view: RowView) -> bool:
    for turn in view.turns:
        if turn.role == "assistant" and (turn.reasoning or turn.text.startswith(OPEN)):
            return True
    return False
