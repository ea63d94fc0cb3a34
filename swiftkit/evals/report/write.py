"""The end of a run: scores.jsonl, report.json and report.md."""

from collections.abc import Collection, Sequence

import msgspec

from swiftkit.errors import EndpointError, UsageError
from swiftkit.evals.gates import Gate
from swiftkit.evals.lazy_samples import Lazy
from swiftkit.evals.report.report import (
    Outcome,
    Report,
    make_report,
    markdown,
    score_line,
    summarize,
)
from swiftkit.evals.results import Account, Job, results_of
from swiftkit.evals.run_directory import Config, RunDir
from swiftkit.evals.task import Task
from swiftkit.records import Response

NOT_ASKED = "not asked yet"


def check_gates(gates: Sequence[Gate], task: Task, jobs: Sequence[Job]) -> None:
    """A metric's name is checked before the first request is made."""
    if not gates:
        return
    names: Collection[str] = task.metrics(results_of(jobs, lambda _: None))
    for gate in gates:
        if gate.metric not in names:
            raise UsageError(
                f"--gate {gate}: no metric {gate.metric!r} (this data has {', '.join(names)})"
            )


def finish(
    run: RunDir,
    config: Config,
    task: Task,
    jobs: Sequence[Job],
    account: Account,
    gates: Sequence[Gate],
    elapsed: float,
) -> Report:
    """Write scores.jsonl, report.json and report.md; EndpointError where nothing was scored."""
    outcomes = Lazy(len(jobs), lambda number: _outcome(jobs[number], account))
    metrics = summarize(task.metrics(results_of(jobs, lambda job: account.score(job.number))))
    report = make_report(config, outcomes, metrics, gates, account, elapsed)
    report = msgspec.structs.replace(report, run=str(run.path))
    run.write_lines("scores.jsonl", (score_line(outcome) for outcome in outcomes if outcome.score))
    run.write_json("report.json", report)
    run.write_text("report.md", markdown(report, outcomes))
    if not report.scored:
        again = f"see {run.path}/report.md; the same command with --run {run.path} asks again"
        raise EndpointError(
            f"no sample was scored, the first answer was: {outcomes[0].response.error} ({again})"
        )
    return report


def _outcome(job: Job, account: Account) -> Outcome:
    score = account.score(job.number)
    error = "" if score else account.errors.get(job.number, NOT_ASKED)
    response = Response(job.sample.id, job.trial, error=error)  # its text is in the journal alone
    return Outcome(job.sample, job.trial, response, score)
