r"""tau-bench result files, {task_id, reward, info, traj, trial}, and its few-shot trajectories.

Source: https://github.com/sierra-research/tau-bench: historical_trajectories/*.json,
few_shot_data/*.jsonl, and what its run.py writes. A real row:

    {"task_id": 0, "reward": 1.0, "info": {"task": {...}, "reward_info": {...}}, "trial": 0,
     "traj": [
       {"role": "system", "content": "# Airline Agent Policy ..."},
       {"role": "user", "content": "Hi! I'm looking to book a flight."},
       {"role": "assistant", "content": null, "tool_calls": [
        {"function": {"name": "get_user_details", "arguments": "{\"user_id\":\"mia_li_3668\"}"},
         "id": "call_oI", "type": "function"}]},
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

from swiftkit.data.columns import has_chat
from swiftkit.data.from_openai import messages_of, reads_of
from swiftkit.data.rows import make_row
from swiftkit.data.simulated_user import SUCCESS, from_first_words_to_last_answer
from swiftkit.errors import DataError
from swiftkit.records import Message, Row

ORDER = 210
READS = {
    "": "task_id reward info traj trial messages_display",
    **reads_of("traj"),
}

_SPEAKER = re.compile(r"^(system|user|assistant|tool): ?", re.MULTILINE)


def matches(record: dict[str, Any]) -> bool:
    is_run = isinstance(record.get("traj"), list) and isinstance(record.get("reward"), int | float)
    is_display = isinstance(record.get("messages_display"), str)
    return (is_run or is_display) and not has_chat(record)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    display = record.get("messages_display")
    if isinstance(display, str):
        return [
            make_row(
                from_first_words_to_last_answer(_turns_of(display)), record, ("messages_display",)
            )
        ]
    reward = record.get("reward")
    if not isinstance(reward, int | float):
        fix = "give the result file that tau-bench wrote"
        raise DataError("the run has no reward", "no_reward", fix)
    info = record.get("info")
    if isinstance(info, dict) and isinstance(info.get("error"), str):
        reason = f"the run stopped with an error: {info['error'][:200]}"
        raise DataError(reason, "failed_run", "run the task again")
    row = make_row(from_first_words_to_last_answer(messages_of(record.get("traj"), "traj")), {}, ())
    if isinstance(record.get("task_id"), str | int):
        row["id"] = f"task_{record['task_id']}_trial_{record.get('trial', 0)}"
    row["label"] = "true" if reward >= SUCCESS else "false"
    return [row]


def _turns_of(display: str) -> list[Message]:
    """Return the turns of a display. Raises DataError (lost_calls) if a tool was called: with what,
    the display does not say."""
    before, *parts = _SPEAKER.split(display)
    turns: list[Message] = []
    for speaker, text in zip(parts[::2], parts[1::2], strict=True):
        turns.append({"role": speaker, "content": text.removesuffix("\n")})
    if before.strip() or not turns:
        reason = "the display does not begin with a speaker"
        raise DataError(reason, "bad_message", "write user: ...")
    if {"role": "assistant", "content": "None"} in turns or any(
        turn["role"] == "tool" for turn in turns
    ):
        fix = "use tau-bench's result files, which hold the calls"
        raise DataError("the display holds results of calls, but not the calls", "lost_calls", fix)
    return turns
