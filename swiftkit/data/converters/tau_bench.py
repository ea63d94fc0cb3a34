r"""tau-bench result files, {task_id, reward, info, traj, trial}, and its few-shot trajectories.

Source: https://github.com/sierra-research/tau-bench: historical_trajectories/*.json,
few_shot_data/*.jsonl, and what its run.py writes. A real row:

    {"task_id": 0, "reward": 1.0, "info": {"task": {...}, "reward_info": {...}}, "trial": 0, "traj": [
       {"role": "system", "content": "# Airline Agent Policy ..."},
       {"role": "user", "content": "Hi! I'm looking to book a flight."},
       {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "get_user_details",
        "arguments": "{\"user_id\":\"mia_li_3668\"}"}, "id": "call_oI", "type": "function"}]},
       {"role": "tool", "tool_call_id": "call_oI", "name": "get_user_details", "content": "{...}"},
       {"role": "user", "content": "Thank you! ###STOP###"}]}

A run with a reward below 0.99 failed: its label is "false", so `--to sft` and `--to grpo` leave it
out, counted as filtered, and `--to kto` uses it. The simulator's marks are no words of a user and
are taken out. What stands after the last answer is left out, because nothing is learnt from it: the
user's good-bye, or the result of the call that ended the run; so is a greeting before the user's
first words, which has no place in a chat template. The tools are not in these files: the rows have
none.

A few-shot trajectory is {"messages_display": "user: ...\nassistant: ...\ntool: ..."}. Its calls
were lost when it was written (`assistant: None`), so only one without any tool can become a row.
"""

import re
from collections.abc import Iterable
from typing import Any

from swiftkit.data.from_openai import messages_of
from swiftkit.data.rows import ANSWERS, make_row
from swiftkit.errors import DataError
from swiftkit.records import Message, Row

SUCCESS = 0.99  # the reward is 1.0 or less; a product of floats may fall short of 1
_MARK = re.compile(r"\s*###(?:STOP|TRANSFER|OUT-OF-SCOPE)###\s*")
_SPEAKER = re.compile(r"^(system|user|assistant|tool): ?", re.MULTILINE)


def matches(record: dict[str, Any]) -> bool:
    is_run = isinstance(record.get("traj"), list) and isinstance(record.get("reward"), int | float)
    return is_run or isinstance(record.get("messages_display"), str)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    if isinstance(record.get("messages_display"), str):
        return [
            make_row(_answered(_shown(record["messages_display"])), record, ("messages_display",))
        ]
    reward = record.get("reward")
    if not isinstance(reward, int | float):
        raise DataError(
            "the run has no reward", "no_reward", "give the result file that tau-bench wrote"
        )
    info = record.get("info")
    if isinstance(info, dict) and isinstance(info.get("error"), str):
        raise DataError(
            f"the run stopped with an error: {info['error'][:200]}",
            "failed_run",
            "run the task again",
        )
    row = make_row(_answered(messages_of(record.get("traj"), "traj")), {}, ())
    if isinstance(record.get("task_id"), str | int):
        row["id"] = f"task_{record['task_id']}_trial_{record.get('trial', 0)}"
    row["label"] = "true" if reward >= SUCCESS else "false"
    return [row]


def _answered(messages: list[Message]) -> list[Message]:
    """The conversation from the user's first words to the last answer, without the simulator's
    marks."""
    roles = [message["role"] for message in messages]
    end = max((index for index, role in enumerate(roles, 1) if role in ANSWERS), default=len(roles))
    first = roles.index("user") if "user" in roles else 0
    kept = [
        message
        for index, message in enumerate(messages[:end])
        if index >= first or message["role"] == "system"
    ]
    return [_unmarked(message) if message["role"] == "user" else message for message in kept]


def _unmarked(message: Message) -> Message:
    return {"role": "user", "content": _MARK.sub(" ", message["content"]).strip()}


def _shown(text: str) -> list[Message]:
    """The turns of a display. Raises DataError if a tool was called: with what, the display does
    not say."""
    before, *parts = _SPEAKER.split(text)
    turns = [
        (speaker, said.removesuffix("\n"))
        for speaker, said in zip(parts[::2], parts[1::2], strict=True)
    ]
    if before.strip() or not turns:
        raise DataError(
            "the display does not begin with a speaker", "bad_message", "write user: ..."
        )
    if any(
        speaker == "tool" or (speaker, said) == ("assistant", "None") for speaker, said in turns
    ):
        fix = "use tau-bench's result files, which hold the calls"
        raise DataError("the display holds results of calls, but not the calls", "lost_calls", fix)
    return [{"role": speaker, "content": said} for speaker, said in turns]
