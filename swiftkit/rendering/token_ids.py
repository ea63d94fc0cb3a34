"""The token ids of a rendered conversation: prompts and answers encoded apart, as a server does.

A server encodes the prompt P, and the model adds the tokens of what it generates, G. The ids of
P + G as one text may be others: `<think>⏎` and `⏎</think>` have two line breaks, and one token for
both.

    ids(P) + ids(G)        what a server has in its hands after the turn: this is trained
    ids(P + G)             what a server makes of it in the next turn's prompt

Where the two differ (a token seam) a turn can only be trained at the end of a row: in front of
other turns it stands as the next prompt has it, without a loss.
"""

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
    trained = list(turns)
    seams: list[TurnLoss] = []
    while True:
        pieces, prefixes = _encoded(rendered.text, trained, encoder)
        bad = _first_seam(rendered.text, trained, prefixes, encoder)
        if bad is None:
            return EncodedConversation(pieces, tuple(seams))
        seams.append(trained.pop(bad))


def _encoded(
    text: str, turns: Sequence[TurnLoss], encoder: TextEncoder
) -> tuple[list[EncodedPiece], list[Ids]]:
    """Return the pieces, and the ids before each turn."""
    pieces: list[EncodedPiece] = []
    prefixes: list[Ids] = []
    before: Ids = []
    end = 0
    for turn in turns:
        start, stop = turn.span or (0, 0)
        prompt = encoder.encode(text[end:start])
        pieces.append(EncodedPiece(prompt))
        before += prompt
        prefixes.append(list(before))
        end = stop
        generated = text[start:stop]
        if turn.missing_end and text.startswith(turn.missing_end, stop):
            end += len(turn.missing_end)
            generated += turn.missing_end
        elif turn.missing_end and stop == len(text.rstrip()):
            generated += turn.missing_end
        ids = encoder.encode(generated)
        pieces.append(EncodedPiece(ids, turn, _tokens_of_beginning(turn, ids, encoder)))
        before += ids
    pieces.append(EncodedPiece(encoder.encode(text[end:])))
    return pieces, prefixes


def _tokens_of_beginning(turn: TurnLoss, ids: Ids, encoder: TextEncoder) -> int:
    """Return how many tokens are the block without reasoning that the turn begins with."""
    block = encoder.encode(turn.generated[: turn.empty_reasoning]) if turn.empty_reasoning else []
    count = 0
    for one, other in zip(block, ids, strict=False):
        if one != other:
            break
        count += 1
    return count


def _first_seam(
    text: str, turns: Sequence[TurnLoss], prefixes: Sequence[Ids], encoder: TextEncoder
) -> int | None:
    """Return the index of a turn after which the next one's prompt has other ids; None without."""
    if len(turns) < 2 or encoder.encode(text[: _start(turns[-1])]) == prefixes[-1]:
        return None
    for index, turn in enumerate(turns[1:]):
        if encoder.encode(text[: _start(turn)]) != prefixes[index + 1]:
            return index
    return None


def _start(turn: TurnLoss) -> int:
    return turn.span[0] if turn.span else 0
