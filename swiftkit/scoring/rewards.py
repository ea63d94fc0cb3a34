"""What GRPO rewards: scores of whole batches, from a data set's columns.
swift_plugins/tool_call_reward.py names them.

Each column is a list, a value for each completion, None where a row has none:

    expected_calls      the gold, as scoring/gold.py reads it; without it nothing can be scored
    scoring             JSON text: options of the score                                         optional
    tools               JSON text: what was on offer                                             optional
    state               JSON text: the world that the tools work on, see sandbox/tool_worker.py       optional
    expected_results    JSON text: a list, what the expected calls give                          optional
    rollout_infos       what a multi-turn rollout left, see Rollout; absent or {} for a single answer

One text is scored once, however many rewards look at it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.records import Score
from swiftkit.sandbox.tool_pool import State, ToolOutcome
from swiftkit.scoring.chain import score_chain, steps_of
from swiftkit.scoring.equality import strict_key
from swiftkit.scoring.gold import Gold, gold_from
from swiftkit.scoring.score import score_text

Columns = Mapping[str, Any]
GOLD, SCORING, TOOLS, STATE, RESULTS = (
    "expected_calls",
    "scoring",
    "tools",
    "state",
    "expected_results",
)
_FIX = "make the rows with `swiftkit convert --to grpo`"
_SHOWN = 3  # of the rows that are wrong


class Rollout(msgspec.Struct, frozen=True):
    """A finished multi-turn rollout: its answers, the gold of its whole chain, what the calls
    gave."""

    answers: list[str]
    steps: str
    outcomes: list[ToolOutcome] = []


def scores(completions: Sequence[str], columns: Columns) -> list[Score]:
    """The score of each completion; of a multi-turn rollout, that of its chain. Raises DataError
    for the gold alone."""
    count = len(completions)
    gold, scoring, tools = (_column(columns, name, count) for name in (GOLD, SCORING, TOOLS))
    rollouts = [rollout_of(infos) for infos in _column(columns, "rollout_infos", count)]
    rows = zip(completions, gold, scoring, tools, rollouts, strict=True)
    return [_scored(*row) for row in rows]


def _scored(completion: str, gold: Any, scoring: Any, tools: Any, rollout: Rollout | None) -> Score:
    if rollout:
        return _chain(tuple(rollout.answers), rollout.steps, _text(scoring), _text(tools))
    if not isinstance(gold, str):
        raise DataError("a row has no expected_calls", "no_gold", _FIX)
    return _single(completion, gold, _text(scoring), _text(tools))


@lru_cache(maxsize=8192)  # a step's completions, for the rewards that come after the first
def _single(completion: str, gold: str, scoring: str, tools: str) -> Score:
    return score_text(completion, gold_from(gold, GOLD, scoring, tools))


_chain = lru_cache(maxsize=8192)(score_chain)


def rollout_of(infos: Any) -> Rollout | None:
    """What swift carries as rollout_infos, if swift_plugins/tool_call_turns.py wrote it."""
    return (
        msgspec.convert(infos, Rollout) if isinstance(infos, Mapping) and "steps" in infos else None
    )


def success(outcomes: Sequence[ToolOutcome], wanted: int, results: Sequence[Any] | None) -> float:
    """The share of calls that gave a result, in [0, 1]; where the results are known, of those that
    gave a right one.

    wanted: how many calls the gold has. A call too many counts as much against it as one that is
    missing; so does a call that fails. Without a call where none is wanted: 1.
    """
    if not outcomes and not wanted:
        return 1.0
    given = [outcome.result for outcome in outcomes if not outcome.error]
    if results is not None:
        right = Counter(map(_key, given)) & Counter(map(_key, results))
        return right.total() / max(len(outcomes), wanted, len(results))
    return len(given) / max(len(outcomes), wanted) if wanted else 0.0


def _key(value: Any) -> Any:
    try:
        return strict_key(value)
    except RecursionError:
        return None, "nested too deeply"


def results_of(row: Columns) -> list[Any] | None:
    return _json(row, RESULTS, list[Any])  # type: ignore[no-any-return]


def state_of(row: Columns) -> State:
    return _json(row, STATE, dict[str, Any]) or {}


def gold_of_row(row: Columns) -> Gold:
    """Raises DataError (no_gold, bad_gold)."""
    gold = row.get(GOLD)
    if gold is None:
        raise DataError(f"no {GOLD}", "no_gold", _FIX)
    if not isinstance(gold, str):
        raise DataError(f"{GOLD} is {type(gold).__name__}, not JSON text", "bad_gold", _FIX)
    return gold_from(gold, GOLD, _text(row.get(SCORING)), _text(row.get(TOOLS)))


def calls_in(steps: str) -> int:
    """How many calls a chain has."""
    return sum(map(len, msgspec.json.decode(steps)))


def _json(row: Columns, name: str, kind: Any) -> Any:
    if not row.get(name):
        return None
    try:
        return msgspec.json.decode(row[name], type=kind)
    except (ValueError, TypeError, RecursionError) as error:
        fix = f"write it as JSON text of {'an object' if name == STATE else 'a list'}, or leave the column out"
        raise DataError(f"{name}: {error}", "bad_column", fix) from error


def check_columns(names: Sequence[str], chains: bool = False) -> None:
    """Raise DataError if a data set with these columns cannot be rewarded."""
    if GOLD not in names:
        raise DataError(
            f"the data set has no column {GOLD}, only {', '.join(names)}", "no_gold", _FIX
        )
    if chains and "chain" in names:
        fix = "convert without --each-step"
        raise DataError(
            "a multi-turn rollout needs the whole chain, and these rows hold a step each",
            "steps",
            fix,
        )


def check_rows(rows: Iterable[tuple[str, Columns]], chains: bool = False) -> None:
    """Raise DataError if a row cannot be scored, naming the first few. `rows` are (where,
    columns)."""
    faults = list(_faults(rows, chains))
    if faults:
        shown = "".join(f"\n  {where}: {error.reason}" for where, error in faults[:_SHOWN])
        fix = next(error.fix for _, error in faults)
        raise DataError(f"{len(faults)} rows cannot be rewarded:{shown}", faults[0][1].code, fix)


def _faults(rows: Iterable[tuple[str, Columns]], chains: bool) -> Iterator[tuple[str, DataError]]:
    for where, row in rows:
        try:
            check_row(row, chains)
        except DataError as error:
            yield where, error


def check_row(row: Columns, chains: bool = False) -> None:
    """Raise DataError (no_gold, bad_gold, bad_call, bad_column) if the row cannot be scored."""
    wanted = len(gold_of_row(row).calls)
    if chains:
        wanted = calls_in(steps_of(row["messages"], row[GOLD], GOLD))
    results = results_of(row)
    if results is not None and len(results) != wanted:
        fix = (
            "give one result for each expected call, those of a whole chain for multi-turn rollouts"
        )
        raise DataError(f"{RESULTS}: {len(results)} results for {wanted} calls", "bad_column", fix)
    state_of(row)


def _column(columns: Columns, name: str, count: int) -> Sequence[Any]:
    return columns.get(name) or [None] * count


def _text(value: Any) -> str:
    """JSON text, also of what swift has decoded already."""
    return (
        value
        if isinstance(value, str)
        else ""
        if value is None
        else msgspec.json.encode(value).decode()
    )
