"""GRPO reward `tool_call`: swiftkit's scorer, the same function that `swiftkit eval` reports.

    swift rlhf --rlhf_type grpo --external_plugins swiftkit/swift_plugins/tool_call_reward.py --reward_funcs tool_call

Rows come from `swiftkit convert --to grpo`: they end at a user or tool turn and carry the gold in `expected_calls`.
swift hands each extra column over as a list beside the completions. A completion never raises, whatever it holds;
gold that is missing or broken stops the run at once, for a reward of 0 on every row would train on nothing.

swift puts this file's folder on sys.path and imports it by its stem: absolute imports only.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from swift.rewards import ORM, orms

from swiftkit.errors import DataError
from swiftkit.toolcall.gold import Gold, gold_from
from swiftkit.toolcall.score import score_text

# The gold's text is the key: what depends on it alone is prepared once, not once per completion.
_gold = lru_cache(maxsize=65536)(gold_from)


class ToolCallReward(ORM):  # type: ignore[misc]  # swift ships no types
    """The graded score in [0, 1] of each completion's tool calls; see swiftkit/toolcall/score.py for the rules."""

    def __call__(
        self, completions: Sequence[str], expected_calls: Sequence[str] | None = None, **_: Any
    ) -> list[float]:
        golds = _golds(expected_calls, len(completions))
        return [score_text(text, gold).value for text, gold in zip(completions, golds, strict=True)]


def _golds(expected_calls: Sequence[str] | None, rows: int) -> list[Gold]:
    fix = "make the rows with `swiftkit convert --to grpo`"
    if expected_calls is None:
        raise DataError("reward tool_call: the data set has no column expected_calls", "no_gold", fix)
    if missing := [index for index, text in enumerate(expected_calls) if not isinstance(text, str)]:
        raise DataError(f"reward tool_call: {len(missing)} of {rows} rows have no expected_calls", "no_gold", fix)
    return [_gold(text, "expected_calls") for text in expected_calls]


orms["tool_call"] = ToolCallReward
