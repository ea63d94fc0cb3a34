r"""GRPO prompts: questions without an answer, with the columns that a reward function compares
with.

Source: TRL's GRPO data (trl-lib/DeepMath-103K) and verl's (its preprocessed GSM8K). Real rows of
the two:

    {"prompt": [{"role": "user", "content": "What is $1+1$?"}], "solution": "$2$"}
    {"data_source": "openai/gsm8k", "prompt": [{"role": "user", "content": "Natalia sold clips ..."}],
     "ability": "math", "reward_model": {"style": "rule", "ground_truth": "72"}, "extra_info": {"split": "train"}}

The prompt is a text or messages, also under the names problem and question; a list `messages` that
ends with a question is read too. The gold is one of solution, answer, ground_truth and
reward_model. A prompt without gold needs some other column for the reward function. All columns are
kept, each as text and what is no text as JSON text, for a column must hold one type. A reward
function of ms-swift's gets them by name; its own read `solution`, so verl's ground truth is written
there too, unless there is a solution already.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from swiftkit.data.from_openai import are_messages, is_prompt_with_gold, messages_of
from swiftkit.data.rows import MEDIA, is_judged, make_row
from swiftkit.errors import DataError
from swiftkit.records import Message, Row

_PROMPTS = ("prompt", "problem", "question")
# of other formats
_ANSWERS = ("completion", "response", "output", "label", "expected_calls", "conversations")
_OWN_ROLES = ("tool_call", "tool_response")  # of ms-swift's own rows, which pass as they are
_WHOLE = ("id", "tools", "chat_template_kwargs", *MEDIA)


def matches(record: dict[str, Any]) -> bool:
    if is_judged(record) or any(record.get(name) is not None for name in _ANSWERS):
        return False
    if record.get("messages") is not None:
        return is_prompt_with_gold(record) and not any(
            item.get("role") in _OWN_ROLES for item in record["messages"]
        )
    prompt = record.get(_prompt_column(record))
    return bool(prompt.strip()) if isinstance(prompt, str) else are_messages(prompt)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    messages = _messages(record)
    if messages[-1]["role"] not in ("user", "tool_response"):
        fix = "take the answer out of the prompt"
        raise DataError(
            "the prompt does not end with a question or a tool's result", "ends_with_answer", fix
        )
    used = ("messages", _prompt_column(record))
    texts = {
        name: _text(value)
        for name, value in record.items()
        if value is not None and name not in _WHOLE
    }
    row: Any = make_row(messages, {**record, **texts}, used)
    solution = _solution(record)
    return [row | {"solution": _text(solution)} if solution is not None else row]


def _prompt_column(record: dict[str, Any]) -> str:
    return next((name for name in _PROMPTS if record.get(name) is not None), "prompt")


def _messages(record: dict[str, Any]) -> list[Message]:
    given = (
        record.get(_prompt_column(record)) if record.get("messages") is None else record["messages"]
    )
    if isinstance(given, str):
        given = [{"role": "user", "content": given}] if given.strip() else []
    messages = messages_of(given, "prompt")
    if not messages:
        raise DataError("the prompt is empty", "no_question", "fill in prompt")
    return messages


def _solution(record: dict[str, Any]) -> Any:
    reward = record.get("reward_model")
    inside = reward.get("ground_truth") if isinstance(reward, dict) else None
    return record["solution"] if record.get("solution") is not None else inside


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
