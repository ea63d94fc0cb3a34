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

The evaluation's runs are held in memory, some 150 bytes for each of its words. The training file is
streamed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from swiftkit.data.checks.row_view import RowView
from swiftkit.data.checks.tokens import run_hashes

WORDS, CHARACTERS = 13, 20  # how long a run is
DIRTY = 0.8


class Leak(NamedTuple):
    """A row of the evaluation of which something was found."""

    line: int
    share: float  # of its words
    training_line: int  # the first that has some


class ContaminationSummary(msgspec.Struct, frozen=True):
    training_file: str
    training_rows: int
    overlapping: int  # rows that share a run with the training data
    contaminated: int  # of them those that share nearly all their words
    words: int = WORDS
    characters: int = CHARACTERS


class Questions:
    """The evaluation's questions: `add` each row, `compare` the training rows, read `leaks`."""

    def __init__(self) -> None:
        # (number of tokens, runs) of a row's user messages, by its line
        self._messages: dict[int, list[tuple[int, list[int]]]] = {}
        self._training_lines: dict[int, int] = {}  # of each run, 0 if no training row has it

    def add(self, view: RowView) -> None:
        for turn in view.turns:
            if turn.role == "user" and turn.tokens:
                is_unspaced = 2 * _count_unspaced(turn.tokens) > len(turn.tokens)
                runs = run_hashes(turn.tokens, CHARACTERS if is_unspaced else WORDS)
                self._messages.setdefault(view.line, []).append((len(turn.tokens), runs))
                self._training_lines.update(dict.fromkeys(runs, 0))

    def compare(self, view: RowView) -> None:
        """Look for the runs of a training row."""
        for turn in view.turns:
            if turn.role != "user":
                continue
            runs = run_hashes(turn.tokens, WORDS)
            if _count_unspaced(turn.tokens):  # a question of either kind could be in it
                runs += run_hashes(turn.tokens, CHARACTERS)
            for run in runs:
                if self._training_lines.get(run) == 0:
                    self._training_lines[run] = view.line

    def leaks(self) -> list[Leak]:
        """Return the rows of which something was found."""
        leaks = []
        for line, messages in self._messages.items():
            total = covered = first = 0  # words, words found, line of training
            for size, runs in messages:
                positions: set[int] = set()  # of the tokens in a shared run
                width = size - len(runs) + 1
                for start, run in enumerate(runs):
                    training_line = self._training_lines[run]
                    if training_line:
                        positions.update(range(start, start + width))
                        first = first or training_line
                total += size
                covered += len(positions)
            if covered:
                leaks.append(Leak(line, covered / total, first))
        return leaks


def _count_unspaced(tokens: Sequence[str]) -> int:
    """Return how many of the tokens are a letter of a script that is written without spaces."""
    return sum(len(word) == 1 and word >= "\u0e00" for word in tokens)
