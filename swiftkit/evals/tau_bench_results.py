"""What tau-bench's result files say: the success rate, pass^k with intervals, and the tasks that
failed.

Source: https://github.com/sierra-research/tau-bench; its run.py writes a JSON list of {task_id,
reward, info, traj, trial}. A run succeeds at a reward of 0.99 or more; pass^k is evals/stats.py's.
A run that stopped with an error (`info` holds it, its reward is 0) says nothing about the model: it
is counted apart, and has no score.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.evals.report.report import summarize
from swiftkit.evals.stats import Estimate, Tally, passes
from swiftkit.files.inputs import find_files, read_chunks
from swiftkit.files.jsonl import decode_line

SUCCESS = 0.99  # the reward is 1.0 or less; a product of floats may fall short of 1
_MOST_SHOWN = 20


class _Run(msgspec.Struct):
    task_id: int | str
    reward: float
    trial: int = 0
    info: Any = None

    @property
    def error(self) -> str:
        error = self.info.get("error") if isinstance(self.info, dict) else None
        return " ".join(str(error).split())[:200] if error else ""


class Failure(msgspec.Struct, frozen=True):
    """A task that did not succeed in each trial; `reasons` are the errors and what the reward was
    made of."""

    task: str
    trials: int
    succeeded: int
    reasons: list[str]


class Report(msgspec.Struct, frozen=True):
    """runs = scored + errors. `metrics` holds pass^k for each k up to the number of trials."""

    runs: int
    scored: int
    errors: int
    tasks: int
    trials: int
    metrics: dict[str, Estimate]
    failures: list[Failure]

    @property
    def exit_status(self) -> int:
        return int(bool(self.errors))


def read_results(files: Sequence[Path]) -> Report:
    """The report of all runs in the files. Raises DataError for what is no result, or the same run
    twice."""
    runs = _runs(files)
    scored = [run for run in runs if not run.error]
    tallies = [Tally(str(run.task_id), float(run.reward >= SUCCESS), 1.0) for run in scored]
    tasks: dict[str, list[_Run]] = {}
    for run in runs:
        tasks.setdefault(str(run.task_id), []).append(run)
    trials = max(map(len, tasks.values()))
    metrics = {"success_rate": tallies} | passes(tallies, trials)
    failures = [_failure(task, found) for task, found in tasks.items()]
    return Report(
        len(runs), len(scored), len(runs) - len(scored), len(tasks), trials, summarize(metrics),
        [failure for failure in failures if failure.succeeded < failure.trials],
    )  # fmt: skip


def _runs(files: Sequence[Path]) -> list[_Run]:
    runs: list[_Run] = []
    seen: dict[tuple[str, str, int], str] = {}
    decode = msgspec.json.Decoder(_Run).decode
    for chunk in read_chunks(find_files(files, [])):
        for number, record in chunk.records:
            where = f"{chunk.path}:{number}"
            run = decode_line(record, where, decode)
            before = seen.setdefault((str(chunk.path), str(run.task_id), run.trial), where)
            if before != where:
                reason = (
                    f"{where}: trial {run.trial} of task {run.task_id} stands at {before} already"
                )
                raise DataError(reason, "duplicate_trial", "give each run once")
            runs.append(run)
    if not runs:
        raise DataError(
            f"{', '.join(map(str, files))}: no runs",
            "empty_file",
            "give the file that tau-bench wrote",
        )
    return runs


def _failure(task: str, runs: list[_Run]) -> Failure:
    lost = [run for run in runs if run.error or run.reward < SUCCESS]
    reasons = [f"trial {run.trial}: {run.error or _reason(run)}" for run in lost]
    return Failure(task, len(runs), len(runs) - len(lost), reasons)


def _reason(run: _Run) -> str:
    """The reward, and what tau-bench says that it was made of (such as the outputs that were found,
    or not)."""
    found = run.info.get("reward_info") if isinstance(run.info, dict) else None
    parts = found.get("info") if isinstance(found, dict) else None
    shown = parts.items() if isinstance(parts, dict) else ()
    # a hash
    said = ", ".join(f"{name} {value}" for name, value in shown if not str(name).startswith("gt_"))
    return f"reward {run.reward:g}{f' ({said[:200]})' if said else ''}"


def summary(report: Report) -> str:
    """For people: the metrics with their intervals, and the first tasks that failed."""
    lines = [
        f"{report.runs} runs of {report.tasks} tasks, up to {report.trials} trials each: {report.scored} scored, "
        f"{report.errors} errors (no score)"
    ]
    lines += [
        f"{name:13} {found.value:.3f}   95 % interval {found.ci95[0]:.3f} to {found.ci95[1]:.3f}"
        for name, found in report.metrics.items()
    ]
    shown = report.failures[:_MOST_SHOWN]
    lines += (
        [f"{len(shown)} of {len(report.failures)} tasks that did not succeed in each trial:"]
        if shown
        else []
    )
    lines += [
        f"  task {each.task}: {each.succeeded} of {each.trials}; {each.reasons[0]}"
        for each in shown
    ]
    return "\n".join(lines)
