"""JSON inside other text: where it ends is found by reading, so its strings may hold any markup."""

import json
import re
from functools import partial
from typing import Any

import msgspec

from swiftkit.errors import DataError

_SPACE = re.compile(r"\s*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # or half of a character
_SPELT_COLON = re.compile(r"\\u003[aA]")


def skip_space(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return space.end() if space else position


def reason(error: Exception) -> str:
    """Return in words what reading a call raised: a ValueError or a RecursionError."""
    if isinstance(error, RecursionError):
        return "the call's JSON is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"the call is not valid JSON: {error.msg}"
    return str(error)


def _finite(text: str) -> float:
    """Return a number. One that overflows, and the words NaN and Infinity, are no JSON."""
    number = float(text)
    if not -float("inf") < number < float("inf"):
        raise ValueError(f"the number {text[:20]} is out of range")
    return number


# (text, start) -> (value, end); no white space may stand at the start. Not strict: models write
# line breaks and tabs into strings as they are.
raw_decode = json.JSONDecoder(parse_float=_finite, parse_constant=_finite, strict=False).raw_decode


def decode(text: str, where: str, code: str, fix: str, problem: str = "") -> Any:
    """Return the value of a JSON text that a record holds.

    Raises DataError: `duplicate_key`, or `code`, with `problem` in place of "not valid JSON".
    """
    try:
        return decode_distinct(text, where)
    except (ValueError, RecursionError) as error:  # msgspec's and Unicode's errors are ValueErrors
        detail = "nested too deeply" if isinstance(error, RecursionError) else error
        raise DataError(f"{where}: {problem or 'not valid JSON'}: {detail}", code, fix) from error


def decode_or_none(text: str | bytes) -> Any:
    """Return the value of a JSON text, or None where the text is no JSON (as for `null`)."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None


def decode_distinct(text: str, where: str) -> Any:
    """Return the value of a JSON text. Raises DataError (duplicate_key) for two values of a key, as
    jsonl.decode_record for the record itself; ValueError or RecursionError for what is no JSON."""
    value = msgspec.json.decode(text)
    colons = text.count(":")  # each key has one: a value that lost a key is written with fewer
    is_spelt = "\\u003" in text and _SPELT_COLON.search(text)  # may make up for a lost one
    if is_spelt or (colons > 1 and colons != msgspec.json.encode(value).count(b":")):
        check_distinct(text, where)
    return value


def check_distinct(text: str | bytes, where: str) -> None:
    """Refuse two values under one key (duplicate_key): JSON readers keep the last, in silence."""
    json.loads(text, object_pairs_hook=partial(_distinct, where))


def _distinct(where: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    distinct = dict(pairs)
    if len(distinct) < len(pairs):
        for key, value in pairs:
            if repr(value) != repr(distinct[key]):
                reason = f"{where}: the key {key!r} has two values in one object"
                raise DataError(reason, "duplicate_key", "keep one of the two")
    return distinct


def object_at(text: str, start: int) -> tuple[dict[str, Any], int]:
    """Return the arguments that begin here, and where they end, skipping white space around them.

    Raises ValueError or RecursionError (see `reason`). Of a key given twice the last counts.
    """
    value, end = raw_decode(text, skip_space(text, start))
    if not isinstance(value, dict):
        raise ValueError("the arguments are not an object")  # noqa: TRY004 (one kind of error: malformed)
    return value, skip_space(text, end)


def written(value: Any) -> str:
    """Return JSON as chat templates write it: json.dumps' separators, all characters as they are.

    Lone surrogates stay escapes, or no file could hold the text. Raises DataError (bad_call) for
    what JSON cannot hold, such as NaN.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):x}", text)
    except (ValueError, TypeError, RecursionError) as error:
        problem = f"JSON cannot hold a call's arguments: {error}"
        raise DataError(problem, "bad_call", "use JSON values only") from error


def replace_surrogates(text: str) -> str:
    """Return a text that any tokenizer and any file can take.

    A lone surrogate, which a model writes as an escape in JSON, becomes U+FFFD; two that make a
    character become it.
    """
    if text.isascii() or _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def replace_escaped_surrogates(text: str) -> str:
    """Return JSON text with replace_surrogates done to its strings; what is no JSON stays."""
    if not _ESCAPED_SURROGATE.search(text):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    replaced = without_surrogates(value)
    return text if replaced is value else json.dumps(replaced)


def without_surrogates(value: Any) -> Any:
    """Return a JSON value with replace_surrogates done to all its texts.

    Raises ValueError or RecursionError for what JSON cannot hold.
    """
    text = json.dumps(value, ensure_ascii=False)
    replaced = replace_surrogates(text)
    return value if replaced is text else json.loads(replaced)
