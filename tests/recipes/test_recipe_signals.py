"""Stopping a recipe stops everything that it started, however it is stopped, and says so by its
exit status.

The fake swift is built like the real one: a wrapper that starts the real process and waits for it,
and a rank in a session of its own below that, as torchrun makes them.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.recipe_stage import Stage, wait_until

FAMILY = """#!/usr/bin/env python
import os, pathlib, signal, subprocess, sys, time

stage, role = pathlib.Path(os.environ["STAGE"]), os.environ.get("ROLE", "wrapper")
mode = os.environ.get("MODE", "")
(stage / "pids").open("a").write(f"{os.getpid()}\\n")
child = [sys.executable, __file__]
if role == "wrapper":
    sys.exit(subprocess.run(child, env=os.environ | {"ROLE": "real"}).returncode)
if role == "rank":
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (stage / "ready").touch()
    time.sleep(600)

def save(number, frame):
    time.sleep(0.6)  # longer than the quarter of a second after which the real wrapper would kill it
    (stage / "saved").write_text(signal.Signals(number).name)
    if mode != "stubborn":
        rank.terminate()
        sys.exit(0)

rank = subprocess.Popen(child, env=os.environ | {"ROLE": "rank"}, start_new_session=True)
if mode != "no handler":
    signal.signal(signal.SIGTERM, save)
    signal.signal(signal.SIGINT, save)
while mode != "crash" or not (stage / "ready").exists():
    time.sleep(0.02)
os._exit(9)
"""


def is_alive(pid: int) -> bool:
    """A zombie is dead: it waits only for a parent to look."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


@pytest.fixture
def family(stage: Stage) -> Iterator[Stage]:
    stage.program("swift", FAMILY)
    yield stage
    for pid in survivors(stage):
        os.kill(pid, signal.SIGKILL)


def survivors(stage: Stage) -> list[int]:
    path = stage.folder / "pids"
    return (
        [pid for pid in map(int, path.read_text().split()) if is_alive(pid)]
        if path.exists()
        else []
    )


def start(stage: Stage, *arguments: str | Path, **environment: str) -> "subprocess.Popen[str]":
    process = stage.start(arguments, **environment)
    wait_until((stage.folder / "ready").exists)
    return process


def type_keys(process: "subprocess.Popen[str]", keys: str) -> None:
    assert process.stdin
    process.stdin.write(keys)
    process.stdin.flush()


def finish(process: "subprocess.Popen[str]") -> int:
    process.communicate(timeout=60)
    return process.returncode


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_real_process_is_told_and_may_save(
    family: Stage, small_yaml: Path, number: int, status: int
) -> None:
    """The signal reaches the process behind swift's wrapper, which has time to save; nobody is
    left."""
    process = start(family, "lora_sft", small_yaml)
    process.send_signal(number)
    assert finish(process) == status
    assert (family.folder / "saved").read_text() == signal.Signals(number).name
    assert survivors(family) == []


def test_interrupt_ends_a_recipe_that_was_started_in_the_background_of_a_script(
    family: Stage, small_yaml: Path
) -> None:
    """Where a script says `bash recipe &`, its shell lets the recipe ignore SIGINT."""
    family.ignored = [signal.SIGINT]
    process = start(family, "lora_sft", small_yaml)
    process.send_signal(signal.SIGINT)
    assert finish(process) == 130
    assert (family.folder / "saved").read_text() == "SIGINT"
    assert survivors(family) == []


def test_recipe_under_nohup_outlives_its_terminal(family: Stage, small_yaml: Path) -> None:
    family.ignored = [signal.SIGHUP]
    process = start(family, "lora_sft", small_yaml)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert len(survivors(family)) == 3
    process.send_signal(signal.SIGTERM)
    assert finish(process) == 143


def test_rank_that_loses_its_parent_is_ended(family: Stage, small_yaml: Path) -> None:
    """SIGHUP, or any signal that the real process does not handle, leaves its ranks; they are ended
    too, long before the grace time is over."""
    process = start(family, "lora_sft", small_yaml, MODE="no handler", SWIFTKIT_STOP_SECONDS="600")
    process.send_signal(signal.SIGHUP)
    assert finish(process) == 129
    assert survivors(family) == []


def test_crashed_swift_leaves_no_rank_and_keeps_its_status(family: Stage, small_yaml: Path) -> None:
    """Without any signal: swift fails, a process in another session lives on; the recipe ends
    it."""
    process = start(family, "lora_sft", small_yaml, MODE="crash")
    assert finish(process) == 9
    assert survivors(family) == []


def test_stubborn_process_is_killed_after_the_grace_time(family: Stage, small_yaml: Path) -> None:
    """Whoever ignores SIGTERM has SWIFTKIT_STOP_SECONDS, not for ever."""
    process = start(family, "lora_sft", small_yaml, MODE="stubborn", SWIFTKIT_STOP_SECONDS="2")
    process.send_signal(signal.SIGTERM)
    assert finish(process) == 143
    assert survivors(family) == []


def test_second_interrupt_kills_at_once(family: Stage, small_yaml: Path) -> None:
    """Ctrl-C twice is a person who will not wait for the grace time."""
    process = start(family, "lora_sft", small_yaml, MODE="stubborn", SWIFTKIT_STOP_SECONDS="600")
    process.send_signal(signal.SIGINT)
    wait_until((family.folder / "saved").exists)
    time.sleep(1)  # what comes sooner is the same key press
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert finish(process) == 130
    assert survivors(family) == []


def test_killed_recipe_leaves_nothing(family: Stage, small_yaml: Path) -> None:
    """SIGKILL cannot be caught; a helper sees that the recipe is gone and ends what it started."""
    process = start(family, "lora_sft", small_yaml)
    process.kill()
    finish(process)
    wait_until(lambda: survivors(family) == [])


def test_killed_recipe_leaves_no_orphan(family: Stage, small_yaml: Path) -> None:
    """Who has lost its parents before is not among the descendants of swift's wrapper any more."""
    process = start(family, "lora_sft", small_yaml, MODE="stubborn", SWIFTKIT_STOP_SECONDS="600")
    wrapper, real, rank = survivors(family)
    for pid in (real, wrapper):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: survivors(family) == [rank])
    process.kill()
    finish(process)
    wait_until(lambda: survivors(family) == [])


@pytest.mark.parametrize("ignored", [[], [signal.SIGINT]])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_recipe_inside_a_supervised_script(
    family: Stage, small_yaml: Path, number: int, ignored: list[int]
) -> None:
    """The signal reaches what the inner recipe has started; the script does not go on."""
    family.ignored = ignored
    outer = family.folder / "outer.sh"
    recipe = ROOT / "recipes/lora_sft.sh"
    outer.write_text(
        f'source "{ROOT}/recipes/lib.sh"\nsupervised "$0" "$@"\n'
        f'bash "{recipe}" "$@" || echo "it ended"\necho not reached\n'
    )
    process = start(family, outer, small_yaml)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (128 + number, "")
    assert (family.folder / "saved").read_text() == signal.Signals(number).name
    assert survivors(family) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_evaluation_that_is_stopped_leaves_no_server(family: Stage, number: int) -> None:
    """By a signal to the script alone, as a scheduler sends it, in its background."""
    family.ignored = [signal.SIGINT]
    row = '{"messages": [{"role": "user", "content": "q"}], "expected_calls": "[]"}\n'
    (family.folder / "data.jsonl").write_text(row)
    process = start(family, "eval", "model", "data.jsonl", "run")
    process.send_signal(number)
    assert finish(process) == 128 + number
    assert survivors(family) == []


def test_chat_can_read_from_the_terminal(stage: Stage, small_yaml: Path) -> None:
    """`swift infer` without data is a chat: it must stay in the terminal's own process group."""
    stage.program(
        "swift", '#!/usr/bin/env bash\nread -r line </dev/tty\necho "read: $line" >"$STAGE/chat"\n'
    )
    with stage.start_in_terminal("infer", small_yaml) as process:
        type_keys(process, "hello\n")
        wait_until((stage.folder / "chat").exists)
    assert process.returncode == 0
    assert (stage.folder / "chat").read_text() == "read: hello\n"


def test_ctrl_c_in_a_terminal(family: Stage, small_yaml: Path) -> None:
    """The key itself, through a terminal: the training may save, nobody is left, the exit status is
    130."""
    with family.start_in_terminal("lora_sft", small_yaml) as process:
        wait_until((family.folder / "ready").exists)
        type_keys(process, "\x03")
        process.wait(timeout=60)
    assert process.returncode == 130
    assert (family.folder / "saved").read_text() == "SIGINT"
    assert survivors(family) == []
