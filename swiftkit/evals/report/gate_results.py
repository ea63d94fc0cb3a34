"""The verdict of each gate, with the figures that decided it.

A metric is an estimate of something true, so its interval counts: passed only if the interval of
the worst case keeps the bound, failed only if that of the best case breaks it (evals/bounds.py).
The other figures are the run's own, without an interval; but a missing answer could have been cut,
and could have taken any time.
"""

from collections.abc import Mapping, Sequence
from math import inf

from swiftkit.evals.gates import COUNTS, SPEED, TIMES, Gate, GateVerdict, judge
from swiftkit.evals.percent import percent, percent_interval
from swiftkit.evals.report.report import EvalReport, GateResult
from swiftkit.evals.stats import Bounds, Measure

_UNITS = {"chain_success": " chains", "step_accuracy": " steps"}
_MORE = {True: "the same command asks for what is missing", False: "more samples will tell"}

Judgement = tuple[GateVerdict, str]  # with its reason


def judge_gates(
    gates: Sequence[Gate],
    report: EvalReport,
    measured: Mapping[str, Measure],
    bounds: Mapping[str, Bounds],
    times: tuple[Mapping[str, float], Mapping[str, float]],
) -> list[GateResult]:
    """Return the results of the gates; `times` are those of report.json if missing answers had
    taken no time, and if they had never come."""
    results = []
    for gate in gates:
        name = gate.metric
        if name in TIMES or name == SPEED:
            verdict, reason = _judge_time(gate, report, times)
        elif name == "coverage" or name in COUNTS:
            verdict, reason = _judge_count(gate, report)
        elif name in ("cut", "filtered", "empty"):
            verdict, reason = _judge_answers(gate, report)
        else:
            verdict, reason = _judge_metric(gate, measured.get(name), bounds.get(name))
        results.append(GateResult(str(gate), verdict, f"{reason}; wanted: {gate.demand}"))
    return results


def _judge_metric(gate: Gate, measured: Measure | None, bounds: Bounds | None) -> Judgement:
    if measured is None:
        return GateVerdict.INCONCLUSIVE, "no sample that has a score counts for it"
    worst, best = bounds or Bounds(measured, measured)
    interval = worst.estimate.ci95[0], best.estimate.ci95[1]
    verdict = judge(gate, *interval)
    text = _figure(gate.metric, worst)
    if bounds:
        text = f"{text} in the worst case, {_figure(gate.metric, best)} in the best"
    reason = f"{text}, 95 % interval {percent_interval(interval)}"
    if verdict is GateVerdict.INCONCLUSIVE:
        reason += f" ({_MORE[bounds is not None]})"
    return verdict, reason


def _figure(name: str, measure: Measure) -> str:
    """Return a metric as `14 of 24 chains (58.3 %)`, or in percent alone if it counts no units."""
    value = percent(measure.estimate.value)
    right, total = measure.right, measure.total
    if not total or right != int(right) or total != int(total):
        return value
    return f"{right:.0f} of {total:.0f}{_UNITS.get(name.partition('[')[0], '')} ({value})"


def _judge_count(gate: Gate, report: EvalReport) -> Judgement:
    number = {"coverage": report.scored, "errors": report.errors, "skipped": report.skipped}
    count = number[gate.metric]
    share = count / max(1, report.n)
    value = share if gate.is_share else count
    what = "have a score" if gate.metric == "coverage" else f"are {gate.metric}"
    return judge(gate, value, value), f"{count} of {report.n} {what} ({percent(share)})"


def _judge_answers(gate: Gate, report: EvalReport) -> Judgement:
    """Judge a share of answers of some kind, of which a missing answer could have been one too."""
    count = {"cut": report.cut, "filtered": report.filtered, "empty": report.empty}[gate.metric]
    missing, size = report.n - report.scored - report.scorer_errors, max(1, report.n)
    reason = f"{count} of {report.n} answers are {gate.metric} ({percent(count / size)})"
    if missing:
        reason += f", {missing} are missing and could be"
    return judge(gate, count / size, (count + missing) / size), reason


def _judge_time(
    gate: Gate, report: EvalReport, times: tuple[Mapping[str, float], Mapping[str, float]]
) -> Judgement:
    key = TIMES.get(gate.metric, gate.metric)
    if key not in report.latency:
        fix = "" if gate.metric.startswith("latency") else " (--stream times the first token)"
        return GateVerdict.INCONCLUSIVE, f"no answer was timed so{fix}"
    low, high = sorted((times[0][key], times[1][key]))
    unit = "" if gate.metric == SPEED else " s"
    reason = f"{report.latency[key]:g}{unit}"
    if low != high:
        most = f"{high:g}{unit}"
        if high == inf:
            most = "any time" if unit else "any speed"
        reason += f", with the missing answers between {low:g}{unit} and {most}"
    return judge(gate, low, high), reason
