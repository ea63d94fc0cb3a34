"""SwanLab inside a training process."""

import importlib.util
from contextlib import suppress
from typing import Any


def do_without_dashboard() -> None:
    """Silence the error of SwanLab's local mode, which keeps its data, without its dashboard."""
    if importlib.util.find_spec("swanboard"):
        return
    from swanlab.deprecated.local import LocalCallbacker

    initialize = LocalCallbacker.on_run_initialized

    def initialize_quietly(self: Any, *args: Any, **kwargs: Any) -> None:
        with suppress(ImportError):  # its last step; the folders are there by then
            initialize(self, *args, **kwargs)

    LocalCallbacker.on_run_initialized = initialize_quietly
