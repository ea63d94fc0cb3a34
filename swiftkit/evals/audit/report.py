"""What an audit says."""

import msgspec

_EXAMPLE = 300  # characters that a report holds


class ClassVerdict(msgspec.Struct, frozen=True):
    """One class of attacks.

    verdict: sound, flaw or not tried. rows: in which it is a flaw. best, gold: what the worst
    example was paid (of a sound class, the attack that was paid most), and the gold of its row.
    """

    name: str
    what: str
    tried: int
    verdict: str
    rows: int = 0
    best: float = 0.0
    gold: float = 0.0
    why: str = ""
    example: str = ""


class Fault(msgspec.Struct, frozen=True):
    """What is found beside the attacks. level: flaw, or note for what may be meant so."""

    name: str
    level: str
    detail: str
    count: int = 1
    example: str = ""


class Numbers(msgspec.Struct, frozen=True):
    """Milliseconds a completion, over the mutated ones; rewards over all completions; groups of
    sampled answers, and those without a gradient."""

    p50_ms: float = 0.0
    p95_ms: float = 0.0
    worst_ms: float = 0.0
    lowest: float = 0.0
    highest: float = 0.0
    different_values: int = 0
    groups: int = 0
    tied_groups: int = 0
    mutated: int = 0


class AuditReport(msgspec.Struct, frozen=True):
    """rows: audited, of `total` in the file. form: how the gold is written, "" where the reward
    gives no number for it; gold_mean: what it is paid then."""

    reward: str
    data: str
    gold_column: str
    form: str
    rows: int
    total: int
    gold_mean: float
    classes: list[ClassVerdict]
    faults: list[Fault]
    numbers: Numbers
    seconds: float

    @property
    def flaws(self) -> list[str]:
        """The names of what is wrong: classes of attacks and faults."""
        names = [verdict.name for verdict in self.classes if verdict.verdict == "flaw"]
        names += [fault.name for fault in self.faults if fault.level == "flaw"]
        return list(dict.fromkeys(names))

    @property
    def exit_status(self) -> int:
        return int(bool(self.flaws))


def shown(text: str) -> str:
    """Return an example as a report holds it."""
    return text if len(text) <= _EXAMPLE else f"{text[:_EXAMPLE]}... ({len(text):,} characters)"
