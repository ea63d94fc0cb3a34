"""Gates: the interval decides, not the point."""

import pytest

from swiftkit.errors import UsageError
from swiftkit.evals.gates import GateVerdict, judge, parse_gate
from swiftkit.evals.stats import Estimate


@pytest.mark.parametrize(
    ("gate", "interval", "verdict"),
    [
        ("m>=0.8", (0.81, 0.9), GateVerdict.PASSED),
        ("m>=0.8", (0.8, 0.9), GateVerdict.PASSED),
        ("m>=0.8", (0.7, 0.79), GateVerdict.FAILED),
        ("m>=0.8", (0.7, 0.9), GateVerdict.INCONCLUSIVE),
        (" m <= 0.8 ", (0.7, 0.8), GateVerdict.PASSED),
        ("m<=0.8", (0.81, 0.9), GateVerdict.FAILED),
        ("m<=0.8", (0.7, 0.9), GateVerdict.INCONCLUSIVE),
    ],
)
def test_judge_decides_by_the_whole_interval(
    gate: str, interval: tuple[float, float], verdict: GateVerdict
) -> None:
    """Passed or failed only where the whole interval is on one side of the bound."""
    assert judge(parse_gate(gate), Estimate(sum(interval) / 2, 0.01, interval)) is verdict


@pytest.mark.parametrize(
    ("bounds", "verdict"),
    [
        ((0.85, 0.86), GateVerdict.PASSED),
        ((0.75, 0.86), GateVerdict.INCONCLUSIVE),
        ((0.5, 0.99), GateVerdict.INCONCLUSIVE),
    ],
)
def test_judge_errors_that_could_overturn_a_verdict_leave_none(
    bounds: tuple[float, float], verdict: GateVerdict
) -> None:
    """The worst and the best that the samples without an answer could have made of the metric
    count."""
    for gate, measured in (("m>=0.8", 0.85), ("m<=0.2", 0.15)):
        interval = (measured - 0.03, measured + 0.03)
        seen = bounds if measured > 0.5 else (1 - bounds[1], 1 - bounds[0])
        assert judge(parse_gate(gate), Estimate(measured, 0.01, interval), seen) is verdict
    assert (
        judge(parse_gate("m>=0.9"), Estimate(0.8, 0.01, (0.75, 0.85)), (0.78, 0.84))
        is GateVerdict.FAILED
    )


def test_judge_metric_without_samples_is_inconclusive() -> None:
    """No number is neither good nor bad."""
    assert judge(parse_gate("m>=0.1"), None) is GateVerdict.INCONCLUSIVE


@pytest.mark.parametrize("text", ["", "m", "m>0.5", "m>=", "m>=x", ">=0.5", "m=0.5"])
def test_parse_gate_unreadable_is_wrong_usage(text: str) -> None:
    """The message shows the form."""
    with pytest.raises(UsageError, match="METRIC>=X"):
        parse_gate(text)
