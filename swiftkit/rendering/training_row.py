"""A conversation as it is trained: its token ids, and which of them carry a loss.

A turn that no server would let the model write as it stands here carries none, under a status:

    own_row      a later message changes how it is written
    token_seam   the next prompt has other tokens for it (token_ids.py)
    needs        only with another thinking switch than this row's is it what follows the prompt
    not_prefix   what the template writes does not begin with the prompt
    refused      the template refuses the conversation up to this turn
    no_end       no stop token is known that ends it: trained, it would teach to go on

The row is refused where the template drops a part of a turn, or where nothing is left to train.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from swiftkit.errors import DataError
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.control_tokens import unmarked
from swiftkit.rendering.loss_spans import TurnLoss, check_settings, render_conversation
from swiftkit.rendering.message_form import MessageForm
from swiftkit.rendering.neutral_messages import Message, neutral
from swiftkit.rendering.served_tools import tools_as_served
from swiftkit.rendering.token_ids import (
    EncodedPiece,
    Ids,
    TextEncoder,
    added_end,
    encode_conversation,
)

OWN_ROWS = "swiftkit convert --template-of MODEL writes such turns in rows of their own"
FIXES = {
    "own_row": OWN_ROWS,
    "token_seam": OWN_ROWS,
    "needs": "train and serve with the thinking switch that the turn needs",
    "not_prefix": "take another chat template, or answers of the form that it writes",
    "refused": "change the conversation, or take a template that renders it",
    "no_end": "name the token that ends a turn in generation_config.json (eos_token_id)",
}


@dataclass(frozen=True)
class RowEncoder:
    """What makes token ids of messages for one model."""

    template: ChatTemplate
    form: MessageForm
    encoder: TextEncoder

    def prompt(self, messages: Any, tools: Sequence[Any] | None, settings: dict[str, Any]) -> Ids:
        """Return the ids of the prompt that a server sends for the next turn of OpenAI messages.

        Raises DataError: template_refuses, and those of `neutral`.
        """
        return self.encoder.encode(self.prompt_text(messages, tools, settings))

    def prompt_text(
        self, messages: Any, tools: Sequence[Any] | None, settings: dict[str, Any]
    ) -> str:
        """Return the same as text, with marks in control tokens that are words."""
        check_settings(settings)
        marked, marked_tools = self.marked(messages, tools)
        return self.template.render(self.form.apply(marked), marked_tools, True, **settings)

    def marked(
        self, messages: Any, tools: Sequence[Any] | None
    ) -> tuple[list[Message], list[Any] | None]:
        """Return neutral messages and served tools, with marks in control tokens that are words."""
        control = self.encoder.control
        conversation: list[Message] = control.marked(neutral(messages))
        return conversation, control.marked(tools_as_served(tools)) if tools else None

    def row(
        self,
        messages: Any,
        tools: Sequence[Any] | None,
        settings: dict[str, Any],
        wanted: Collection[int],
    ) -> "TrainingRow":
        """Return the ids of a whole conversation, in which the turns at the indexes `wanted` are
        trained, as far as they can be.

        Raises DataError: template_drops where the template drops a part of such a turn, no_loss
        where none can be trained, template_refuses, and those of `neutral`.
        """
        marked, marked_tools = self.marked(messages, tools)
        rendered = render_conversation(
            self.template, self.form, marked, marked_tools, settings, only=wanted
        )
        trained, without = [], []
        for turn in rendered.turns:
            if turn.lost:
                raise _drops(turn)
            status = _status(turn, rendered.text)
            if status == "ok":
                trained.append(turn)
            else:
                without.append(UntrainedTurn(turn, status))
        encoded = encode_conversation(rendered, trained, self.encoder)
        without += [UntrainedTurn(turn, "token_seam") for turn in encoded.seams]
        if wanted and len(encoded.seams) == len(trained):
            raise _no_loss(without)
        return TrainingRow(encoded.pieces, tuple(without))


@dataclass(frozen=True)
class UntrainedTurn:
    """A turn that carries no loss, and its status."""

    turn: TurnLoss
    status: str

    def described(self) -> str:
        """Return what is wrong, and its fix, in one sentence."""
        return f"{self.problem()} ({FIXES[self.status]})"

    def problem(self) -> str:
        """Return what is wrong with the turn."""
        why = unmarked(self.turn.why)
        if self.status == "needs":
            switches = ", ".join(f"{key}={value}" for key, value in self.turn.needs.items())
            why = f"a server has to be sent {switches}"
        place = f"message {self.turn.message + 1}: {self.status}"
        return f"{place}: {why}" if why else place


@dataclass(frozen=True)
class TrainingRow:
    """Pieces of which those with a turn are trained, and the turns without a loss."""

    pieces: list[EncodedPiece]
    without_loss: tuple[UntrainedTurn, ...] = ()


def _status(turn: TurnLoss, text: str) -> str:
    if turn.needs:
        return "needs"
    if turn.status == "ok" and not turn.has_end and not added_end(turn, text):
        return "no_end"
    return turn.status


def _drops(turn: TurnLoss) -> DataError:
    parts = ", ".join(turn.lost)
    reason = f"message {turn.message + 1}: the chat template drops its {parts}"
    return DataError(reason, "template_drops", "take them out of the row, or another template")


def _no_loss(without: Sequence[UntrainedTurn]) -> DataError:
    if not without:
        return DataError("no turn of the row is to be trained", "no_loss", "name an answer")
    first = without[0]
    if first.status == "refused":
        return DataError(first.turn.why, "template_refuses", FIXES["refused"])
    reason = f"no turn of the row can be trained: {first.problem()}"
    return DataError(reason, "no_loss", FIXES[first.status])
