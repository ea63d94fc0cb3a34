"""The answers that a run has to the samples of its data as it is now.

The data may have changed since the run was asked. With equal questions every answer still counts;
an answer to a question that was changed or taken out does not, and stays in the journal. Journals
of earlier versions do not say what was asked: with them the data has to be the same.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from swiftkit.evals.identity import SampleNames
from swiftkit.evals.results import Key
from swiftkit.evals.run_directory import RunDirectory
from swiftkit.records import Response, Sample


class JournalAnswers(NamedTuple):
    """The lines of a journal that count, by number, with the name of their sample.

    The rest are numbers of answers: `kept` count; `changed` are of samples that ask something else
    now; `gone` are to questions that are no more; `untold` do not say what was asked; `placed` of
    those were found by their line.
    """

    directory: RunDirectory
    names: dict[int, str]
    kept: int
    changed: int
    gone: int
    untold: int
    placed: int

    @property
    def are_most_kept(self) -> bool:
        """False where the data is other data: half of the answers or more have no question."""
        return self.kept > self.changed + self.gone or not self.changed + self.gone

    def responses(self) -> Iterator[Response]:
        """Yield the last answer of each sample and trial, without any the last error, under the
        sample's name now: asking again in vain costs no answer."""
        for number, response in self.directory.read_journal(self.names):
            yield msgspec.structs.replace(response, sample_id=self.names[number])

    def change_note(self, data: Path, total: int) -> str:
        """Return what a change of the data means for a run of `total` sample-trials."""
        parts = [f"answers that are kept: {self.kept}"]
        if self.changed:
            parts.append(f"to questions that have changed: {self.changed}")
        if self.gone:
            parts.append(f"to questions that are gone: {self.gone}")
        if self.changed or self.gone:
            parts[-1] += " (they stay in responses.jsonl)"
        if total > self.kept:
            parts.append(f"questions without an answer yet: {total - self.kept}")
        run = self.directory.path
        return f"note: {data} has changed since {run} was asked: {', '.join(parts)}"

    def places_note(self) -> str:
        """Return that answers were found by the lines of their questions."""
        earlier = f"{self.directory.path} was begun by an earlier swiftkit"
        return f"note: {earlier}: {self.placed} answers belong to rows by their place in the data"


def find_answers(
    directory: RunDirectory, samples: Sequence[Sample], data: Path, *, is_same_data: bool
) -> JournalAnswers:
    """Return the answers of a run to the samples, which were loaded from `data`.

    Old names, which are places in the data, are only looked for where the data is the same.
    """
    questions = SampleNames(samples, data, knows_places=is_same_data)
    # an answer before any error, a line named as now before others, the last; its number
    best: dict[Key, tuple[bool, bool, int]] = {}
    lost: set[Key] = set()
    untold = 0
    placed = 0
    for number, response in directory.read_journal():
        key = response.sample_id, response.trial
        name = questions.name_of(response.sample_id, response.asked)
        untold += not response.error and not response.asked
        if name is not None:
            line = not response.error, name == response.sample_id, number
            best[name, response.trial] = max(line, best.get((name, response.trial), line))
            placed += not response.error and not response.asked and name != response.sample_id
        elif not response.error:
            lost.add(key)
    lost -= best.keys()
    changed = sum(name in questions for name, _ in lost)
    names = {line[2]: name for (name, _), line in best.items()}
    kept = sum(line[0] for line in best.values())
    return JournalAnswers(directory, names, kept, changed, len(lost) - changed, untold, placed)
