"""The result of `swiftkit parity`, and the counting that leads to it."""

from collections.abc import Collection

import msgspec

from swiftkit.rendering.drift import Drift
from swiftkit.rendering.drift_causes import CAUSES, OTHER

# of turns: what is to be done, and whether nothing is wrong with it
STATUSES = {
    "ok": ("", True),
    "own_row": ("`swiftkit convert --template-of MODEL` writes such turns in own rows", True),
    "token_seam": ("`swiftkit convert --template-of MODEL` writes such turns in own rows", True),
    "needs": ("train and serve with the thinking switch that the turn needs", False),
    "no_end": ("name the token that ends a turn in generation_config.json (eos_token_id)", False),
    "lost": ("take what is lost out of the rows, or use another chat template", False),
    "not_prefix": ("use another chat template, or answers in the form that it writes", False),
    "refused": ("change the conversation, or use a template that renders it", False),
}
BAD_STATUSES = tuple(status for status, (_, is_good) in STATUSES.items() if not is_good)


class CauseCount(msgspec.Struct, frozen=True):
    """Differences of one cause. `place` is file:line of the first, which the two lines show."""

    cause: str
    rows: int
    meaning: str
    fix: str
    is_allowed: bool
    place: str
    expected: str
    actual: str


class StatusCount(msgspec.Struct, frozen=True):
    """Turns of one status, the first of them at `place`."""

    status: str
    turns: int
    fix: str
    is_allowed: bool
    place: str
    why: str


class ComparedSide(msgspec.Struct, frozen=True):
    """One side beside the model's own template: compared = equal + differing.

    `evidence`: text, ids or count (of tokens); `causes` count the first difference of each row, and
    `further` those behind it.
    """

    name: str
    evidence: str
    compared: int
    equal: int
    unchecked: int
    why_unchecked: str
    causes: list[CauseCount]
    further: dict[str, int]


class ParityReport(msgspec.Struct, frozen=True):
    """`trained` and `characters` are those of the rows' texts by the model's own template."""

    model: str
    data: str
    template_sha256: str
    rows: int
    unreadable: int
    turns: list[StatusCount]
    characters: int
    trained: int
    folder: list[CauseCount]
    sides: list[ComparedSide]
    notes: list[str]

    @property
    def has_bad_difference(self) -> bool:
        """True where something differs that nobody allowed."""
        flags = [cause.is_allowed for cause in self.folder]
        for side in self.sides:
            flags += [cause.is_allowed for cause in side.causes]
        return not all(flags)

    @property
    def has_bad_turn(self) -> bool:
        """True where a turn cannot be trained, and nobody allowed it."""
        return not all(turn.is_allowed for turn in self.turns)

    @property
    def exit_status(self) -> int:
        """0; 1 for a bad difference or turn, and where rows could not be compared."""
        is_told = not any(side.unchecked for side in self.sides) and not self.unreadable
        return int(self.has_bad_difference or self.has_bad_turn or not is_told)


class DriftTally:
    """Differences of one side, by their causes."""

    def __init__(self, name: str, evidence: str, allowed: Collection[str]) -> None:
        self.name, self.evidence = name, evidence
        self._allowed = allowed
        self._compared = self._equal = self._unchecked = 0
        self._why_unchecked = ""
        self._rows: dict[str, int] = {}
        self._first: dict[str, tuple[str, str, str]] = {}
        self._further: dict[str, int] = {}

    def add(self, drift: Drift | None, place: str) -> None:
        self._compared += 1
        if drift is None:
            self._equal += 1
            return
        # an allowed difference does not hide one that is not allowed
        cause = next((each for each in drift.causes if not self._is_allowed(each)), drift.cause)
        shown = (drift.expected, drift.actual) if cause == drift.cause else ("", "")
        self._rows[cause] = self._rows.get(cause, 0) + 1
        self._first.setdefault(cause, (place, *shown))
        for other in set(drift.causes) - {cause}:
            self._further[other] = self._further.get(other, 0) + 1

    def add_unchecked(self, why: str) -> None:
        self._unchecked += 1
        self._why_unchecked = self._why_unchecked or why

    def side(self) -> ComparedSide:
        return ComparedSide(
            name=self.name,
            evidence=self.evidence,
            compared=self._compared,
            equal=self._equal,
            unchecked=self._unchecked,
            why_unchecked=self._why_unchecked,
            causes=self.causes(),
            further=self._further,
        )

    def causes(self) -> list[CauseCount]:
        """Return the causes, the most frequent first."""
        counts = []
        for cause, rows in sorted(self._rows.items(), key=lambda item: -item[1]):
            meaning, fix, _ = CAUSES[cause]
            first = self._first[cause]
            counts.append(CauseCount(cause, rows, meaning, fix, self._is_allowed(cause), *first))
        return counts

    def _is_allowed(self, cause: str) -> bool:
        return cause != OTHER and (CAUSES[cause].is_deliberate or cause in self._allowed)


class TurnTally:
    """Turns by their status."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = allowed
        self._turns: dict[str, int] = {}
        self._first: dict[str, tuple[str, str]] = {}

    def add(self, status: str, place: str, why: str) -> None:
        self._turns[status] = self._turns.get(status, 0) + 1
        self._first.setdefault(status, (place, why))

    def counts(self) -> list[StatusCount]:
        counts = []
        for status in STATUSES:
            if status in self._turns:
                fix, is_good = STATUSES[status]
                is_allowed = is_good or status in self._allowed
                place, why = self._first[status]
                turns = self._turns[status]
                counts.append(StatusCount(status, turns, fix, is_allowed, place, why))
        return counts
