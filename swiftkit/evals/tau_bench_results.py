"""Report on result files of tau-bench and tau2 (evals/tau_runs.py): the success rate, pass^k with
intervals, what was checked, and the failed tasks.

A run succeeds at a reward of 0.99 or more; pass^k is evals/stats.py's. A run that stopped with an
error has no score: `bounds` are the values if all of them had failed, or succeeded. check[KIND] is
the share of checks that passed, of the runs that have them (tau2 checks none of a run that did not
end by itself).
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from swiftkit.data.simulated_user import SUCCESS
from swiftkit.evals.stats import Estimate, Tally, passes, summarize
from swiftkit.evals.tau_runs import TauRun, read_runs
from swiftkit.terminal import print_lines, print_table

_MOST_SHOWN = 20


class FailedTask(msgspec.Struct, frozen=True):
    """A task that did not succeed in each trial; `reasons` are errors or parts of the reward."""

    task: str
    trials: int
    succeeded: int
    reasons: list[str]


class TauBenchReport(msgspec.Struct, frozen=True):
    """runs = scored + errors; `missing` would make as many trials of each task.

    `metrics` holds pass^k for each k up to the number of trials; `bounds` the worst and the best
    value; `ended` counts tau2's termination reasons.
    """

    runs: int
    scored: int
    errors: int
    coverage: float
    tasks: int
    trials: int
    ended: dict[str, int]
    metrics: dict[str, Estimate]
    bounds: dict[str, tuple[float, float]]
    failures: list[FailedTask]
    missing: int

    @property
    def exit_status(self) -> int:
        """0; 1 if a run had an error, or is missing."""
        return int(bool(self.errors or self.missing))


def read_results(files: Sequence[Path]) -> TauBenchReport:
    """Return the report of all runs. Raises DataError for what is no result, or a run twice."""
    runs = read_runs(files)
    runs_by_task: dict[str, list[TauRun]] = {}
    for run in runs:
        runs_by_task.setdefault(run.task, []).append(run)
    failures = []
    for task, task_runs in runs_by_task.items():
        failed = [run for run in task_runs if run.error or run.reward < SUCCESS]
        if failed:
            reasons = [f"trial {run.trial}: {run.error or run.reason}" for run in failed]
            succeeded = len(task_runs) - len(failed)
            failures.append(FailedTask(task, len(task_runs), succeeded, reasons))
    trials = max(map(len, runs_by_task.values()))
    worst = summarize(_tallies(runs, trials, 0.0))
    best = summarize(_tallies(runs, trials, 1.0))
    errors = sum(bool(run.error) for run in runs)
    return TauBenchReport(
        runs=len(runs),
        scored=len(runs) - errors,
        errors=errors,
        coverage=1 - errors / len(runs),
        tasks=len(runs_by_task),
        trials=trials,
        ended=dict(Counter(run.ended for run in runs if run.ended).most_common()),
        metrics=summarize(_tallies(runs, trials, None) | _check_tallies(runs)),
        bounds={name: (low.value, best[name].value) for name, low in worst.items()},
        failures=failures,
        missing=len(runs_by_task) * trials - len(runs),
    )


def _tallies(
    runs: Sequence[TauRun], trials: int, error_counts: float | None
) -> dict[str, list[Tally]]:
    """Return the tallies of success and pass^k; runs with an error are left out, or count so."""
    tallies = []
    for run in runs:
        right = error_counts if run.error else float(run.reward >= SUCCESS)
        if right is not None:
            tallies.append(Tally(run.task, right, 1.0))
    return {"success_rate": tallies} | passes(tallies, trials)


def _check_tallies(runs: Sequence[TauRun]) -> dict[str, list[Tally]]:
    tallies: dict[str, list[Tally]] = {}
    for run in runs:
        for kind, (right, total) in run.checks.items() if not run.error else ():
            tallies.setdefault(f"check[{kind}]", []).append(Tally(run.task, right, total))
    return tallies


def print_results(report: TauBenchReport) -> None:
    """Print the metrics with their intervals, and the first tasks that failed, on stdout."""
    runs = f"{report.runs} runs of {report.tasks} tasks, up to {report.trials} trials each"
    scored = f"{report.scored} scored, {report.errors} errors (no score)"
    print_lines([f"{runs}: {scored}, coverage {report.coverage:.0%}"])
    if report.missing:
        what = "where a task has fewer trials than others (an interrupted run? give all its files)"
        print_lines([f"{report.missing} runs are missing, {what}"])
    if report.ended:
        ended = ", ".join(f"{reason} {count}" for reason, count in report.ended.items())
        print_lines([f"ended by: {ended}"])
    rows = []
    for name, metric in report.metrics.items():
        low, high = metric.ci95
        bounds = ""
        if report.errors and name in report.bounds:
            worst, best = report.bounds[name]
            bounds = f"{worst:.3f} to {best:.3f}"
        rows.append((name, f"{metric.value:.3f}", f"{low:.3f} to {high:.3f}", bounds))
    header = ("metric", "value", "95 % interval", "worst to best" if report.errors else "")
    columns = 4 if report.errors else 3
    print_table(header[:columns], [row[:columns] for row in rows], right=range(1, columns))
    shown = report.failures[:_MOST_SHOWN]
    if shown:
        failed = len(report.failures)
        print_lines([f"{len(shown)} of {failed} tasks that did not succeed in each trial:"])
    for task in shown:
        print_lines([f"  task {task.task}: {task.succeeded} of {task.trials}; {task.reasons[0]}"])
