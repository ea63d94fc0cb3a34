"""The launcher that recipes call: training/launch.py, with preflight as its check.

python -m swiftkit.cli.launch --script recipes/lora_sft.sh --gpus 4 swift sft FILE.yaml ...
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from swiftkit.recipe.machine import Machine
from swiftkit.training.launch import main

if TYPE_CHECKING:
    from swiftkit.findings import Finding


def check(file: Path, flags: Sequence[str], machine: Machine, verb: str) -> "Sequence[Finding]":
    """Return what preflight finds in a recipe."""
    from swiftkit.preflight.examine import examine  # a dry run does without it

    return examine(file, flags, os.environ, machine, verb)[1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], check))
