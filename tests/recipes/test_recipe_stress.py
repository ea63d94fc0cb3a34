"""Two users start, stop, kill and resume trainings at random, into the same folders.

Nothing may be lost or mixed: tests/helpers/stub_trainer.py is the swift that trains, and notes what
must not happen. By default some seconds; the long form, and a run that is to be repeated:

    SWIFTKIT_STRESS_SECONDS=1800 SWIFTKIT_STRESS_SEED=7 pytest -n 0 -s tests/recipes/test_recipe_stress.py
"""

import contextlib
import json
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen, TimeoutExpired

import psutil
import pytest
from helpers import stub_trainer
from helpers.paths import ROOT
from helpers.recipe_stage import Stage, wait_until

SECONDS = float(os.environ.get("SWIFTKIT_STRESS_SECONDS", "20"))
SEED = int(os.environ.get("SWIFTKIT_STRESS_SEED", "1"))
# One folder by several names, its rerun.sh's, and another.
SPELLINGS = ("out", "./out", "out/", "link", "sub/../out", "ABSOLUTE/out")
OTHER = "other folder"
YAML = f"""model: nowhere
dataset:
  - rows.jsonl
add_version: false
output_dir: out
max_steps: {stub_trainer.MAX_STEPS}
"""
SWIFT = f'#!/usr/bin/env bash\nexec "$REAL_PYTHON" "{ROOT}/tests/helpers/stub_trainer.py" "$@"\n'
REFUSED = re.compile(r"is being trained into by .*process \d+ on ")
STOPPED = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@dataclass
class Start:
    """A recipe that a user has started; the launcher is `process`."""

    name: str
    process: "Popen[str]"
    told: set[int] = field(default_factory=set)
    is_killed: bool = False  # the launcher itself, so nothing is asked of its exit status
    is_harmed: bool = False  # a process of its training was killed
    is_checked: bool = False


class Users:
    """What the users do, and what has to hold after each of their steps."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage, self.random = stage, random.Random(seed)  # noqa: S311 - no secret
        self.starts: list[Start] = []
        self.counts: Counter[str] = Counter()
        folder = stage.folder
        (folder / "mine.yaml").write_text(YAML)
        (folder / "rows.jsonl").write_text("{}\n")
        for name in ("alive", "out", "sub", OTHER):
            (folder / name).mkdir()
        (folder / "link").symlink_to("out")
        for name in ("events", "violations"):
            (folder / name).touch()
        stage.program("swift", SWIFT)

    @property
    def outputs(self) -> list[Path]:
        names = ("out", "out_rerun", OTHER)
        return [self.stage.folder / name for name in names if (self.stage.folder / name).exists()]

    def start(self) -> Start:
        choose = self.random.choice
        environment = {
            "START": f"start-{len(self.starts)}",
            "MODE": choose(["save", "die", "stubborn"]),
            "RESUME": choose(["", "1", "1", "1", "1"]),
            "SWIFTKIT_STOP_SECONDS": choose(["0.5", "5"]),
            "STEP_SECONDS": choose(["0.01", "0.05", "0.1"]),
        }
        if environment["MODE"] == "stubborn":  # else nothing would end before it is killed
            environment["SWIFTKIT_STOP_SECONDS"] = "0.5"
        script = self.stage.folder / "out/rerun.sh"
        if self.random.random() < 0.15 and script.exists():
            command: list[str | Path] = [script]
            self.counts["rerun"] += 1
        else:
            output = choose([*SPELLINGS, OTHER]).replace("ABSOLUTE", str(self.stage.folder))
            command = ["lora_sft", "mine.yaml", "--output_dir", output]
            self.counts["resume" if environment["RESUME"] else "anew"] += 1
        # a file, not a pipe: who outlives the launcher must not be waited for
        log = self.stage.folder / f"{environment['START']}.log"
        with log.open("w") as file:
            process = self.stage.start(command, file, **environment)
        started = Start(environment["START"], process)
        self.starts.append(started)
        return started

    def running(self) -> list[Start]:
        return [start for start in self.starts if start.process.poll() is None]

    def family(self, start: Start) -> list[psutil.Process]:
        """All processes of a start, by their environment, the launcher first."""
        found = []
        for process in psutil.process_iter():
            try:
                environment = process.environ()
                is_ours = environment.get("STAGE") == str(self.stage.folder)
                if is_ours and environment.get("START") == start.name and is_running(process):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def stop(self) -> None:
        if self.running():
            start = self.random.choice(self.running())
            number = self.random.choice(list(STOPPED))
            start.told.add(number)
            start.process.send_signal(number)
            self.counts[number.name] += 1

    def kill_launcher(self) -> None:
        """And start another at once: the training of the first is ending only now."""
        if not self.running():
            return
        start = self.random.choice(self.running())
        start.is_killed = True
        start.process.kill()
        self.counts["kill launcher"] += 1
        if self.random.random() < 0.7:
            self.start()

    def kill_launcher_whose_watcher_is_slow(self) -> None:
        """The second start comes while the training of the first still runs."""
        if not self.running():
            return
        start = self.random.choice(self.running())
        watchers = [one for one in self.family(start) if "--watch" in command_of(one)]
        for watcher in watchers:
            watcher.suspend()
        start.is_killed = True
        start.process.kill()
        for _ in range(2):
            self.start()
        time.sleep(1)
        for watcher in watchers:
            watcher.resume()
        self.counts["kill launcher, slow watcher"] += bool(watchers)

    def kill_some(self) -> None:
        """Anyone in the training: the wrapper, the real process, a rank, a worker, several."""
        if not self.running():
            return
        start = self.random.choice(self.running())
        family = [
            process
            for process in self.family(start)
            if process.pid != start.process.pid and "stub_trainer" in " ".join(command_of(process))
        ]
        victims = self.random.sample(family, min(len(family), self.random.choice([1, 1, 2])))
        for process in victims:
            start.is_harmed = True
            kill(process)
            self.counts["kill in the training"] += 1
        if victims and self.random.random() < 0.3:  # its orphans are the launcher's children now
            time.sleep(self.random.random() / 5)
            start.is_killed = True
            start.process.kill()
            self.counts["kill the launcher of orphans"] += 1

    def wait(self) -> None:
        if self.running():
            with contextlib.suppress(TimeoutExpired):
                self.random.choice(self.running()).process.wait(timeout=3)
            self.counts["wait"] += 1

    def act(self) -> None:
        """One step of one user."""
        if len(self.running()) < 2 or self.random.random() < 0.25:
            self.start()
        else:
            steps = [self.stop, self.kill_launcher, self.kill_launcher_whose_watcher_is_slow]
            self.random.choice([*steps, self.kill_some, self.kill_some, self.wait])()
        time.sleep(self.random.choice([0, 0.1, 0.5, 1]))
        self.check()

    def check(self) -> None:
        """What holds at any moment."""
        assert (self.stage.folder / "violations").read_text() == ""
        for output in self.outputs:
            if (output / "run.json").exists():
                record = json.loads((output / "run.json").read_text())
                assert record["attempts"], output
        for start in self.starts:
            if start.process.poll() is not None and not start.is_checked:
                start.is_checked = True
                if not start.is_killed:
                    self.check_ended(start)

    def check_ended(self, start: Start) -> None:
        """A launcher that was not killed leaves nobody, and says by its status how it ended."""
        rest = [one for one in self.family(start) if "--watch" not in command_of(one)]
        assert rest == [], start
        status = start.process.returncode
        said = (self.stage.folder / f"{start.name}.log").read_text()
        if "KeyboardInterrupt" in said:  # Python's own, while it starts
            assert signal.SIGINT in start.told
            return
        assert "/swiftkit/" not in said.partition("Traceback")[2], said
        if status == 2:
            is_repeated = "out_rerun holds checkpoints of an earlier run" in said  # by rerun.sh
            assert is_repeated or REFUSED.search(said), said
            self.counts["repeated" if is_repeated else "refused"] += 1
        elif start.told and status in [STOPPED[number] for number in start.told]:
            self.counts["stopped"] += 1
        elif start.told and status < 0:  # told before the launcher's Python heeded signals
            assert -status in start.told
        elif start.is_harmed:
            assert status in (0, 1, 120, 137, 247), (status, said)
        else:
            assert status == 0, (status, said)
            self.counts["finished"] += 1

    def check_checkpoints(self) -> None:
        """Each checkpoint that was saved, and neither removed nor begun anew by a trainer, is
        there, whole, all of one attempt, with the loss of an undisturbed run."""
        saved: dict[tuple[int, int], str] = {}
        for line in (self.stage.folder / "events").read_text().splitlines():
            attempt, inode, event, *words = json.loads(line)
            if event == "saved":
                saved[inode, words[0]] = attempt
            elif event in ("removed", "overwrite"):
                saved.pop((inode, words[0]), None)
        outputs = {output.stat().st_ino: output for output in self.outputs}
        for (inode, step), attempt in saved.items():
            found = stub_trainer.read_checkpoint(outputs[inode] / f"checkpoint-{step}")
            assert set(found) == {(attempt, stub_trainer.loss_of(step))}
        self.counts["checkpoints at the end"] = len(saved)

    def check_records(self) -> None:
        """run.json counts the starts of a run, those that saw no swift too."""
        counted: dict[int, int] = {}
        for line in (self.stage.folder / "events").read_text().splitlines():
            _, inode, event, *words = json.loads(line)
            if event == "start":
                resumed_from, attempts, _ = words
                assert attempts == 1 if not resumed_from else attempts > counted[inode]
                counted[inode] = attempts
                self.counts["trainings"] += 1
                self.counts["trainings that went on"] += bool(resumed_from)


def is_running(process: psutil.Process) -> bool:
    return process.status() != psutil.STATUS_ZOMBIE


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_two_users_lose_and_mix_nothing(stage: Stage) -> None:
    users = Users(stage, SEED)
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            users.act()
        for start in users.running():
            start.told.add(signal.SIGTERM)
            start.process.terminate()
        for start in users.starts:
            start.process.wait(timeout=120)
        users.check()
        for start in users.starts:
            wait_until(lambda start=start: users.family(start) == [])
        users.check()
        users.check_checkpoints()
        users.check_records()
        # Whatever lies there now, the run goes on to its end, with the losses of an undisturbed one.
        command = ("lora_sft", "mine.yaml", "--output_dir", "out")
        final = stage.run(*command, RESUME="1", START="last", MODE="die", STEP_SECONDS="0.01")
        assert final.returncode == 0, final.stderr
        users.check()
        users.check_checkpoints()
        last = stub_trainer.read_checkpoint(
            stage.folder / f"out/checkpoint-{stub_trainer.MAX_STEPS}"
        )
        assert {loss for _, loss in last} == {stub_trainer.loss_of(stub_trainer.MAX_STEPS)}
    finally:
        print(f"seed {SEED}, {len(users.starts)} starts, {dict(users.counts)}")
        for start in users.starts:
            for process in users.family(start):
                kill(process)
