"""JSON that stands inside other text: where it ends is found by reading it, so its strings may hold any markup."""

import json
import re
from typing import Any

from swiftkit.errors import DataError

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


def object_at(text: str, start: int) -> tuple[dict[str, Any], int]:
    """The arguments that begin here, after white space, and the position behind them and the white space that follows.

    Raises ValueError or RecursionError, for which `reason` has the words. Of a key given twice the last counts.
    """
    value, end = raw_decode(text, skip_space(text, start))
    if not isinstance(value, dict):
        raise ValueError("the arguments are not an object")  # noqa: TRY004 (one kind of error: malformed)
    return value, skip_space(text, end)


def written(value: Any) -> str:
    """JSON with json.dumps' own separators and all characters as they are, which is how chat templates write it.

    Raises DataError (bad_call) for what JSON cannot hold, such as NaN.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"JSON cannot hold a call's arguments: {error}", "bad_call", "use JSON values only") from error
