"""A swift that trains without a model: real processes, real files, losses that can be checked.

    python stub_trainer.py sft FILE.yaml FLAGS...

It is built like the real one: a wrapper that waits for the real process, a rank in a session of its
own, a forked worker, a daemon. It saves as transformers 5.19 does (Trainer._save_checkpoint): file
by file in place, trainer_state.json last, then older checkpoints are removed by their time.

Each file of a checkpoint carries the attempt that wrote it and the loss of its step. A loss follows
from the one before, so a run that was resumed wrongly has others. What must not happen goes into
$STAGE/violations, what happened into $STAGE/events, a JSON list each line.

Variables: MODE (what a signal does: save, die, stubborn), STEP_SECONDS.
"""

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

MAX_STEPS, SAVE_STEPS, SAVE_TOTAL_LIMIT = 100, 2, 2
TORCH_FILES = ("optimizer.pt", "scheduler.pt", "rng_state_0.pth", "rng_state_1.pth")
MODEL, STATE = "adapter_model.safetensors", "trainer_state.json"
LIFETIME = 900  # seconds, of a process that nobody ends


def loss_of(step: int) -> str:
    """Return the loss of a step of an undisturbed run."""
    loss = "begin"
    for number in range(1, step + 1):
        loss = next_loss(loss, number)
    return loss


def next_loss(loss: str, step: int) -> str:
    return hashlib.sha256(f"{loss} {step}".encode()).hexdigest()[:16]


def read_checkpoint(checkpoint: Path) -> list[tuple[str, str]]:
    """Return (attempt, loss) of each file of a checkpoint, which must be whole."""
    found = []
    content = (checkpoint / MODEL).read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    found.append(tuple(header["__metadata__"]["note"].split()))
    for name in TORCH_FILES:
        with zipfile.ZipFile(checkpoint / name) as archive:
            found.append(tuple(archive.read("note").decode().split()))
    state = json.loads((checkpoint / STATE).read_text())
    found.append((state["attempt"], state["log_history"][-1]["loss"]))
    return found


def is_alive(pid: int, started: str) -> bool:
    """Return True if this very process runs; a zombie does not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return False
    return fields[0] not in "ZX" and fields[19] == started


class Trainer:
    """The real process behind the wrapper."""

    def __init__(self, arguments: list[str]) -> None:
        self.stage = Path(os.environ["STAGE"])
        self.output = Path(last_value(arguments, "--output_dir")).expanduser()
        self.output.mkdir(parents=True, exist_ok=True)
        self.inode = self.output.stat().st_ino
        self.attempt = f"{os.getpid()}-{time.time_ns()}"
        self.resumed_from = last_value(arguments, "--resume_from_checkpoint")
        self.is_told = ""
        self.pause = float(os.environ["STEP_SECONDS"])

    def note(self, file: str, *words: object) -> None:
        line = json.dumps([self.attempt, self.inode, *words]) + "\n"
        with (self.stage / file).open("a") as log:  # one write: lines of several processes
            log.write(line)

    def register(self) -> None:
        """Say that this process, of this attempt, works in the folder."""
        started = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()[19]
        name = f"{self.inode} {os.getpid()} {started} {self.attempt}"
        (self.stage / "alive" / name).touch()

    def look_for_others(self) -> None:
        """Note each process of another attempt that is alive in our folder."""
        for path in (self.stage / "alive").iterdir():
            inode, pid, started, attempt = path.name.split()
            if int(inode) != self.inode or attempt == self.attempt:
                continue
            if is_alive(int(pid), started):
                self.note("violations", "met", attempt, pid)
            else:
                path.unlink(missing_ok=True)

    def start_family(self) -> None:
        """A rank that writes a file of its own, a forked worker, and a daemon that nobody waits
        for."""
        self.rank = subprocess.Popen(
            [sys.executable, __file__, "rank", str(self.output), self.attempt],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for is_daemon in (False, True):
            if os.fork() == 0:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                if is_daemon:
                    os.setsid()
                    if os.fork():
                        os._exit(0)
                self.register()
                time.sleep(LIFETIME)
                os._exit(0)

    def train(self) -> int:
        self.register()
        self.look_for_others()
        record = json.loads(Path(os.environ["SWIFTKIT_RUN_JSON"]).read_text())
        attempts = record["attempts"]
        if attempts[-1]["resumed_from"] != self.resumed_from or attempts[-1]["ended"]:
            self.note("violations", "record", attempts)
        step, loss = 0, "begin"
        if self.resumed_from:
            found = read_checkpoint(Path(self.resumed_from))
            step = int(self.resumed_from.rpartition("-")[2])
            loss = found[0][1]
            if len(set(found)) > 1 or loss != loss_of(step):
                self.note("violations", "mixed", self.resumed_from, found)
        self.note("events", "start", self.resumed_from, len(attempts), os.environ["START"])
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.on_signal)
        self.start_family()
        while step < MAX_STEPS and not self.is_told:
            step, loss = step + 1, next_loss(loss, step + 1)
            time.sleep(self.pause)
            self.look_for_others()
            if step % SAVE_STEPS == 0:
                self.save(step, loss)
        if self.is_told and step % SAVE_STEPS:
            self.save(step, loss)
        self.note("events", "end", step, loss)
        self.rank.terminate()
        return 1 if self.is_told else 0

    def on_signal(self, number: int, _: object) -> None:
        mode = os.environ["MODE"]
        if mode == "die":
            os._exit(1)
        if mode == "save":
            self.is_told = str(number)

    def save(self, step: int, loss: str) -> None:
        checkpoint = self.output / f"checkpoint-{step}"
        if checkpoint.exists():
            self.note("events", "overwrite", step)
        checkpoint.mkdir(exist_ok=True)
        inode = checkpoint.stat().st_ino
        note = f"{self.attempt} {loss}"
        write_slowly(checkpoint / MODEL, safetensors(note), self.pause)
        for name in TORCH_FILES[:3]:
            write_slowly(checkpoint / name, torch_file(note), self.pause)
        self.rank.stdin.write(f"{checkpoint.name} {note}\n")
        self.rank.stdin.flush()
        if not self.rank.stdout.readline():
            sys.exit("the rank is gone")
        state = {
            "global_step": step,
            "max_steps": MAX_STEPS,
            "num_train_epochs": 1,
            "attempt": self.attempt,
            "log_history": [{"loss": loss}],
        }
        write_slowly(checkpoint / STATE, json.dumps(state).encode(), self.pause)
        if checkpoint.stat().st_ino != inode:
            self.note("violations", "renamed", checkpoint.name)
        self.note("events", "saved", step)
        self.rotate()
        draft = self.output / ".draft"
        draft.unlink(missing_ok=True)
        draft.symlink_to(checkpoint.name)
        draft.replace(self.output / "last-checkpoint")

    def rotate(self) -> None:
        kept = sorted(self.output.glob("checkpoint-*"), key=lambda path: path.stat().st_mtime)
        for checkpoint in kept[:-SAVE_TOTAL_LIMIT]:
            self.note("events", "removed", int(checkpoint.name.rpartition("-")[2]))
            shutil.rmtree(checkpoint)


def last_value(arguments: list[str], flag: str) -> str:
    places = [place for place, word in enumerate(arguments) if word == flag]
    return arguments[places[-1] + 1] if places else ""


def safetensors(note: str) -> bytes:
    tensors = {
        "__metadata__": {"note": note},
        "a": {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]},
    }
    header = json.dumps(tensors).encode()
    return len(header).to_bytes(8, "little") + header + bytes(64)


def torch_file(note: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("note", note)
    return file.getvalue()


def write_slowly(path: Path, content: bytes, pause: float) -> None:
    """In pieces, so that a kill leaves a torn file."""
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(content), len(content) // 3 + 1):
            file.write(content[start : start + len(content) // 3 + 1])
            time.sleep(pause / 10)


def work_as_rank(output: str, attempt: str) -> None:
    """Write this rank's file of each checkpoint that is asked for; live on without a parent."""
    trainer = Trainer(["--output_dir", output])
    trainer.attempt = attempt
    trainer.register()
    for line in sys.stdin:
        name, note = line.rstrip("\n").split(" ", 1)
        write_slowly(Path(output, name, TORCH_FILES[3]), torch_file(note), trainer.pause)
        print("saved", flush=True)
    time.sleep(LIFETIME)


def main() -> int:
    if sys.argv[1] == "rank":
        work_as_rank(*sys.argv[2:])
        return 0
    if "REAL" in os.environ:
        return Trainer(sys.argv[1:]).train()
    words = [sys.executable, *sys.argv]
    return subprocess.run(words, env=os.environ | {"REAL": "1"}).returncode


if __name__ == "__main__":
    sys.exit(main())
