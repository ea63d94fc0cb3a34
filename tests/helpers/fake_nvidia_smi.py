"""An nvidia-smi that shows the GPUs of a test."""

from collections.abc import Sequence
from pathlib import Path

H200 = "NVIDIA H200, 143771, 143000, 9.0, 570.1"  # as machine.all_gpus asks for it


def write_nvidia_smi(folder: Path, gpus: Sequence[str] = (H200,), before: str = "") -> Path:
    """Write the program into `folder`, which the test puts on the PATH.

    `gpus`: "name, MiB in all, MiB free, compute capability, driver", one a GPU. `before` are lines
    of shell that run first.
    """
    lines = [f"echo '{gpu}'" for gpu in gpus]
    program = folder / "nvidia-smi"
    program.write_text("\n".join(["#!/bin/sh", before, *lines, ""]), encoding="utf-8")
    program.chmod(0o755)
    return program
