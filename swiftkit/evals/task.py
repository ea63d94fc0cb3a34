"""The evaluation tasks by name, one a file of tasks/."""

import importlib
import pkgutil
from typing import Any

from swiftkit.errors import UsageError
from swiftkit.evals import tasks


def load_task(name: str) -> Any:
    if name not in task_names():
        raise UsageError(f"no task {name!r} (there is: {', '.join(task_names())})")
    return importlib.import_module(f"swiftkit.evals.tasks.{name.replace('-', '_')}")


def task_names() -> list[str]:
    """The tasks, one a file of tasks/."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(tasks.__path__))
