"""Published templates with a tokenizer, and what must hold of every row that they make."""

import re
import unicodedata
from functools import cache
from typing import Any

from helpers.chat_templates import published, renderings, template_named
from helpers.qwen3_tokenizer import SPECIAL, qwen3_encoder, qwen3_tokenizer
from swiftkit.rendering.control_tokens import unmarked
from swiftkit.rendering.message_form import probe_form
from swiftkit.rendering.token_ids import Ids
from swiftkit.rendering.training_row import RowEncoder, TrainingRow

# what templates of other families write as one token: <|user|> <|turn> <turn|> <｜User｜> [INST]
_CONTROL = re.compile(r"<\|[\w/]+\|?>|<\w+\|>|<｜[^｜<>\n]+｜>|<\w+_of_\w+>|\[/?[A-Z_]+\]")


@cache
def row_encoder(name: str) -> RowEncoder:
    """A published template with Qwen3's tokenizer, which other families lend their control tokens."""
    template = template_named(name)
    further = frozenset() if name.startswith("qwen") else _control_tokens()
    return RowEncoder(template, probe_form(template), qwen3_encoder(further))


@cache
def _control_tokens() -> frozenset[str]:
    found: set[str] = set()
    for lines in renderings().values():
        template = published(lines[0])
        if template:
            found.update(_CONTROL.findall(template.source()), template.stop_tokens)
    return frozenset(found.difference(SPECIAL))


def answers(messages: list[dict[str, Any]]) -> list[int]:
    """The indexes of the assistant's messages."""
    return [index for index, each in enumerate(messages) if each["role"] == "assistant"]


def check_row(
    model: RowEncoder, row: TrainingRow, messages: Any, tools: Any, settings: dict[str, Any]
) -> None:
    """Each trained turn stands behind the ids of its prompt, and has the ids of what is generated,
    with its end; every turn is trained or has a status."""
    before: Ids = []
    turns = [without.turn.message for without in row.without_loss]
    for piece in row.pieces:
        if piece.turn:
            turn = piece.turn
            turns.append(turn.message)
            assert before == model.prompt(messages[: turn.message], tools, settings)
            stops = tuple(model.template.stop_tokens)
            end = "" if turn.has_end else turn.missing_end
            assert (turn.generated + end).endswith(stops)
            assert piece.ids == model.encoder.encode(turn.generated) + model.encoder.encode(end)
            assert piece.empty_reasoning < len(piece.ids)
        before = before + piece.ids
    assert sorted(turns) == answers(messages)


def control_ids(model: RowEncoder, row: TrainingRow) -> list[int]:
    """The ids of control tokens in a row, in order."""
    all_ids = {model.encoder.ids(text)[0] for text in model.encoder.control.texts}
    return [each for piece in row.pieces for each in piece.ids if each in all_ids]


def decoded(ids: Ids) -> str:
    """The text of ids of Qwen3's own tokenizer."""
    return qwen3_tokenizer().decode(ids, skip_special_tokens=False)


def as_decoded(text: str) -> str:
    """A rendered text as its ids give it back."""
    return unicodedata.normalize("NFC", unmarked(text))
