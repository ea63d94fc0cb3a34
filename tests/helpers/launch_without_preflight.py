"""The launcher with a preflight that only notes what it was asked, and agrees.

    python launch_without_preflight.py -m swiftkit.training.launch ARGUMENTS...

PREFLIGHT=fails: it finds something that would stop the run.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import swiftkit.preflight.examine
from swiftkit.findings import Finding, Level
from swiftkit.recipe.machine import Machine
from swiftkit.training import launch


def examine(
    file: Path, flags: Sequence[str], environment: Mapping[str, str], machine: Machine, verb: str
) -> tuple[None, list[Finding]]:
    words = [verb, str(len(machine.gpus)), str(file), *flags]
    Path(environment["STAGE"], "preflight").write_bytes(os.fsencode("\0".join(words)))
    fails = environment.get("PREFLIGHT") == "fails"
    return None, [Finding(Level.FAIL, "model", "is not there")] if fails else []


swiftkit.preflight.examine.examine = examine  # type: ignore[assignment]
sys.exit(launch.main(sys.argv[3:]))
