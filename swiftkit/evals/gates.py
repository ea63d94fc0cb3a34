"""A gate: a bound on a figure of a run that sets the exit status.

    tool_accuracy>=0.85   chain_success>=85%      a metric, as a fraction or in percent
    coverage>=0.98        cut<=1%                 of the run: coverage, cut, filtered, empty
    errors<=0             errors<=1%              of the run: errors, skipped; a number or a share
    latency.p95<=2.5      first_token.p50<=0.4    in seconds: mean, p50, p95, max
    tokens_per_s>=30                              after the first token, of a streamed answer

The last `>=` or `<=` ends the name, so that a category may hold any sign: `accuracy[a>=b]>=0.5`.
evals/report/gate_results.py says what a figure is, and how sure it is.
"""

import math
import re
from enum import StrEnum

import msgspec

from swiftkit.errors import UsageError

SHARES = ("coverage", "cut", "filtered", "empty")  # of the samples x trials
COUNTS = ("errors", "skipped")
# the names in report.json's `latency`
TIMES = {f"latency.{name}": name for name in ("mean", "p50", "p95", "max")}
TIMES |= {f"first_token.{name}": f"first_token_{name}" for name in ("mean", "p50", "p95", "max")}
SPEED = "tokens_per_s"
RUN_FIGURES = (*SHARES, *COUNTS, *TIMES, SPEED)

_FORM = re.compile(r"(?P<metric>.+)(?P<sign>>=|<=)(?P<bound>[^<>=]*)", re.DOTALL)
_NUMBER = re.compile(
    r"(?P<number>[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*(?P<percent>%?)"
)
_WRONG_SIGN = re.compile(r"[^<>=≥≤].*?\s*(?P<sign>==?>?|=<|[<>≥≤])\s*[-+.0-9%eE\s]+", re.DOTALL)
_RIGHT_SIGNS = dict.fromkeys(("<", "≤", "=<"), "'<='") | dict.fromkeys((">", "≥", "=>"), "'>='")
_HOW = "the form is 'METRIC>=X' or 'METRIC<=X', as in 'tool_accuracy>=0.85'"


class GateVerdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


class Gate(msgspec.Struct, frozen=True):
    """`bound` is a fraction, a number of errors or skipped samples, seconds, or tokens a second;
    `in_percent`: it was written so, which makes a share of a number."""

    metric: str
    sign: str
    bound: float
    in_percent: bool = False

    def __str__(self) -> str:
        bound = f"{100 * self.bound:.12g}%" if self.in_percent else f"{self.bound:.12g}"
        return f"{self.metric}{self.sign}{bound}"

    @property
    def is_share(self) -> bool:
        """Whether the bound is a fraction of something."""
        return self.in_percent or self.metric not in (*COUNTS, *TIMES, SPEED)

    @property
    def demand(self) -> str:
        """What is asked of the figure, in its unit: `at least 85 %`."""
        if self.is_share:
            bound = f"{100 * self.bound:.12g} %"
        elif self.metric in TIMES:
            bound = f"{self.bound:.12g} s"
        else:
            bound = f"{self.bound:.12g}"
        return f"at {'least' if self.sign == '>=' else 'most'} {bound}"


def parse_gate(text: str) -> Gate:
    """Read 'METRIC>=X' or 'METRIC<=X'. Raises UsageError that names the fault."""
    match = _FORM.fullmatch(text.strip())
    if match is None or not match["metric"].strip():
        raise UsageError(f"--gate {text!r}: {_fault_of_form(text)}")
    metric, bound = match["metric"].strip(), match["bound"].strip()
    number = _NUMBER.fullmatch(bound)
    if number is None:
        raise UsageError(f"--gate {text!r}: {_fault_of_number(bound)}")
    value, in_percent = float(number["number"]), bool(number["percent"])
    gate = Gate(metric, match["sign"], value / 100 if in_percent else value, in_percent)
    if fault := _fault_of_bound(gate):
        raise UsageError(f"--gate {text!r}: {fault}")
    return gate


def judge(gate: Gate, low: float, high: float) -> GateVerdict:
    """Return the verdict on a figure that lies between `low` and `high`: both sides must agree."""
    bound = gate.bound
    if gate.sign == "<=":
        low, high, bound = -high, -low, -bound
    if low >= bound:
        return GateVerdict.PASSED
    return GateVerdict.FAILED if high < bound else GateVerdict.INCONCLUSIVE


def _fault_of_form(text: str) -> str:
    if not text.strip():
        return f"it is empty ({_HOW})"
    wrong = _WRONG_SIGN.fullmatch(text.strip())
    if wrong is None:
        return f"no metric with a bound ({_HOW})"
    sign = wrong["sign"]
    right = _RIGHT_SIGNS.get(sign, "'>=' or '<='")
    return f"{sign!r} is no sign of a gate, write {right} ({_HOW})"


def _fault_of_number(bound: str) -> str:
    if not bound:
        return f"the bound is missing ({_HOW})"
    plain = bound.lstrip("+-").rstrip("% ").lower()
    if plain in ("nan", "inf", "infinity"):
        return f"{bound!r} bounds nothing (give a number, as 0.85 or 85%)"
    if re.fullmatch(r"[0-9]+,[0-9]+", plain):
        return f"{bound!r} is no number, write {bound.replace(',', '.')} ({_HOW})"
    return f"{bound!r} is no number (give one as 0.85 or 85%)"


def _fault_of_bound(gate: Gate) -> str:
    """Return why no such figure can have this bound, or ""."""
    name, bound = gate.metric, gate.bound
    if not math.isfinite(bound):
        return f"{bound} bounds nothing (give a number, as 0.85 or 85%)"
    if f"{name}.p95" in TIMES:
        return f"which {name}? Write {name}.mean, {name}.p50, {name}.p95 or {name}.max"
    if name in TIMES or name == SPEED:
        unit = "in seconds" if name in TIMES else "a number of tokens"
        if gate.in_percent or bound < 0:
            return f"{name} is {unit} (give a number from 0)"
        return ""
    if not gate.is_share:
        if bound < 0 or bound != int(bound):
            return f"{name} is a whole number of samples (a share is written as {name}<=1%)"
        return ""
    if bound == 1 and gate.sign == "<=" and not gate.in_percent:
        number = f"; {name} is no number of samples" if name in SHARES else ""
        return f"each {name} is at most 1 (give a share below it, as 0.01 or 1%{number})"
    if 0 <= bound <= 1:
        return ""
    if 1 < bound <= 100 and not gate.in_percent:
        return f"{name} is a share, at most 1: did you mean {bound / 100:.12g} or {bound:.12g}%?"
    return f"{name} is a share (give a bound from 0 to 1, or from 0% to 100%)"
