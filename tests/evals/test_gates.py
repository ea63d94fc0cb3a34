"""Gates as they are written, and what sets a verdict."""

import pytest

from swiftkit.errors import UsageError
from swiftkit.evals.gates import RUN_FIGURES, GateVerdict, judge, parse_gate


@pytest.mark.parametrize(
    ("gate", "low", "high", "verdict"),
    [
        ("m>=0.8", 0.81, 0.9, GateVerdict.PASSED),
        ("m>=0.8", 0.8, 0.9, GateVerdict.PASSED),
        ("m>=0.8", 0.7, 0.79, GateVerdict.FAILED),
        ("m>=0.8", 0.7, 0.9, GateVerdict.INCONCLUSIVE),
        (" m <= 0.8 ", 0.7, 0.8, GateVerdict.PASSED),
        ("m<=80 %", 0.81, 0.9, GateVerdict.FAILED),
        ("m<=80%", 0.7, 0.9, GateVerdict.INCONCLUSIVE),
    ],
)
def test_judge_decides_by_the_whole_range(
    gate: str, low: float, high: float, verdict: GateVerdict
) -> None:
    """Passed or failed only where all of it is on one side of the bound."""
    assert judge(parse_gate(gate), low, high) is verdict


@pytest.mark.parametrize(
    "name",
    [
        *("accuracy[hard cases]", "accuracy[a=b]", "accuracy[x[y]]", "accuracy[多步]", "pass^4"),
        *("accuracy[a>=0.5]", "accuracy[<=>]", 'accuracy[it\'s, "so"]', "accuracy[ a ]"),
        *("accuracy[a\nb]", "accuracy[50%]", "accuracy[<script>]"),
    ],
)
@pytest.mark.parametrize("space", ["", " ", "\t "])
def test_parse_gate_category_may_hold_any_sign(name: str, space: str) -> None:
    """The last sign ends the name; what stands around it does not count."""
    gate = parse_gate(f"{space}{name}{space}>={space}0.5{space}")
    assert (gate.metric, gate.sign, gate.bound) == (name, ">=", 0.5)
    assert parse_gate(str(gate)) == gate


@pytest.mark.parametrize(
    ("text", "bound", "demand"),
    [
        ("m>=0.75", 0.75, "at least 75 %"),
        ("m>=75%", 0.75, "at least 75 %"),
        ("m>=1", 1.0, "at least 100 %"),
        ("m>=1%", 0.01, "at least 1 %"),
        ("m<=.5", 0.5, "at most 50 %"),
        ("m>=0.9995", 0.9995, "at least 99.95 %"),
        ("m>=85e-2", 0.85, "at least 85 %"),
        ("coverage>=98%", 0.98, "at least 98 %"),
        ("cut<=0.01", 0.01, "at most 1 %"),
        ("errors<=0", 0.0, "at most 0"),
        ("errors<=12", 12.0, "at most 12"),
        ("errors<=1%", 0.01, "at most 1 %"),
        ("skipped<=3", 3.0, "at most 3"),
        ("latency.p95<=2.5", 2.5, "at most 2.5 s"),
        ("first_token.mean<=0.4", 0.4, "at most 0.4 s"),
        ("tokens_per_s>=30", 30.0, "at least 30"),
    ],
)
def test_parse_gate_fraction_percent_number_and_seconds(
    text: str, bound: float, demand: str
) -> None:
    """What was read is said in the unit of the figure."""
    gate = parse_gate(text)
    assert (gate.bound, gate.demand) == (bound, demand)
    assert parse_gate(str(gate)) == gate


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("m", "METRIC>=X"),
        (">=0.5", "METRIC>=X"),
        ("m is good", "METRIC>=X"),
        ("m>0.5", "write '>='"),
        ("m[a>b]>0.5", "write '>='"),
        ("m<0.5", "write '<='"),
        ("m=0.5", "'=' is no sign"),
        ("m==0.5", "'==' is no sign"),
        ("m=>0.5", "write '>='"),
        ("m≥0.5", "write '>='"),
        ("m>=", "the bound is missing"),
        ("m>=x", "'x' is no number"),
        ("m>=nan", "bounds nothing"),
        ("m>=NaN%", "bounds nothing"),
        ("m<=inf", "bounds nothing"),
        ("m<=-Infinity", "bounds nothing"),
        ("m<=1e999", "bounds nothing"),
        ("m>=0,85", "write 0.85"),
        ("m>=1_0", "is no number"),
        ("m>=0.8.5", "is no number"),
        ("tool_accuracy>=75", "did you mean 0.75 or 75%"),
        ("m>=1.5", "did you mean 0.015 or 1.5%"),
        ("m>=101%", "from 0% to 100%"),
        ("m>=750", "from 0 to 1"),
        ("m>=-0.1", "from 0 to 1"),
        ("cut<=5", "did you mean 0.05 or 5%"),
        ("latency<=5", "which latency? Write latency.mean, latency.p50"),
        ("cut<=1", "cut is no number of samples"),
        ("m<=1.0", "each m is at most 1 (give a share below it, as 0.01 or 1%)"),
        ("errors<=0.5", "whole number"),
        ("skipped<=-1", "whole number"),
        ("errors<=101%", "from 0% to 100%"),
        ("latency.p95<=5%", "in seconds"),
        ("latency.p95<=-1", "in seconds"),
        ("latency.p95<=2.5s", "is no number"),
        ("tokens_per_s>=5%", "number of tokens"),
    ],
)
def test_parse_gate_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_gate(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_run_figures_can_all_be_gated() -> None:
    for name in RUN_FIGURES:
        assert parse_gate(f"{name}>=1").metric == name
