"""A plugin for swift: the process dies by SIGKILL in the middle of saving the file whose path ends
in DIES_IN."""

import os
import signal
from pathlib import Path
from typing import Any

import torch

_save = torch.save


def _save_half(content: Any, place: Any, *args: Any, **kwargs: Any) -> None:
    _save(content, place, *args, **kwargs)
    if str(place).endswith(os.environ["DIES_IN"]):
        os.truncate(place, Path(place).stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)


if "DIES_IN" in os.environ:
    torch.save = _save_half
