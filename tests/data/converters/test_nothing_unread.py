"""No key of a record is lost in silence: taken away, renamed or moved, the account tells of it.

Whatever is done to a key of a golden row, one of these holds: the rows become others, the record is
refused, a key is counted as not read, or the converter itself says that the key says nothing.
"""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.goldens import CASES

from swiftkit.data.columns import READS
from swiftkit.data.convert_record import ConvertOptions, ConvertOutcome, convert_chunk
from swiftkit.data.detect_format import converter_of
from swiftkit.files.inputs import Chunk

NOTHING: tuple[Any, ...] = (None, "", [], {})
ACCEPTED = [param for param in CASES if "out" in param.values[1]]


def outcomes_of(record: dict[str, Any], name: str, target: str) -> list[ConvertOutcome]:
    """Mostly one; those of all its records where one object is a whole file."""
    line = json.dumps(record).encode()
    options = ConvertOptions(target, source_format=name)
    return convert_chunk(Chunk(Path("raw.jsonl"), [(1, line)]), options)


Steps = tuple[str | int, ...]


def keys_of(value: Any, steps: Steps = ()) -> Iterator[Steps]:
    """Each key of the objects inside, by the steps that lead to it, where it holds something."""
    inside = value.items() if isinstance(value, dict) else ()
    for key, inner in inside if isinstance(value, dict) else enumerate(value):
        if isinstance(value, dict) and inner not in NOTHING:
            yield (*steps, key)
        if isinstance(inner, dict | list):
            yield from keys_of(inner, (*steps, key))


def path_of(steps: Steps) -> str:
    """The path of the object that the steps lead into, as READS writes it."""
    path = ""
    for step in steps[:-1]:
        path += "[]" if isinstance(step, int) else f".{step}"
    return path.removeprefix(".")


def changed(record: Any, steps: Steps, new_name: str) -> Any:
    """The record without this key, whose value stands under another name, or under none."""
    record = copy.deepcopy(record)
    inside = record
    for step in steps[:-1]:
        inside = inside[step]
    value = inside.pop(steps[-1])
    if new_name:
        inside[new_name] = value
    return record


def named_keys(name: str, record: Any) -> list[Steps]:
    """The keys that the converter reads or knows, and that say something."""
    reads = {**converter_of(name).READS}
    reads[""] = f"{reads.get('', '')} {READS}"
    found = []
    for steps in keys_of(record):
        path = path_of(steps)
        known = reads.get(path, "").replace("~", "").split()
        # "-*": what is not named there says nothing
        is_named = steps[-1] in known or "-*" not in known
        if path in reads and f"-{steps[-1]}" not in known and is_named:
            found.append(steps)
    return found


def tells(name: str, record: Any, other: Any) -> bool:
    """Whether the account of a record differs from that of another, whatever the rows are for."""
    for target in ("whole", "preference", "grpo"):
        if told(outcomes_of(record, name, target)) != told(outcomes_of(other, name, target)):
            return True
    return False


def told(outcomes: list[ConvertOutcome]) -> list[tuple[Any, ...]]:
    """What the account of the outcomes is, whatever the reason of a reject."""
    return [(outcome.rows, outcome.unread, bool(outcome.reject)) for outcome in outcomes]


@pytest.mark.parametrize(("name", "case"), ACCEPTED)
def test_a_key_that_is_renamed_is_told_of(name: str, case: dict[str, Any]) -> None:
    for steps in named_keys(name, case["in"]):
        assert tells(name, case["in"], changed(case["in"], steps, "zzz")), steps


@pytest.mark.parametrize(("name", "case"), ACCEPTED)
def test_a_key_that_is_taken_away_is_told_of(name: str, case: dict[str, Any]) -> None:
    """Or what it said goes without saying."""
    for steps in named_keys(name, case["in"]):
        if not goes_without_saying(name, case["in"], steps):
            assert tells(name, case["in"], changed(case["in"], steps, "")), steps


# where a golden says something twice, or what is so anyway
_LOGGED = ("finish_reason", "finishReason", "stop_reason", "stopReason", "status", "role")
REDUNDANT = {
    # how a whole answer ended, and who gave it
    "openai_log": (
        *_LOGGED,
        "metadata",
        "extra",
        "done_reason",
        "index",
        "messages",
        "modelParameters",
        "type",
    ),
    "anthropic_log": (*_LOGGED, "type", "index"),
    "gemini": _LOGGED,
    "responses": (*_LOGGED, "type"),
    "bedrock": (*_LOGGED, "reasoningContent"),  # which is redacted
    # the calls stand in tool_calls and in additional_kwargs or the blocks of the content
    "langchain": (
        *_LOGGED,
        "type",
        "extra",
        "additional_kwargs",
        "tool_calls",
        "generation_info",
        "response_metadata",
        "metadata",
        "name",
        "arguments",
        "args",
        "function",
        "input",
        "id",
    ),
    "anthropic": ("is_error",),  # false, or beside a text that says "Error"
    # "final" and "all" are what is taken without them; the others stand in the messages
    "harmony_data": ("channel", "recipient", "developer", "user", "analysis", "final", "messages"),
    # calls stand beside their results, too; and results beside their own key
    "cohere": ("tool_calls", "role"),
    # the question is a message; a result has its call just before it, or ends the run; a score
    # that is no verdict, or beside no answer; reasoning that is encrypted
    "inspect_sample": ("input", "function", "tool_call_id", "content", "scores", "reasoning"),
    "internlm": ("name",),  # of a result; JSON of tools is taken out of any system text
    # ids of items that nothing refers to; kinds that their other keys show, too; the gold of a
    # rollout, which has its reward
    "nemo_gym": ("id", "type", "_ng_task_index", "_ng_rollout_index", "expected_action"),
    # a greeting, a good-bye, and the user's own calls; the assistant's are those of no requestor;
    # how a run ended that was not broken
    "tau2": ("content", "id", "name", "role", "requestor", "termination_reason"),
    # the wrong answers
    "when2call": ("direct", "tool_call", "request_for_info", "cannot_answer"),
    "hermes_v1": ("tools",),  # they stand in the system text
    "preference": ("prompt", "output", "messages", "messages[]"),  # they stand in the chosen answer
    "sharegpt": ("tools",),  # "[]"
    # without an error in it; 0; of what stands before the first question or after the last answer
    "tau_bench": ("info", "trial", "content", "tool_call_id"),
}


def goes_without_saying(name: str, record: Any, steps: Steps) -> bool:
    key, value = steps[-1], record
    for step in steps:
        value = value[step]
    if not {key, f"{steps[0]}[]"}.isdisjoint(REDUNDANT.get(name, ())) or (
        key == "system" and "Be" in str(value)
    ):
        return True
    if key in ("weight", "loss", "train"):
        return True  # some say what is done anyway; all are told of when they are renamed
    return (key, value) in (("type", "function"), ("type", "text")) or key == "source"
