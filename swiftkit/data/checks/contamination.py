"""Does the training data hold the questions of an evaluation?

Compared are the user messages, by runs of 13 words: the overlap of Brown et al., "Language Models
are Few-Shot Learners" (GPT-3, 2020), appendix C. A message written mostly without spaces is
compared by runs of 20 characters, which are about 13 words of Chinese; with 13 characters, two
orders of one dish in different towns are one question. How much of a question is found is measured
as in Touvron et al., "Llama 2" (2023), appendix A.6: the share of its words that lie in a run which
the training data holds too. A row is contaminated from DIRTY on, Llama 2's bound; below it is an
overlap, which a common introduction may explain. A message that is shorter than a run counts as
found if the training data has exactly these words as a whole message. GPT-3 left out runs that are
frequent in the training data; here they count, because a question that was put there ten times has
leaked ten times.

Memory: the evaluation's runs, about 40 bytes for each of its words. The training file is streamed.
"""

from array import array
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from swiftkit.data.checks.entry import Entry
from swiftkit.data.checks.words import grams, hashes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WORDS, CHARACTERS = 13, 20  # how long a run is
DIRTY = 0.8


class Message(NamedTuple):
    """A question: its number of words, and where its runs are."""

    line: int
    words: int
    start: int
    end: int


class Leak(NamedTuple):
    """A row of the evaluation, the share of its words that was found, and the line of training that
    has the first."""

    line: int
    share: float
    training_line: int


class Summary(msgspec.Struct, frozen=True):
    """`overlapping` rows share a run with the training data, `contaminated` ones of them nearly all
    their words."""

    training_file: str
    training_rows: int
    overlapping: int
    contaminated: int
    words: int = WORDS
    characters: int = CHARACTERS


class Questions:
    """The evaluation's questions: first `add` each row, then `compare` the training rows, then read
    `leaks`."""

    def __init__(self) -> None:
        self._grams = array("Q")
        self._messages: list[Message] = []
        # sorted runs without repeats, and the training line of each, 0 if none has it
        self._index: Any = None

    def add(self, entry: Entry) -> None:
        for turn in entry.turns:
            if turn.role == "user" and turn.words:
                start = len(self._grams)
                self._grams.frombytes(_runs(turn.words, _size(turn.words)).tobytes())
                self._messages.append(Message(entry.line, len(turn.words), start, len(self._grams)))

    def compare(self, entries: Sequence[Entry]) -> None:
        """Look for the runs of these training rows."""
        import numpy as np

        known, lines = self._prepared()
        texts = [
            (entry.line, turn.words)
            for entry in entries
            for turn in entry.turns
            if turn.role == "user"
        ]
        runs = [_all_runs(found) for _, found in texts]
        if not len(known) or not runs:
            return
        seen = np.concatenate(runs)
        places = np.minimum(np.searchsorted(known, seen), len(known) - 1)
        hits = np.flatnonzero(known[places] == seen)
        owners = np.repeat([line for line, _ in texts], [len(run) for run in runs])
        # backwards, so that the first line is written last
        new = hits[lines[places[hits]] == 0][::-1]
        lines[places[new]] = owners[new]

    def leaks(self) -> list[Leak]:
        import numpy as np

        known, lines = self._prepared()
        found = lines[np.searchsorted(known, np.frombuffer(self._grams, np.uint64))]
        parts = ((message, found[message.start : message.end]) for message in self._messages)
        leaks = (
            _leak(line, list(group)) for line, group in groupby(parts, lambda part: part[0].line)
        )
        return [leak for leak in leaks if leak]

    def _prepared(self) -> tuple[Any, Any]:
        import numpy as np

        if self._index is None:
            known = np.unique(np.frombuffer(self._grams, np.uint64))
            self._index = known, np.zeros(len(known), np.int64)
        return self._index[0], self._index[1]


def _leak(line: int, parts: list[tuple[Message, Any]]) -> Leak | None:
    """`parts` are a row's messages, each with the training line of each of its runs."""
    import numpy as np

    total = covered = first = 0
    for message, found in parts:
        total += message.words
        if found.any():
            first = first or int(found[found > 0][0])
            run = np.ones(message.words - len(found) + 1, int)
            covered += int((np.convolve(found > 0, run) > 0).sum())
    return Leak(line, covered / total, first) if covered else None


def _size(found: Sequence[str]) -> int:
    return CHARACTERS if 2 * _unspaced(found) > len(found) else WORDS


def _unspaced(found: Sequence[str]) -> int:
    """How many of the words are a letter of a script that is written without spaces."""
    return sum(len(word) == 1 and word >= "\u0e00" for word in found)


def _runs(found: Sequence[str], size: int) -> "NDArray[np.uint64]":
    return grams(hashes(found), size)


def _all_runs(found: Sequence[str]) -> "NDArray[np.uint64]":
    """Of both sizes, where a question of either could be in the text."""
    import numpy as np

    words = _runs(found, WORDS)
    return np.concatenate([words, _runs(found, CHARACTERS)]) if _unspaced(found) else words
