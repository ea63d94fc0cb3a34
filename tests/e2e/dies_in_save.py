"""A plugin for swift: the process dies by SIGKILL in the middle of saving the file whose path ends
in DIES_IN, or fails before it saves that of FULL_IN, as where the GPU's memory is full."""

import os
import signal
from pathlib import Path
from typing import Any

import torch

_save = torch.save


def _save_half(content: Any, place: Any, *args: Any, **kwargs: Any) -> None:
    if str(place).endswith(os.environ.get("FULL_IN", "nowhere")):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    _save(content, place, *args, **kwargs)
    if str(place).endswith(os.environ.get("DIES_IN", "nowhere")):
        os.truncate(place, Path(place).stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)


if not {"DIES_IN", "FULL_IN"}.isdisjoint(os.environ):
    torch.save = _save_half
