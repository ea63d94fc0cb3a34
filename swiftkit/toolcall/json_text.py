"""JSON that stands inside other text: where it ends is found by reading it, so its strings may hold any markup."""

import json
import re

_SPACE = re.compile(r"\s*")


def skip_space(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return space.end() if space else position


def reason(error: Exception) -> str:
    """What is wrong with a call, from what reading it raised: a ValueError or a RecursionError."""
    if isinstance(error, RecursionError):
        return "the call's JSON is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"the call is not valid JSON: {error.msg}"
    return str(error)


def _finite(text: str) -> float:
    """JSON has no infinity: a number that overflows, and the words NaN and Infinity, are no JSON."""
    number = float(text)
    if not -float("inf") < number < float("inf"):
        raise ValueError(f"the number {text[:20]} is out of range")
    return number


# (text, start) -> (value, end); no white space may stand at the start.
raw_decode = json.JSONDecoder(parse_float=_finite, parse_constant=_finite).raw_decode
