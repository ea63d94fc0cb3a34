"""Two answers to one question under the names that data sets give them, as chosen and rejected.

    {"prompt": ..., "response_j": ..., "response_k": ...}             names that say which is better
    {"prompt": ..., "response_0": ..., "response_1": ..., "better_response_id": 1}    a verdict
    {"instruction": ..., "output_1": ..., "output_2": ..., "preference": 1}     which is the first
    {"question": ..., "answer_0": ..., "answer_1": ..., "score_0": 0.2, "score_1": -0.2}    scores
    {"instruction": ..., "input": ..., "output": ["better", "worse"]}           LLaMA-Factory

Where it is not certain which is the better one, the row is refused: ambiguous_pair, and
no_preference for a tie. Nothing is guessed.
"""

from collections.abc import Mapping
from typing import Any, TypeGuard

from swiftkit.errors import DataError
from swiftkit.toolcall.formats import call_strings

BETTER_AND_WORSE = (
    ("chosen", "rejected"), ("preferred_output", "non_preferred_output"),
    ("response_chosen", "response_rejected"), ("chosen_response", "rejected_response"),
    ("answer_chosen", "answer_rejected"), ("response_j", "response_k"),
    ("response_w", "response_l"), ("y_w", "y_l"), ("accepted", "rejected"), ("win", "lose"),
    ("winner_response", "loser_response"), ("preferred", "dispreferred"),
    ("preferred_response", "dispreferred_response"), ("better", "worse"),
    ("better_response", "worse_response"), ("good", "bad"), ("good_response", "bad_response"),
    ("positive", "negative"), ("positive_response", "negative_response"),
)  # fmt: skip
# `positive` and `negative` are passages beside a query: training data of a retriever
_NOT_ANSWERS = ("query", "anchor", "sentence", "sentence1", "passage")
_WORDS = (
    "response_", "answer_", "output_", "completion_", "response", "answer", "output", "human_ref_",
    "conversation_", "Answer_", "Response_",
)  # fmt: skip
_SUFFIXES = (("0", "1"), ("1", "2"), ("a", "b"), ("A", "B"))
VERDICTS = (
    "better_response_id", "preference", "preferred", "winner", "choice", "better", "labels",
    "overall_preference", "preference_strength", "chosen_id", "human_preference",
)  # fmt: skip
_SIGNED = ("overall_preference", "preference_strength")  # below 0: the first one is better
_WORSE = dict(BETTER_AND_WORSE)
_SECOND = {
    f"{word}{one}": f"{word}{other}" for word in _WORDS for one, other in _SUFFIXES
}  # the column of the second answer, by that of the first
SCORES = tuple(f"score_{suffix}" for suffix in "012abAB")
PAIR_COLUMNS = tuple({*_WORSE, *_WORSE.values(), *_SECOND, *_SECOND.values()})
_TIES = ("tie", "both", "equal", "same", "neither", "none", "tie (bothbad)", "both_bad")


def named_pair(record: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the columns of the better and the worse answer, where their names say so."""
    for better in ("chosen", *record):
        worse = _WORSE.get(better)
        if worse is None or not _are_answers(record.get(better), record.get(worse)):
            continue
        if better != "positive" or not any(record.get(name) for name in _NOT_ANSWERS):
            return better, worse
    return None


def two_answers(record: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the columns of two answers whose names do not say which one is better.

    Of three or more nobody could say which two are a pair.
    """
    for one in record:
        other = _SECOND.get(one)
        if other is None or not _are_answers(record[one], record.get(other)):
            continue
        more = [f"{one[:-1]}{suffix}" for suffix in "0123ABCDabcd"]
        return (one, other) if sum(name in record for name in more) == 2 else None
    return None


def is_ranked_list(record: Mapping[str, Any]) -> bool:
    """Return whether `output` holds the better and the worse answer, as LLaMA-Factory has them.

    Two call strings are parallel calls, which other formats write so.
    """
    output = record.get("output")
    if not isinstance(output, list) or len(output) != 2 or "instruction" not in record:
        return False
    if not all(isinstance(answer, str) for answer in output):
        return False
    return not all(call_strings.parse(answer).calls for answer in output)


def chosen_first(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record with its answers in `chosen` and `rejected`, and none of their own columns.

    Raises DataError: ambiguous_pair, no_preference.
    """
    if is_ranked_list(record):
        chosen, rejected = record["output"]
        return _without(record, ("output",)) | {"chosen": chosen, "rejected": rejected}
    pair = named_pair(record)
    if pair is None:
        pair = two_answers(record)
        if pair is None:
            return record
        column, place = _verdict(record, pair)
        pair = pair if place == 0 else (pair[1], pair[0])
        record = _without(record, (column, *_scores(pair)))
    better, worse = record[pair[0]], record[pair[1]]
    if "history" in record and pair[0].startswith("human_ref_"):  # SHP: a post, no turns
        record = _without(record, ("history",)) | {"prompt": record["history"]}
    return _without(record, pair) | {"chosen": better, "rejected": worse}


def _are_answers(one: Any, other: Any) -> bool:
    return isinstance(one, str | list | dict) and isinstance(other, str | list | dict)


def _without(record: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def _scores(pair: tuple[str, str]) -> tuple[str, str]:
    one, other = (_suffix(name) for name in pair)
    return f"score_{one}", f"score_{other}"


def _suffix(column: str) -> str:
    return column[-1]


def _verdict(record: Mapping[str, Any], pair: tuple[str, str]) -> tuple[str, int]:
    """Return the column that says which of two answers is better, and its place in the pair."""
    for name in VERDICTS:
        value = record.get(name)
        if value is None:
            continue
        place = _place(name, value, pair)
        if place is None:
            reason = f"{name} {value!r:.50} does not say which of {pair[0]} and {pair[1]} is better"
            raise DataError(reason, "ambiguous_pair", _fix(pair))
        return name, place
    first, second = [record.get(name) for name in _scores(pair)]
    if _is_number(first) and _is_number(second):
        if first == second:
            raise _tie(f"the scores of {pair[0]} and {pair[1]} are equal")
        return _scores(pair)[0], 0 if first > second else 1
    reason = f"{pair[0]} and {pair[1]}: no column says which answer is better"
    raise DataError(reason, "ambiguous_pair", _fix(pair))


def _fix(pair: tuple[str, str]) -> str:
    return (
        f"if it is the same one in all rows: --columns {pair[0]}=chosen,{pair[1]}=rejected; or add"
        f" a column better with the name of the better one's column"
    )


def _tie(reason: str) -> DataError:
    return DataError(reason, "no_preference", "delete the row: nothing can be learnt from a tie")


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _place(name: str, value: Any, pair: tuple[str, str]) -> int | None:
    """Return 0 or 1 for the better one of the pair; None where the verdict can be read in two ways.

    Raises DataError (no_preference) for a tie.
    """
    if isinstance(value, str):
        return _place_of_text(name, value.strip().lower(), pair)
    if not _is_number(value):
        return None
    if name in _SIGNED:
        if value == 0:
            raise _tie(f"{name} is 0: a tie")
        return int(value > 0)
    suffixes = [_suffix(column) for column in pair]
    if suffixes == ["1", "2"]:
        if name == "preference" and 1 <= value <= 2:  # AlpacaFarm; a judge's may lie between
            if value == 1.5:
                raise _tie("preference is 1.5: a tie")
            return int(value > 1.5)
        return None  # 1 may be the first one or the second
    if suffixes == ["0", "1"] and value in (0, 1):
        return int(value)
    if name == "labels" and pair[0].startswith("human_ref_") and value in (0, 1):
        return 1 - int(value)  # SHP: 1 for the first one
    return None


def _place_of_text(name: str, value: str, pair: tuple[str, str]) -> int | None:
    if value in _TIES:
        raise _tie(f"{name} is {value!r}: a tie")
    for place, column in enumerate(pair):
        suffix = _suffix(column).lower()
        stem = column[:-1].rstrip("_").lower()
        names = (suffix, column.lower(), f"{stem} {suffix}", f"model_{suffix}", f"model {suffix}")
        if value in names:
            return place
    return None
