"""Thirty rewards with sixty planted flaws, and ten sound ones, audited."""

from pathlib import Path

import pytest
from evals.audit.audit_rows import write_rows
from evals.audit.rewards import answers, conduct, sound

from swiftkit.evals.audit.audit import AuditOptions, audit
from swiftkit.evals.audit.report import AuditReport

PLANTED = {
    f"{module.__file__}:{name}": (kind, set(flaws.split()))
    for module in (answers, conduct)
    for name, (kind, flaws) in module.PLANTED.items()
}
MUTATED = 500  # the command tries 10,000: fewer are enough for what is planted here


def audited(tmp_path: Path, reward: str, kind: str) -> AuditReport:
    return audit(AuditOptions(reward, write_rows(tmp_path, kind), mutated=MUTATED))


def test_the_numbers_of_the_corpus() -> None:
    assert len(PLANTED) == 30
    assert sum(len(flaws) for _, flaws in PLANTED.values()) == 60
    assert len(sound.DATA) == 10


@pytest.mark.parametrize("reward", PLANTED, ids=lambda reward: reward.rpartition(":")[2])
def test_planted_flaws_are_found(reward: str, tmp_path: Path) -> None:
    kind, flaws = PLANTED[reward]
    report = audited(tmp_path, reward, kind)
    assert flaws <= set(report.flaws)
    assert report.exit_status == 1


@pytest.mark.parametrize("name", sound.DATA)
def test_sound_rewards_raise_no_alarm(name: str, tmp_path: Path) -> None:
    report = audited(tmp_path, f"{sound.__file__}:{name}", sound.DATA[name])
    assert report.flaws == []
    assert report.exit_status == 0
    assert report.gold_mean == pytest.approx(1.0)
