"""What ms-swift gives a reward with a batch, and what comes back of it."""

import copy
import math
from typing import Any

Rows = list[dict[str, Any]]
_TOKEN = 4  # characters of a text for each number in response_token_ids, which we make up


def columns_of(rows: Rows, texts: list[str]) -> dict[str, list[Any]]:
    """Return what ms-swift gives by name: OnPolicySample.to_reward_row, then rows_to_batched."""
    batch: dict[str, list[Any]] = {}
    for index, (row, text) in enumerate(zip(rows, texts, strict=True)):
        left = {
            "messages": [*row.get("messages", []), {"role": "assistant", "content": text}],
            "prompt_id": f"prompt-{index}",
            "request_id": f"request-{index}",
            "finish_reason": "stop",
            "is_truncated": False,
            "rollout_infos": {},
            "response_token_ids": [[0] * math.ceil(len(text) / _TOKEN)],
        }
        for name, value in (copy.deepcopy(row) | left).items():
            batch.setdefault(name, [None] * index).append(value)
        for values in batch.values():
            if len(values) == index:
                values.append(None)
    return batch


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str | bytes | list | tuple | dict):
        return f"type:{type(value).__name__}"
    try:
        number = float(value)
    except (TypeError, ValueError):
        return f"type:{type(value).__name__}"
    return number if math.isfinite(number) else str(number)
