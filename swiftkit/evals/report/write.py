"""The end of a run: scores.jsonl, report.json and report.md."""

from collections.abc import Sequence

from swiftkit.errors import EndpointError, UsageError
from swiftkit.evals.gates import Gate
from swiftkit.evals.report.markdown import markdown
from swiftkit.evals.report.report import EvalReport, make_report, score_line
from swiftkit.evals.results import Job, RunResults, results_of
from swiftkit.evals.run_directory import RunConfig, RunDirectory
from swiftkit.evals.stats import summarize
from swiftkit.evals.task import Task
from swiftkit.files.jsonl import encode, write_atomically


def check_gates(gates: Sequence[Gate], task: Task, jobs: Sequence[Job]) -> None:
    """Raise UsageError for a gate on a metric that this data does not have."""
    if not gates:
        return
    names = task.metrics(results_of(jobs, scores={}))
    for gate in gates:
        if gate.metric not in names:
            reason = f"no metric {gate.metric!r} (this data has {', '.join(names)})"
            raise UsageError(f"--gate {gate}: {reason}")


def write_report(
    directory: RunDirectory,
    config: RunConfig,
    results: RunResults,
    gates: Sequence[Gate],
    elapsed: float = 0.0,
) -> EvalReport:
    """Write scores.jsonl, report.json, report.md. Raises EndpointError where nothing was scored."""
    path = directory.path
    outcomes = results.outcomes()
    metrics = summarize(results.task.metrics(results_of(results.jobs, results.scores)))
    report = make_report(str(path), config, outcomes, metrics, gates, results, elapsed)
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
    return report
