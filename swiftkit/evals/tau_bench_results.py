"""Read tau-bench's result files: the success rate, pass^k with intervals, and the failed tasks.

Source: https://github.com/sierra-research/tau-bench; its run.py writes a JSON list of {task_id,
reward, info, traj, trial}. A run succeeds at a reward of 0.99 or more; pass^k is evals/stats.py's.
A run that stopped with an error (`info` holds it, its reward is 0) is counted apart, without score.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.data.simulated_user import SUCCESS
from swiftkit.errors import DataError
from swiftkit.evals.stats import Estimate, Tally, passes, summarize
from swiftkit.files.inputs import find_files, read_chunks
from swiftkit.files.jsonl import decode_line
from swiftkit.terminal import print_lines, print_table, shorten

_MOST_SHOWN = 20


class TauBenchRun(msgspec.Struct):
    """One trial of one task."""

    task_id: int | str
    reward: float
    trial: int = 0
    info: Any = None

    @property
    def error(self) -> str:
        error = self.info.get("error") if isinstance(self.info, dict) else None
        return shorten(error, 200) if error else ""


class FailedTask(msgspec.Struct, frozen=True):
    """A task that did not succeed in each trial; `reasons` are errors or parts of the reward."""

    task: str
    trials: int
    succeeded: int
    reasons: list[str]


class TauBenchReport(msgspec.Struct, frozen=True):
    """runs = scored + errors. `metrics` holds pass^k for each k up to the number of trials."""

    runs: int
    scored: int
    errors: int
    tasks: int
    trials: int
    metrics: dict[str, Estimate]
    failures: list[FailedTask]

    @property
    def exit_status(self) -> int:
        """0; 1 if a run had an error."""
        return int(bool(self.errors))


def read_results(files: Sequence[Path]) -> TauBenchReport:
    """Return the report of all runs. Raises DataError for what is no result, or a run twice."""
    runs = _read_runs(files)
    tallies = []
    runs_by_task: dict[str, list[TauBenchRun]] = {}
    for run in runs:
        task = str(run.task_id)
        runs_by_task.setdefault(task, []).append(run)
        if not run.error:
            tallies.append(Tally(task, float(run.reward >= SUCCESS), 1.0))
    failures = []
    for task, task_runs in runs_by_task.items():
        failed = [run for run in task_runs if run.error or run.reward < SUCCESS]
        if failed:
            reasons = [f"trial {run.trial}: {run.error or _reward_parts(run)}" for run in failed]
            succeeded = len(task_runs) - len(failed)
            failures.append(FailedTask(task, len(task_runs), succeeded, reasons))
    trials = max(map(len, runs_by_task.values()))
    return TauBenchReport(
        runs=len(runs),
        scored=len(tallies),
        errors=len(runs) - len(tallies),
        tasks=len(runs_by_task),
        trials=trials,
        metrics=summarize({"success_rate": tallies} | passes(tallies, trials)),
        failures=failures,
    )


def _read_runs(files: Sequence[Path]) -> list[TauBenchRun]:
    runs: list[TauBenchRun] = []
    places: dict[tuple[str, str, int], str] = {}
    decode = msgspec.json.Decoder(TauBenchRun).decode
    for chunk in read_chunks(find_files(files, [])):
        for number, record in chunk.records:
            where = f"{chunk.path}:{number}"
            run = decode_line(record, where, decode)
            first = places.setdefault((str(chunk.path), str(run.task_id), run.trial), where)
            if first != where:
                trial = f"trial {run.trial} of task {run.task_id}"
                reason = f"{where}: {trial} stands at {first} already"
                raise DataError(reason, "duplicate_trial", "give each run once")
            runs.append(run)
    if not runs:
        names = ", ".join(map(str, files))
        raise DataError(f"{names}: no runs", "empty_file", "give the file that tau-bench wrote")
    return runs


def _reward_parts(run: TauBenchRun) -> str:
    """Return the reward, and the parts that tau-bench made it of."""
    reward = f"reward {run.reward:g}"
    match run.info:
        case {"reward_info": {"info": dict(parts)}}:
            texts = []
            for name, part in parts.items():
                if not str(name).startswith("gt_"):  # a hash
                    texts.append(f"{name} {part}")
            if texts:
                reward += f" ({', '.join(texts)[:200]})"
    return reward


def print_results(report: TauBenchReport) -> None:
    """Print the metrics with their intervals, and the first tasks that failed, on stdout."""
    runs = f"{report.runs} runs of {report.tasks} tasks, up to {report.trials} trials each"
    print_lines([f"{runs}: {report.scored} scored, {report.errors} errors (no score)"])
    rows = []
    for name, metric in report.metrics.items():
        low, high = metric.ci95
        rows.append((name, f"{metric.value:.3f}", f"{low:.3f} to {high:.3f}"))
    print_table(("metric", "value", "95 % interval"), rows, right=(1, 2))
    shown = report.failures[:_MOST_SHOWN]
    if shown:
        failed = len(report.failures)
        print_lines([f"{len(shown)} of {failed} tasks that did not succeed in each trial:"])
    for task in shown:
        print_lines([f"  task {task.task}: {task.succeeded} of {task.trials}; {task.reasons[0]}"])
