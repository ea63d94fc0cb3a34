"""The numbers of a run: the shape of report.json, and the exit status that they mean."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from swiftkit.evals.gates import GateVerdict
from swiftkit.evals.results import RunResults, TrialOutcome
from swiftkit.evals.run_directory import RunConfig
from swiftkit.evals.stats import Bounds, Estimate, Measure
from swiftkit.records import SKIPPED, Score
from swiftkit.scoring.completion import READ

# of the samples; with fewer answers the run was not healthy, whatever they say
LEAST_COVERAGE = 0.9


class GateResult(msgspec.Struct, frozen=True):
    """`reason` holds the figures that decided, and what was wanted."""

    gate: str
    verdict: GateVerdict
    reason: str = ""


class EvalReport(msgspec.Struct, frozen=True):
    """report.json. n = scored + skipped + errors, in samples x trials; times are in seconds.

    A metric is absent where nothing counted for it. `coverage` is scored / n. `bounds` are [worst,
    best]: where a metric would lie if all that it misses (errors, skipped, not asked) were wrong,
    or right; absent for a metric that misses nothing. `elapsed_s` is the time of the last command,
    which asked all but `resumed`. `read_as` counts the answers by how their calls stood:
    "tool_calls" where the endpoint gave them, a wire format's name, "no call", "malformed", or
    "unread" for call-like markup that was not read. `cut`, `filtered` and `empty` count answers
    (scoring/ending.py; scores.jsonl says which); `scorer_errors` are those of `errors` that have an
    answer, which the scorer failed on. `data_sha256` is of the data whose gold it was scored by
    ("": an earlier version did not say).
    """

    task: str
    model: str | None
    n: int
    scored: int
    skipped: int
    errors: int
    metrics: dict[str, Estimate]
    usage: dict[str, int]
    latency: dict[str, float]
    elapsed_s: float
    gates: list[GateResult]
    data: str
    run: str = ""
    resumed: int = 0
    coverage: float = 1.0
    bounds: dict[str, tuple[float, float]] = {}
    read_as: dict[str, int] = {}
    cut: int = 0
    filtered: int = 0
    empty: int = 0
    scorer_errors: int = 0
    max_tokens: int = 0
    data_sha256: str = ""

    @property
    def exit_status(self) -> int:
        """With gates 0 all passed, 1 one failed, 3 one is inconclusive; without, 1 if errors are
        left. 4 where too many samples have no answer for a verdict; how many are too many a gate on
        coverage says, or else LEAST_COVERAGE."""
        if self.errors and not self.gates:
            return 1
        is_coverage_gated = any(result.gate.startswith("coverage>=") for result in self.gates)
        if self.coverage < LEAST_COVERAGE and not is_coverage_gated:
            return 4
        verdicts = {result.verdict for result in self.gates}
        if GateVerdict.FAILED in verdicts:
            return 1
        return 3 if GateVerdict.INCONCLUSIVE in verdicts else 0


def make_report(
    run: str,
    config: RunConfig,
    outcomes: Sequence[TrialOutcome],
    measured: Mapping[str, Measure],
    bounds: Mapping[str, Bounds],
    results: RunResults,
    elapsed: float,
) -> EvalReport:
    """Return the report of a run before its gates; `run` is its directory, `elapsed` in seconds."""
    scored = sum(outcome.score is not None for outcome in outcomes)
    skipped = sum(outcome.error.startswith(SKIPPED) for outcome in outcomes)
    cases = {}
    for name, (worst, best) in bounds.items():
        cases[name] = worst.estimate.value, best.estimate.value
    return EvalReport(
        task=config.task,
        model=config.model,
        n=len(outcomes),
        scored=scored,
        skipped=skipped,
        errors=len(outcomes) - scored - skipped,
        metrics={name: measure.estimate for name, measure in measured.items()},
        usage=results.usage,
        latency=results.latency(),
        elapsed_s=round(elapsed, 3),
        gates=[],
        data=config.data,
        data_sha256=config.data_sha256,
        run=run,
        resumed=results.counts.finished_before,
        coverage=scored / max(1, len(outcomes)),
        bounds=cases,
        read_as=read_ways(outcome.score for outcome in outcomes if outcome.score is not None),
        cut=results.counts.cut,
        filtered=results.counts.filtered,
        empty=results.counts.empty,
        scorer_errors=results.counts.scorer_errors,
        max_tokens=config.max_tokens,
    )


def read_ways(scores: Iterable[Score]) -> dict[str, int]:
    """Return the number of answers by how their calls were read, the most frequent way first."""
    ways: Counter[str] = Counter()
    for score in scores:
        for name, number in score.counts.items():
            if name.startswith(READ):
                ways[name.removeprefix(READ)] += number
    return dict(ways.most_common())


def score_line(sample_id: str, trial: int, score: Score, ended: str = "") -> dict[str, Any]:
    """Return a line of scores.jsonl; `ended` says that the answer was cut, filtered or empty."""
    return {"id": sample_id, "trial": trial, "ended": ended} | msgspec.structs.asdict(score)


def is_breakdown(metric: str) -> bool:
    """Return whether a metric is that of a part of the samples, as accuracy[CATEGORY]."""
    return "[" in metric
