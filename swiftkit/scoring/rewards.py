"""GRPO's rewards: scores of whole batches, from a data set's columns.

swift_plugins/tool_call_reward.py names the rewards. Each column is a list, a value for each
completion, None where a row has none:

    expected_calls     the gold, see scoring/expected_calls.py; the other columns may be absent
    scoring            JSON text: options of the score
    tools              JSON text: the tools on offer
    state              JSON text: the world that the tools work on, see sandbox/tool_worker.py
    expected_results   JSON text: a list, what the expected calls give
    rollout_infos      what a multi-turn rollout left, see Rollout; {} for a single answer

One text is scored once, however many rewards look at it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from swiftkit.errors import DataError, UsageError
from swiftkit.records import Score
from swiftkit.sandbox.tool_pool import State, ToolOutcome
from swiftkit.scoring.chain import score_chain, steps_of
from swiftkit.scoring.equality import strict_key
from swiftkit.scoring.gold import Gold, gold_from
from swiftkit.scoring.options import with_wire_format
from swiftkit.scoring.score import score_text
from swiftkit.toolcall.agent_templates import wire_format_of
from swiftkit.toolcall.wire_format import ANY_FORMAT

Columns = Mapping[str, Any]
GOLD, SCORING, TOOLS = "expected_calls", "scoring", "tools"
STATE, RESULTS = "state", "expected_results"
WIRE_FORMAT = "SWIFTKIT_WIRE_FORMAT"  # the environment variable over all rows
_FIX = "make the rows with `swiftkit convert --to grpo`"
_SHOWN = 3  # of the rows that are wrong


class Rollout(msgspec.Struct, frozen=True):
    """A finished multi-turn rollout."""

    answers: list[str]
    steps: str  # the gold of its whole chain, see chain.py
    outcomes: list[ToolOutcome] = []  # of its calls


class RunFormat(NamedTuple):
    """The wire format in which a training reads calls; "": the rows' own, or any.

    It counts for rows that name none, or `over_rows` for all.
    """

    name: str = ""
    over_rows: bool = False

    def scoring_of(self, scoring: Any) -> str:
        """Return a row's column `scoring` with this format in it."""
        return with_wire_format(_text(scoring), self.name, keep=not self.over_rows)


ANY_RUN = RunFormat()


def run_format_of(agent_template: str, named: str) -> RunFormat:
    """Return the wire format that the environment names, or else that of ms-swift's agent template.

    named: what WIRE_FORMAT holds, as a format's name. Raises UsageError where neither says how the
    model's calls are read.
    """
    if named:
        return RunFormat(named, over_rows=True)
    name = wire_format_of(agent_template)
    if agent_template and not name:
        reason = f"the agent template {agent_template} is not known to swiftkit"
        fix = f"set {WIRE_FORMAT} to the format in which it writes calls, or to any"
        raise UsageError(f"{reason}, so no answer could be read; {fix} (docs/wire-formats.md)")
    return RunFormat(name)


def scores(completions: Sequence[str], columns: Columns) -> list[Score]:
    """Return the score of each completion; of a multi-turn rollout, that of its chain.

    Raises DataError for the gold alone.
    """
    absent, names = [None] * len(completions), (GOLD, SCORING, TOOLS, "rollout_infos")
    values = [columns.get(name) or absent for name in names]
    batch = []
    for completion, gold, scoring, tools, infos in zip(completions, *values, strict=True):
        options, rollout = (_text(scoring), _text(tools)), rollout_of(infos)
        if rollout:
            batch.append(_score_chain(tuple(rollout.answers), rollout.steps, *options))
        elif isinstance(gold, str):
            batch.append(_score_single(completion, gold, *options))
        else:
            raise DataError("a row has no expected_calls", "no_gold", _FIX)
    return batch


@lru_cache(maxsize=8192)  # a step's completions, for the rewards that come after the first
def _score_single(completion: str, gold: str, scoring: str, tools: str) -> Score:
    return score_text(completion, gold_from(gold, GOLD, scoring, tools))


_score_chain = lru_cache(maxsize=8192)(score_chain)


def rollout_of(infos: Any) -> Rollout | None:
    """Return what swift carries as rollout_infos, if swift_plugins/tool_call_turns.py wrote it."""
    if isinstance(infos, Mapping) and "steps" in infos:
        return msgspec.convert(infos, Rollout)
    return None


def success(outcomes: Sequence[ToolOutcome], wanted: int, results: Sequence[Any] | None) -> float:
    """Return the share of calls that gave a result, in [0, 1]; a right one, if `results` are known.

    wanted: the number of calls in the gold. Of the larger of calls made and calls wanted: a call
    too many, one that is missing and one that fails cost the same. Without a call where none is
    wanted: 1.
    """
    if not outcomes and not wanted:
        return 1.0
    returned = [outcome.result for outcome in outcomes if not outcome.error]
    if results is not None:
        right = Counter(map(_key, returned)) & Counter(map(_key, results))
        return right.total() / max(len(outcomes), wanted, len(results))
    return min(len(returned), wanted) / max(len(outcomes), wanted)


def _key(value: Any) -> Any:
    try:
        return strict_key(value)
    except RecursionError:
        return None, "nested too deeply"


def results_of(row: Columns) -> list[Any] | None:
    """Return the expected results; None where the row has none. Raises DataError (bad_column)."""
    return _decoded(row, RESULTS, list[Any], "a list")  # type: ignore[no-any-return]


def state_of(row: Columns) -> State:
    """Return the world that the tools start from. Raises DataError (bad_column)."""
    return _decoded(row, STATE, dict[str, Any], "an object") or {}


def gold_of_row(row: Columns) -> Gold:
    """Return the gold of a row. Raises DataError (no_gold, bad_gold)."""
    gold = row.get(GOLD)
    if gold is None:
        raise DataError(f"no {GOLD}", "no_gold", _FIX)
    if not isinstance(gold, str):
        raise DataError(f"{GOLD} is {type(gold).__name__}, not JSON text", "bad_gold", _FIX)
    return gold_from(gold, GOLD, _text(row.get(SCORING)), _text(row.get(TOOLS)))


def calls_in(steps: str) -> int:
    """Return the number of calls of a chain, from what chain.steps_of returned."""
    return sum(map(len, msgspec.json.decode(steps)))


def _decoded(row: Columns, name: str, kind: Any, kind_name: str) -> Any:
    if not row.get(name):
        return None
    try:
        return msgspec.json.decode(row[name], type=kind)
    except (ValueError, TypeError, RecursionError) as error:
        fix = f"write it as JSON text of {kind_name}, or leave the column out"
        raise DataError(f"{name}: {error}", "bad_column", fix) from error


def check_columns(names: Sequence[str], chains: bool = False) -> None:
    """Raise DataError (no_gold, steps) if a data set with these columns cannot be rewarded.

    chains: the rewards are those of multi-turn rollouts.
    """
    if GOLD not in names:
        reason = f"the data set has no column {GOLD}, only {', '.join(names)}"
        raise DataError(reason, "no_gold", _FIX)
    if chains and "chain" in names:
        reason = "a multi-turn rollout needs the whole chain, and these rows hold a step each"
        raise DataError(reason, "steps", "convert without --each-step")


def check_rows(
    rows: Iterable[tuple[str, Columns]], chains: bool = False, run_format: RunFormat = ANY_RUN
) -> None:
    """Raise DataError if a row cannot be scored, naming the first few.

    rows: (where, columns) of each. A row that names another wire format than the model's could
    never earn anything.
    """
    errors = []
    for where, row in rows:
        try:
            check_row(row, chains)
            check_format(row, run_format)
        except DataError as error:
            errors.append((where, error))
    if errors:
        shown = "".join(f"\n  {where}: {error.reason}" for where, error in errors[:_SHOWN])
        first = errors[0][1]
        reason = f"{len(errors)} rows cannot be rewarded:{shown}"
        raise DataError(reason, first.code, first.fix)


def check_row(row: Columns, chains: bool = False) -> None:
    """Raise DataError (no_gold, bad_gold, bad_call, bad_column) if the row cannot be scored."""
    wanted = len(gold_of_row(row).calls)
    if chains:
        wanted = calls_in(steps_of(row["messages"], row[GOLD], GOLD))
    results = results_of(row)
    if results is not None and len(results) != wanted:
        reason = f"{RESULTS}: {len(results)} results for {wanted} calls"
        fix = "give one result for each expected call, in multi-turn rollouts of the whole chain"
        raise DataError(reason, "bad_column", fix)
    state_of(row)


def check_format(row: Columns, run_format: RunFormat) -> None:
    """Raise DataError (wrong_wire_format) for a row that no answer of this training could suit."""
    own = gold_of_row(row).options.wire_format
    if run_format.name in ("", own) or run_format.over_rows or own in ("", ANY_FORMAT):
        return
    reason = f"{SCORING}: the wire format is {own}, and this training's is {run_format.name}"
    fix = f"convert again with --wire-format {run_format.name}, or set {WIRE_FORMAT}"
    raise DataError(reason, "wrong_wire_format", fix)


def _text(value: Any) -> str:
    """Return JSON text, also of what swift has decoded already."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()
