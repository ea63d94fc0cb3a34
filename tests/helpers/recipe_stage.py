"""A stage for the shell: a virtual environment whose `swift` writes down how it was called instead
of training."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from helpers.paths import ROOT

# The launcher's preflight is a room of its own; here it only notes that it was asked, and agrees.
FAKE_PYTHON = f"""#!/usr/bin/env bash
if [[ "$1 ${{2-}} ${{3-}}" == "-P -m swiftkit.cli.launch" ]]; then
    set -- "{ROOT}/tests/helpers/launch_without_preflight.py" "$@"
fi
exec "$REAL_PYTHON" "$@"
"""
FAKE_SWIFT = """#!/usr/bin/env python
import json, os, pathlib, sys
call = {"argv": sys.argv[1:], "environment": dict(os.environ)}
pathlib.Path(os.environ["STAGE"], "swift").write_text(json.dumps(call))
"""
FAKE_NVIDIA_SMI = """#!/usr/bin/env bash
for ((i = 0; i < COUNT; i++)); do
    if [[ $1 == -L ]]; then
        echo "GPU $i: NVIDIA H100 80GB HBM3 (UUID: GPU-$i)"
    else
        echo "NVIDIA H100 80GB HBM3, 81559, 80994, 9.0, 570.86.15"
    fi
done
"""


@dataclass
class Stage:
    """Runs a recipe in `folder`, with nothing of the caller's environment but what is said here."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    ignored: list[int] = field(default_factory=list)  # signals, by what starts a recipe

    def program(self, name: str, text: str) -> Path:
        """Puts an executable where the recipe finds it before any other."""
        path = self.folder / "venv" / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("#!/usr/bin/env python\n"):  # a path with a space cannot stand behind #!
            path.with_suffix(".py").write_text(text)
            text = '#!/usr/bin/env bash\nexec "$REAL_PYTHON" "$0.py" "$@"\n'
        path.write_text(text)
        path.chmod(0o755)
        return path

    def gpus(self, count: int) -> None:
        """Let nvidia-smi show as many, as a list (-L) and as the table that Python asks for."""
        self.program("nvidia-smi", FAKE_NVIDIA_SMI.replace("COUNT", str(count)))

    def start(
        self,
        arguments: Sequence[str | Path],
        output: "int | IO[str]" = subprocess.PIPE,
        **environment: str,
    ) -> "subprocess.Popen[str]":
        """A recipe's name and its arguments, or any other script by its path; `output` takes what
        it prints and says."""
        script, *rest = arguments
        path = script if isinstance(script, Path) else ROOT / "recipes" / f"{script}.sh"
        return subprocess.Popen(
            ["bash", str(path), *map(str, rest)],
            cwd=self.folder,
            env=self.environment | environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=self._set_signals,
        )

    def _set_signals(self) -> None:
        """Tests that are started in the background ignore SIGINT themselves."""
        for number in (signal.SIGINT, signal.SIGHUP):
            ignores = number in self.ignored
            signal.signal(number, signal.SIG_IGN if ignores else signal.SIG_DFL)

    def start_in_terminal(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        """The same at a terminal of its own; what is written to the process's stdin is typed
        there."""
        script, *rest = map(str, arguments)
        typed = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
        return subprocess.Popen(
            [sys.executable, "-c", typed, "bash", str(ROOT / "recipes" / f"{script}.sh"), *rest],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(self, *arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        with self.start(arguments, **environment) as process:
            try:
                out, err = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()  # else leaving the block would wait for it
                raise
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    @property
    def argv(self) -> list[str]:
        """The arguments that the real swift would have received."""
        return self._call()["argv"]

    @property
    def swift_environment(self) -> dict[str, str]:
        return self._call()["environment"]

    @property
    def swift_was_called(self) -> bool:
        return (self.folder / "swift").exists()

    def _call(self) -> dict:
        return json.loads((self.folder / "swift").read_text())


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
