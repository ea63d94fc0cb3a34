"""A gate: a bound on a metric that sets the exit status, with the interval in mind.

The bound is on the true value: the gate is passed when the whole 95 % interval keeps the bound,
failed when the whole interval breaks it, and otherwise inconclusive: more samples, or more trials,
will tell. Samples with an error could be right or wrong: the interval is as much wider.
"""

import re
from enum import StrEnum

import msgspec

from swiftkit.errors import UsageError
from swiftkit.evals.stats import Estimate

_FORM = re.compile(r"\s*(?P<metric>[^\s<>=]+)\s*(?P<sign>>=|<=)\s*(?P<bound>[-+0-9.eE]+)\s*")


class GateVerdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


class Gate(msgspec.Struct, frozen=True):
    metric: str
    sign: str
    bound: float

    def __str__(self) -> str:
        return f"{self.metric}{self.sign}{self.bound:g}"


def parse_gate(text: str) -> Gate:
    """Read 'METRIC>=X' or 'METRIC<=X'. Raises UsageError for anything else."""
    match = _FORM.fullmatch(text)
    try:
        if match is not None:
            return Gate(match["metric"], match["sign"], float(match["bound"]))
    except ValueError:
        pass
    reason = "not of the form 'METRIC>=X' (example: 'tool_accuracy>=0.85')"
    raise UsageError(f"--gate {text!r}: {reason}")


def judge(
    gate: Gate, estimate: Estimate | None, error_bounds: tuple[float, float] | None = None
) -> GateVerdict:
    """Return the verdict of a gate on a metric; `estimate` is None where no sample counted for it.

    `error_bounds` are the metric's values if all samples that ended in an error were wrong, and if
    all were right: where these could overturn the verdict there is none.
    """
    if estimate is None:
        return GateVerdict.INCONCLUSIVE
    worst, best = error_bounds or (estimate.value, estimate.value)
    low = estimate.ci95[0] - estimate.value + worst
    high = estimate.ci95[1] - estimate.value + best
    bound = gate.bound
    if gate.sign == "<=":
        low, high, bound = -high, -low, -bound
    if low >= bound:
        return GateVerdict.PASSED
    return GateVerdict.FAILED if high < bound else GateVerdict.INCONCLUSIVE
