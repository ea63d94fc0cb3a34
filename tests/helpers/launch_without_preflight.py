"""The launcher with a preflight that only notes what it was asked, and agrees.

    python launch_without_preflight.py -P -m swiftkit.cli.launch ARGUMENTS...

PREFLIGHT=fails: it finds something that would stop the run.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from swiftkit.findings import Finding, Level
from swiftkit.recipe.machine import Machine
from swiftkit.training import launch


def check(file: Path, flags: Sequence[str], machine: Machine, verb: str) -> list[Finding]:
    words = [verb, str(len(machine.gpus)), str(file), *flags]
    Path(os.environ["STAGE"], "preflight").write_bytes(os.fsencode("\0".join(words)))
    fails = os.environ.get("PREFLIGHT") == "fails"
    return [Finding(Level.FAIL, "model", "is not there")] if fails else []


sys.exit(launch.main(sys.argv[4:], check))
