"""What ms-swift's own template makes of the rows: the text, and the part of it that it trains."""

import re
from collections.abc import Sequence

from swiftkit.data.encode import EncodedRow
from swiftkit.preflight.parity.rows import RenderedRow, trained_spans
from swiftkit.rendering.drift import Drift
from swiftkit.toolcall import reasoning

_BLOCK = re.compile(reasoning.ANY_TAG)


def loss_drift(row: RenderedRow, encoded: EncodedRow) -> Drift | None:
    """Return how swift's loss differs from the rule, in two texts that are equal.

    That of a row with answers that are not to be trained is left alone: its rule is another one.
    """
    ours = _marked(trained_spans(row), len(encoded.text))
    theirs = _marked(encoded.trained, len(encoded.text))
    if row.rendered is None or ours == theirs:
        return None
    causes = []
    shown: list[str] = []
    start = 0
    while start < len(ours):
        if ours[start] == theirs[start]:
            start += 1
            continue
        end = start
        while end < len(ours) and (ours[end], theirs[end]) == (ours[start], theirs[start]):
            end += 1
        causes.append(_cause(row, encoded.text, start, end, is_extra=not ours[start]))
        piece = repr(encoded.text[start:end][:60])
        is_extra = not ours[start]
        shown = shown or (["", f"trained: {piece}"] if is_extra else [f"trained: {piece}", ""])
        start = end
    return Drift.told(causes[0], shown[0] or "not trained", shown[1] or "not trained", causes[1:])


def has_own_flags(row: RenderedRow) -> bool:
    """Return True if the row says of a message whether it is trained."""
    return any(message.get("loss") is not None for message in row.row.get("messages", ()))


def _cause(row: RenderedRow, text: str, start: int, end: int, *, is_extra: bool) -> str:
    piece, stops = text[start:end], row.request.template.stop_tokens
    if is_extra and not piece.strip() and text[:start].rstrip().endswith(stops or ("\0",)):
        return "line_break_after_end"
    if not _BLOCK.sub("", piece).strip() and _BLOCK.search(piece):
        return "empty_think"
    if piece.strip() in stops:
        return "end_token"
    turns = row.rendered.turns if row.rendered else ()
    if is_extra and any(turn.status != "ok" for turn in turns):
        return "trained_history"
    return "other"


def _marked(spans: Sequence[tuple[int, int]], length: int) -> bytearray:
    marked = bytearray(length)
    for start, end in spans:
        end = min(end, length)
        marked[start:end] = b"\1" * (end - start)
    return marked
