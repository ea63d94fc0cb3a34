"""The token ids of a rendered conversation: prompts and answers encoded apart, as a server does.

A server encodes the prompt P, and the model adds the tokens of what it generates, G. The ids of
P + G as one text may be others: `<think>⏎` and `⏎</think>` have two line breaks, and one token for
both.

    ids(P) + ids(G)        what a server has in its hands after the turn: this is trained
    ids(P + G)             what a server makes of it in the next turn's prompt

Where the two differ (a token seam) a turn can only be trained at the end of a row: in front of
other turns it stands as the next prompt has it, without a loss.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from swiftkit.rendering.control_tokens import ControlTokens
from swiftkit.rendering.loss_spans import RenderedConversation, TurnLoss

Ids = list[int]


@dataclass(frozen=True)
class TextEncoder:
    """A tokenizer: `ids` makes tokens of control tokens' names, `word_ids` leaves them text."""

    ids: Callable[[str], Ids]
    word_ids: Callable[[str], Ids]
    control: ControlTokens

    def encode(self, text: str) -> Ids:
        """Return the ids of a rendered text, in which control tokens as words are marked."""
        ids: Ids = []
        for piece, is_word in self.control.split(text):
            ids += self.word_ids(piece) if is_word else self.ids(piece)
        return ids


@dataclass(frozen=True)
class EncodedPiece:
    """Token ids, and the turn that generates them; None where no model writes them.

    The first `empty_reasoning` of them are a block without reasoning.
    """

    ids: Ids
    turn: TurnLoss | None = None
    empty_reasoning: int = 0


@dataclass(frozen=True)
class EncodedConversation:
    pieces: list[EncodedPiece]
    seams: tuple[TurnLoss, ...] = ()  # turns that are not trained for their seam

    @property
    def ids(self) -> Ids:
        return [each for piece in self.pieces for each in piece.ids]


def encode_conversation(
    rendered: RenderedConversation, turns: Sequence[TurnLoss], encoder: TextEncoder
) -> EncodedConversation:
    """Return the ids of a conversation, in which these of its turns, all of status ok, are trained.

    The ids up to each of these turns are those of its prompt; then come those of what is generated,
    with the stop token that the text lacks.
    """
    text = rendered.text
    # Tokenizers cut a text at control tokens first: between two of them lies all that a seam can
    # touch. Where one does otherwise, whole prompts are compared.
    for cuts in (encoder.control.places(text), []):
        trained, seams = _parted(text, turns, cuts, encoder)
        pieces = _pieces(text, trained, encoder)
        conversation = EncodedConversation(pieces, tuple(seams))
        before = EncodedConversation(pieces[:-2]).ids
        if len(trained) < 2 or before == encoder.encode(text[: _span(trained[-1])[0]]):
            break
    return conversation


def _parted(
    text: str, turns: Sequence[TurnLoss], cuts: Sequence[int], encoder: TextEncoder
) -> tuple[list[TurnLoss], list[TurnLoss]]:
    """Return the turns without and with a seam to the prompt of the next one that is trained."""
    trained: list[TurnLoss] = []
    seams: list[TurnLoss] = []
    following = len(text)
    for turn in reversed(turns):
        if trained and _has_seam(text, turn, following, cuts, encoder):
            seams.insert(0, turn)
        else:
            trained.insert(0, turn)
            following = _span(turn)[0]
    return trained, seams


def _has_seam(
    text: str, turn: TurnLoss, following: int, cuts: Sequence[int], encoder: TextEncoder
) -> bool:
    """Return whether the prompt that ends at `following` has other tokens for a turn than it had.

    Compared is what lies between the cuts around the turn.
    """
    start, stop = _span(turn)
    before = bisect_left(cuts, start)
    after = bisect_left(cuts, stop)
    first = cuts[before - 1] if before else 0
    last = min(cuts[after], following) if after < len(cuts) else following
    ids, end = _generated(text, turn, encoder)
    last = max(last, end)
    apart = encoder.encode(text[first:start]) + ids + encoder.encode(text[end:last])
    return encoder.encode(text[first:last]) != apart


def _pieces(text: str, turns: Sequence[TurnLoss], encoder: TextEncoder) -> list[EncodedPiece]:
    pieces: list[EncodedPiece] = []
    end = 0
    for turn in turns:
        pieces.append(EncodedPiece(encoder.encode(text[end : _span(turn)[0]])))
        ids, end = _generated(text, turn, encoder)
        pieces.append(EncodedPiece(ids, turn, _tokens_of_beginning(turn, ids, encoder)))
    pieces.append(EncodedPiece(encoder.encode(text[end:])))
    return pieces


def _generated(text: str, turn: TurnLoss, encoder: TextEncoder) -> tuple[Ids, int]:
    """Return the ids of what a turn generates, with its end, and where that ends in the text."""
    start, stop = _span(turn)
    added = added_end(turn, text)
    # apart, as a server samples it: other tokens could be made of both together
    ids = encoder.encode(text[start:stop]) + encoder.encode(added)
    return ids, stop + len(added) if text.startswith(added, stop) else stop


def added_end(turn: TurnLoss, text: str) -> str:
    """Return the stop token that is trained behind a turn whose text in `text` lacks it.

    It is that with which the next message begins, if it is the one that the turn has to end with;
    "" where the turn has its end, or none can be had.
    """
    stop = _span(turn)[1]
    if text.startswith(turn.missing_end, stop) or stop >= len(text.rstrip()):
        return turn.missing_end
    return ""


def _tokens_of_beginning(turn: TurnLoss, ids: Ids, encoder: TextEncoder) -> int:
    """Return how many tokens are the block without reasoning that the turn begins with."""
    block = encoder.encode(turn.generated[: turn.empty_reasoning]) if turn.empty_reasoning else []
    count = 0
    for one, other in zip(block, ids, strict=False):
        if one != other:
            break
        count += 1
    return count


def _span(turn: TurnLoss) -> tuple[int, int]:
    return turn.span or (0, 0)
