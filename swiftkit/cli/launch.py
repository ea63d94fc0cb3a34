"""The launcher that recipes call: training/launch.py, with preflight and the audit as its check.

python -m swiftkit.cli.launch --script recipes/lora_sft.sh --gpus 4 swift sft FILE.yaml ...
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from swiftkit.recipe.machine import Machine
from swiftkit.recipe.switches import is_on
from swiftkit.training.launch import main

if TYPE_CHECKING:
    from swiftkit.findings import Finding


def check(file: Path, flags: Sequence[str], machine: Machine, verb: str) -> "Sequence[Finding]":
    """Return what preflight finds in a recipe and, with AUDIT, what is wrong with its rewards."""
    from swiftkit.findings import failed
    from swiftkit.preflight.examine import examine  # a dry run does without it

    recipe, findings = examine(file, flags, os.environ, machine, verb)
    if is_on(os.environ, "AUDIT") and recipe.stage == "grpo" and not failed(findings):
        from swiftkit.evals.audit.recipe_rewards import audit_rewards

        findings += audit_rewards(recipe, stops=os.environ["AUDIT"].strip().lower() != "warn")
    return findings


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], check))
