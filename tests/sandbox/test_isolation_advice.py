"""doctor's line on isolation: what there is, and a fix that fits the reason."""

from pathlib import Path

from swiftkit.sandbox import isolation_advice
from swiftkit.sandbox.cage import ISOLATIONS


def test_this_machine_has_its_best_or_says_what_would_give_more() -> None:
    isolation, reason, fix = isolation_advice.examine()
    assert isolation in ("", *ISOLATIONS)
    assert bool(reason) == bool(fix) == (isolation != ISOLATIONS[0])


def test_a_closed_switch_is_named(tmp_path: Path) -> None:
    switch = tmp_path / "kernel" / "apparmor_restrict_unprivileged_userns"
    switch.parent.mkdir()
    switch.write_text("1\n")
    fix = isolation_advice.advice("landlock+seccomp", tmp_path)
    assert fix.endswith("sysctl kernel.apparmor_restrict_unprivileged_userns=0")
    switch.write_text("0\n")
    assert "sysctl" not in isolation_advice.advice("landlock+seccomp", tmp_path)


def test_a_container_gets_its_options(tmp_path: Path) -> None:
    (tmp_path / ".dockerenv").touch()
    fix = isolation_advice.advice("seccomp-compute", tmp_path, tmp_path)
    assert "--cap-add SYS_ADMIN" in fix
    assert "Landlock" in fix


def test_another_system_is_told_to_use_linux(tmp_path: Path) -> None:
    assert "Linux" in isolation_advice.advice("", tmp_path / "missing")
