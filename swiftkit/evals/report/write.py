"""The end of a run: scores.jsonl, report.json and report.md, and a file for CI (--junit)."""

from collections.abc import Sequence
from math import inf
from pathlib import Path

import msgspec

from swiftkit.errors import EndpointError, UsageError
from swiftkit.evals.bounds import bounds_of
from swiftkit.evals.gates import RUN_FIGURES, Gate
from swiftkit.evals.report.gate_results import judge_gates
from swiftkit.evals.report.junit import junit, write_junit
from swiftkit.evals.report.markdown import markdown
from swiftkit.evals.report.report import EvalReport, make_report, score_line
from swiftkit.evals.results import Job, RunResults, results_of
from swiftkit.evals.run_directory import RunConfig, RunDirectory
from swiftkit.evals.stats import measures_of
from swiftkit.evals.task import Task
from swiftkit.files.jsonl import encode, write_atomically


def check_gates(gates: Sequence[Gate], task: Task, jobs: Sequence[Job]) -> None:
    """Raise UsageError for a gate on a metric that this data does not have."""
    if not gates:
        return
    names = task.metrics(results_of(jobs, scores={}))
    for gate in gates:
        if gate.metric not in (*names, *RUN_FIGURES):
            known = f"this data has {', '.join(names)}; each run has {', '.join(RUN_FIGURES)}"
            raise UsageError(f"--gate {gate}: no metric {gate.metric!r} ({known})")


def write_report(
    directory: RunDirectory,
    config: RunConfig,
    results: RunResults,
    gates: Sequence[Gate],
    elapsed: float = 0.0,
    junit_file: Path | None = None,
) -> EvalReport:
    """Write scores.jsonl, report.json, report.md. Raises EndpointError where nothing was scored."""
    path = directory.path
    outcomes = results.outcomes()
    task, jobs, scores = results.task, results.jobs, results.scores
    measured = measures_of(task.metrics(results_of(jobs, scores)))
    bounds = bounds_of(task, jobs, scores, measured)
    report = make_report(str(path), config, outcomes, measured, bounds, results, elapsed)
    times = results.latency(missing=0.0), results.latency(missing=inf)
    verdicts = judge_gates(gates, report, measured, bounds, times)
    report = msgspec.structs.replace(report, gates=verdicts)
    with write_atomically(path / "scores.jsonl") as file:
        for sample, trial, score, _, ended in outcomes:
            if score is not None:
                file.write(encode(score_line(sample.id, trial, score, ended)) + b"\n")
    directory.write_json("report.json", report)
    with write_atomically(path / "report.md") as file:
        file.write(markdown(report, outcomes).encode("utf-8", "replace"))
    if not report.scored:
        reason = f"no sample was scored, the first answer was: {outcomes[0].error}"
        fix = f"see {path}/report.md; the same command with --run {path} asks again"
        raise EndpointError(f"{reason} ({fix})")
    if junit_file:
        write_junit(junit_file, junit(report, outcomes))
    return report
