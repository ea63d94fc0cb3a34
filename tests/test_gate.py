"""Gates: the interval decides, not the point."""

import pytest

from swiftkit.errors import UsageError
from swiftkit.gate import Verdict, judge, parse_gate
from swiftkit.stats import Estimate


@pytest.mark.parametrize(
    ("gate", "interval", "verdict"),
    [
        ("m>=0.8", (0.81, 0.9), Verdict.PASSED),
        ("m>=0.8", (0.8, 0.9), Verdict.PASSED),
        ("m>=0.8", (0.7, 0.79), Verdict.FAILED),
        ("m>=0.8", (0.7, 0.9), Verdict.INCONCLUSIVE),
        (" m <= 0.8 ", (0.7, 0.8), Verdict.PASSED),
        ("m<=0.8", (0.81, 0.9), Verdict.FAILED),
        ("m<=0.8", (0.7, 0.9), Verdict.INCONCLUSIVE),
    ],
)
def test_the_verdict_follows_from_the_whole_interval(
    gate: str, interval: tuple[float, float], verdict: Verdict
) -> None:
    """Passed or failed only where the whole interval is on one side of the bound."""
    assert judge(parse_gate(gate), Estimate(sum(interval) / 2, 0.01, interval)) is verdict


def test_a_metric_that_nothing_counted_for_is_inconclusive() -> None:
    """No number is neither good nor bad."""
    assert judge(parse_gate("m>=0.1"), None) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("text", ["", "m", "m>0.5", "m>=", "m>=x", ">=0.5", "m=0.5"])
def test_a_gate_that_cannot_be_read_is_wrong_usage(text: str) -> None:
    """The message shows the form."""
    with pytest.raises(UsageError, match="METRIC>=X"):
        parse_gate(text)
