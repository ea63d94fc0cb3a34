"""The worst and the best that missing answers could make of each metric.

Whatever has no score (an error, skipped, not asked) could have been wrong or right. Each metric is
summed up again with the task's `extremes` in place of what is missing, so every metric counts in
its own units: a chain with one missing turn is wrong in the worst case, and right in the best only
if its other turns are; a missing trial lowers pass^k of its own task; a category has its own
members. tests/evals/test_bounds.py holds the two against all that the missing answers could be.
"""

from collections.abc import Iterable, Mapping

from swiftkit.evals.results import Job, Key, results_of
from swiftkit.evals.stats import Bounds, Measure, measures_of
from swiftkit.evals.task import Task
from swiftkit.records import Score


def bounds_of(
    task: Task, jobs: Iterable[Job], scores: Mapping[Key, Score], measured: Mapping[str, Measure]
) -> dict[str, Bounds]:
    """Return the bounds of the metrics that missing answers could change, or could count for."""
    jobs = list(jobs)
    worst_scores, best_scores = dict(scores), dict(scores)
    for job in jobs:
        if job.key not in scores:
            worst_scores[job.key], best_scores[job.key] = task.extremes(job.sample)
    if len(worst_scores) == len(scores):
        return {}
    worst = measures_of(task.metrics(results_of(jobs, worst_scores)))
    best = measures_of(task.metrics(results_of(jobs, best_scores)))
    bounds = {}
    for name in dict.fromkeys((*measured, *worst, *best)):
        # abstention_precision may count nothing at one end: the other is then all there can be
        low, high = worst.get(name) or best[name], best.get(name) or worst[name]
        could_change = name in measured or low.estimate.value < high.estimate.value
        if could_change and not low == high == measured.get(name):
            bounds[name] = Bounds(low, high)
    return bounds
