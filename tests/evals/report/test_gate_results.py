"""Verdicts of gates with the figures that decided them."""

from typing import Any

import msgspec
import pytest

from swiftkit.evals.bounds import bounds_of
from swiftkit.evals.gates import GateVerdict, parse_gate
from swiftkit.evals.report.gate_results import judge_gates
from swiftkit.evals.report.report import EvalReport, GateResult
from swiftkit.evals.results import Job, Key, RunResults, results_of
from swiftkit.evals.stats import measures_of
from swiftkit.evals.task import load_task
from swiftkit.records import Sample, Score
from swiftkit.scoring.gold import gold_of

PASSED, FAILED, OPEN = GateVerdict.PASSED, GateVerdict.FAILED, GateVerdict.INCONCLUSIVE
REPORT = EvalReport("t", "m", 200, 196, 1, 3, {}, {}, {}, 0.0, [], "d", coverage=196 / 200)


def judged(gate: str, report: EvalReport = REPORT, times: Any = ({}, {})) -> GateResult:
    (result,) = judge_gates([parse_gate(gate)], report, {}, {}, times)
    return result


@pytest.mark.parametrize(
    ("gate", "verdict"),
    [
        ("coverage>=0.98", PASSED),
        ("coverage>=0.981", FAILED),
        ("errors<=3", PASSED),
        ("errors<=2", FAILED),
        ("errors<=1.5%", PASSED),
        ("errors<=1%", FAILED),
        ("skipped<=1", PASSED),
        ("skipped<=0", FAILED),
    ],
)
def test_counts_of_the_run_are_exact(gate: str, verdict: GateVerdict) -> None:
    assert judged(gate).verdict is verdict


@pytest.mark.parametrize(
    ("gate", "verdict"),
    [
        ("cut<=0.04", PASSED),  # 4 that are cut and 4 that are missing
        ("cut<=0.02", OPEN),
        ("cut<=0.019", FAILED),
        ("filtered<=2%", PASSED),
        ("filtered<=0", OPEN),
        ("empty<=0", FAILED),
    ],
)
def test_a_missing_answer_could_have_been_cut(gate: str, verdict: GateVerdict) -> None:
    report = msgspec.structs.replace(REPORT, cut=4, empty=1)
    assert judged(gate, report).verdict is verdict


@pytest.mark.parametrize(
    ("missing", "gate", "verdict"),
    [
        (0, "latency.p95<=2", PASSED),
        (0, "latency.p95<=1.9", PASSED),
        (0, "latency.p95<=0.9", FAILED),
        (3, "latency.p95<=1", PASSED),  # 3 of 103 that never came leave the 95th percentile at 1
        (9, "latency.p95<=1", OPEN),
        (1, "latency.max<=10", OPEN),
        (1, "latency.max<=0.5", FAILED),
        (0, "latency.max<=1", PASSED),
        (1, "latency.mean<=1", OPEN),
        (1, "latency.mean<=0.9", FAILED),
        (0, "first_token.p50<=1", OPEN),  # nothing was streamed
        (0, "tokens_per_s>=1", OPEN),
    ],
)
def test_a_missing_answer_could_have_taken_any_time(
    missing: int, gate: str, verdict: GateVerdict
) -> None:
    sample = Sample("s", [], [], None)
    jobs = [Job(sample, trial) for trial in range(100 + missing)]
    results = RunResults(load_task("gsm8k"), jobs)
    results._latencies += [1.0] * 100
    report = msgspec.structs.replace(REPORT, latency=results.latency())
    times = results.latency(0.0), results.latency(float("inf"))
    assert judged(gate, report, times).verdict is verdict


def chains(right: int, missing: int, wrong: int) -> tuple[list[Job], dict[Key, Score]]:
    """Chains of three turns; of a missing one the last turn is."""
    jobs, scores = [], {}
    task = load_task("tool-call")
    for number in range(right + missing + wrong):
        for turn in range(3):
            meta = {"chain": f"c{number}", "turns": "3"}
            job = Job(Sample(f"c{number}#{turn}", [], [], gold_of([]), meta), 0)
            jobs.append(job)
            worst, best = task.extremes(job.sample)
            if number < right + missing and not (number >= right and turn == 2):
                scores[job.key] = best
            elif number >= right + missing:
                scores[job.key] = worst
    return jobs, scores


@pytest.mark.parametrize(
    ("right", "missing", "wrong", "verdict", "figures"),
    [
        (14, 10, 0, OPEN, "14 of 24 chains (58.3 %) in the worst case, 24 of 24 chains"),
        (90, 1, 0, PASSED, "90 of 91 chains (98.9 %) in the worst case"),
        (90, 0, 0, PASSED, "90 of 90 chains (100.0 %), 95 % interval"),
        (5, 2, 40, FAILED, "7 of 47 chains (14.9 %) in the best"),
        (10, 0, 3, OPEN, "more samples will tell"),
    ],
)
def test_a_metric_is_judged_by_its_own_units(
    right: int, missing: int, wrong: int, verdict: GateVerdict, figures: str
) -> None:
    """The chains that miss a turn decide, not the run's share of errors."""
    task = load_task("tool-call")
    jobs, scores = chains(right, missing, wrong)
    measured = measures_of(task.metrics(results_of(jobs, scores)))
    bounds = bounds_of(task, jobs, scores, measured)
    gates = [parse_gate("chain_success>=0.7"), parse_gate("chain_success<=70%")]
    result, opposite = judge_gates(gates, REPORT, measured, bounds, ({}, {}))
    assert result.verdict is verdict
    assert figures in result.reason
    assert opposite.verdict is {PASSED: FAILED, FAILED: PASSED}.get(verdict, OPEN)


def test_a_metric_that_nothing_counted_for_is_inconclusive() -> None:
    result = judged("m>=0")
    assert result.verdict is OPEN
    assert "no sample that has a score" in result.reason
