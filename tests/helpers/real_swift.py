"""Real ms-swift in a process of its own: its imports take seconds, and it changes what it finds."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

WARM = Path(__file__).with_name("warm_swift.py")
# What swift's libraries read when they are imported: one thread (two commands run at a time), and
# no hub is asked.
QUIET = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "HF_HUB_OFFLINE": "1", "USE_HF": "1"}
QUIET |= {"API_HTTP_CLIENT_MAX_RETRIES": "1", "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS": "1"}


@cache
def warm_call() -> list[str]:
    """The command that runs `VERB ...` or `python ...` in a swift whose imports are behind it (see
    warm_swift.py).

    One for each process of pytest, and as long as that lives: a start of swift would take ten
    seconds of a core.
    """
    folder = Path(tempfile.mkdtemp(prefix="swift"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    environment = os.environ | QUIET | {"HF_DATASETS_CACHE": str(folder / "datasets")}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, WARM, "serve", folder / "socket"],
            env=environment,
            stdout=log,
            stderr=log,
        )
    atexit.register(server.wait)
    atexit.register(server.kill)
    while not (folder / "socket").exists():
        assert server.poll() is None, (folder / "log").read_text()[-3000:]
        time.sleep(0.1)
    return [sys.executable, "-S", str(WARM), "call", str(folder / "socket")]


def encode_with_swift(
    model: Path, model_type: str, template: str, data: Path, *plugin: Path
) -> list[dict[str, Any]]:
    """What encode_with_swift.py prints for each row."""
    return _printed("encode_with_swift.py", model, model_type, template, data, *plugin)


def encode_answers_with_swift(
    model: Path, model_type: str, template: str, mode: str, data: Path
) -> list[dict[str, Any]]:
    """What encode_answers_with_swift.py prints for each row."""
    return _printed("encode_answers_with_swift.py", model, model_type, template, mode, data)


def _printed(script: str, *arguments: Path | str) -> list[dict[str, Any]]:
    command = [*warm_call(), "python", Path(__file__).with_name(script), *arguments]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line[4:]) for line in done.stdout.splitlines() if line.startswith("ROW ")]
