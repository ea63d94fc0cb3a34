"""The type of an evaluation task, and the tasks there are: one file of tasks/ each.

A task is a module whose `TASK` says how data is loaded, answers are scored and metrics made.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from swiftkit.environments.rollout import Episode
from swiftkit.errors import UsageError
from swiftkit.evals import tasks
from swiftkit.evals.stats import MetricTallies
from swiftkit.records import Response, Sample, Score

Result = tuple[Sample, int, Score | None]  # sample, trial, score (None: an error, or not asked)


def right_or_wrong(sample: Sample) -> tuple[Score, Score]:  # noqa: ARG001
    """Return the extremes of a task whose metrics look at the score's value alone."""
    return Score(0.0, False), Score(1.0, True)


@dataclass(frozen=True)
class Task:
    """`load` raises DataError (file:line) for a row that cannot be used; what `score` raises is the
    error of that answer.

    `metrics` returns the tallies of each metric; with scores of None, the names of the metrics
    alone. `headline` is the metric that `compare` and `curve` judge by.

    A task with `episode` may ask several times for a sample: the model plays it in an environment
    (None: this sample takes one request). `judge` adds a verdict to an answer, or an error.
    `settings` decide about scores beside the data (the judge's name); config.json records them.
    A task that reads calls in texts has `load_for`, which takes the data's path and the wire format
    in which they are read. `extremes` are the worst and the best score that an answer to a sample
    could have for the metrics: with them in place of missing scores, each metric is the least and
    the greatest that it could be (evals/bounds.py).
    """

    load: Callable[[Path], Sequence[Sample]]
    score: Callable[[Sample, Response], Score]
    metrics: Callable[[Sequence[Result]], MetricTallies]
    sampling: tuple[float, int]  # temperature and max_tokens, where the user gives none
    headline: str
    episode: Callable[[Sample], Episode | None] | None = None
    judge: Callable[[Sample, Response], Awaitable[Response]] | None = None
    settings: Callable[[], dict[str, str]] = dict
    load_for: Callable[[Path, str], Sequence[Sample]] | None = None
    extremes: Callable[[Sample], tuple[Score, Score]] = right_or_wrong

    def samples(self, path: Path, wire_format: str) -> Sequence[Sample]:
        """Return what `load` does, for answers in this wire format ("": in the rows' own, or any).

        Raises UsageError for a format where there are no calls to be read.
        """
        if not wire_format:
            return self.load(path)
        if self.load_for is None:
            raise UsageError("--wire-format: this task reads no calls (leave it out)")
        return self.load_for(path, wire_format)


def load_task(name: str) -> Task:
    """Return the task of that name. Raises UsageError."""
    if name not in task_names():
        raise UsageError(f"no task {name!r} (there is: {', '.join(task_names())})")
    module = importlib.import_module(f"swiftkit.evals.tasks.{name.replace('-', '_')}")
    task: Task = module.TASK
    return task


def task_names() -> list[str]:
    """Return the names of the tasks, one a file of tasks/."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(tasks.__path__))
