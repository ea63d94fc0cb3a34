"""Tool functions of a user's file, called by a model: whatever it calls, the training goes on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swiftkit.errors import UsageError
from swiftkit.sandbox.tool_pool import CALLS, ToolOutcome, ToolPool, pool_from
from swiftkit.sandbox.tool_worker import Limits
from swiftkit.toolcall.call import ToolCall

TOOLS = '''
import os, sys, time
from dataclasses import dataclass
from json import dumps

print("a line that is no outcome")
seen = []

def add(a, b=1):
    """A note."""
    print("printed")
    return a + b

def count():
    seen.append(1)
    return len(seen)

def spin():
    while True: pass

def leave(): os._exit(0)
def stop(): sys.exit("by itself")
def fail(): raise ValueError("no such order")
def huge(): return "x" * 10_000_000
def hungry(): return len(bytearray(4_000_000_000))
def deep():
    value = []
    for _ in range(100_000): value = [value]
    return value
def unwritable(): return {1, 2}
def not_finite(): return float("nan")
def recurse(): return recurse()
def order(order_id, *, state):
    state["asked"] = state.get("asked", 0) + 1
    return state["orders"][order_id]
def text(): return "晴 \\ud800"
def _private(): return 1
class Thing: pass
'''


MEETING = """
import pathlib, time

def meet(mine, other, *, state):
    folder = pathlib.Path(state["folder"])
    (folder / mine).touch()
    while not (folder / other).exists():
        time.sleep(0.01)
    return "met"
"""


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToolPool]:
    file = tmp_path_factory.mktemp("tools") / "my tools.py"
    file.write_text(TOOLS, encoding="utf-8")
    pool = ToolPool(file, Limits(0.5, 256), workers=2)
    yield pool
    pool.close()


def one(pool: ToolPool, tool: str, **arguments: Any) -> ToolOutcome:
    (outcome,), _ = pool.run([ToolCall(tool, arguments)], {})
    return outcome


def test_only_the_files_own_public_functions_are_tools(pool: ToolPool) -> None:
    """What the file imports, hides or uses as a class cannot be called: the name comes from a
    model."""
    assert {"add", "order"} <= pool.names
    assert not pool.names & {"dumps", "dataclass", "_private", "Thing", "os", "seen"}
    for name in ("dumps", "_private", "os.system", "__import__", "", "add\n"):
        assert one(pool, name).error == "no such tool is offered"
    (refused,), _ = pool.run([ToolCall("add", {"a": 1})], {}, {"order"})
    assert refused.error == "no such tool is offered"


def test_a_call_gives_its_result(pool: ToolPool) -> None:
    """Any JSON value; defaults hold, and what a tool prints is of no account."""
    assert one(pool, "add", a=1, b=2) == ToolOutcome(3)
    assert one(pool, "add", a="x", b="y").text == "xy"
    assert one(pool, "add", a=[1], b=[{"城": None}]).text == '[1, {"城": null}]'
    assert one(pool, "add", a=2).result == 3
    assert one(pool, "text").result == "晴 \ufffd"  # no tokenizer takes a lone surrogate


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("spin", {}, "no result within 0.5 s"),
        ("leave", {}, "ended its process"),
        ("stop", {}, "SystemExit: by itself"),
        ("fail", {}, "ValueError: no such order"),
        ("huge", {}, "more than 65536 characters"),
        ("hungry", {}, "256 MB"),
        ("deep", {}, "RecursionError"),
        ("recurse", {}, "RecursionError"),
        ("unwritable", {}, "not JSON serializable"),
        ("not_finite", {}, "not JSON compliant"),
        ("add", {}, "wrong arguments: missing a required argument: 'a'"),
        ("add", {"a": 1, "c": 2}, "unexpected keyword argument 'c'"),
        ("add", {"a": 1, "not a name": 2}, "unexpected keyword argument"),
        ("add", {"a": 1, "b": "x"}, "TypeError"),
        (
            "order",
            {"order_id": "K1", "state": {"orders": {"K1": "mine"}}},
            "unexpected keyword argument 'state'",
        ),
    ],
)
def test_a_call_that_fails_says_why(
    pool: ToolPool, name: str, arguments: dict[str, Any], reason: str
) -> None:
    """No failure of a tool ends anything but its own call: the next one is answered."""
    outcome = one(pool, name, **arguments)
    assert reason in outcome.error
    assert json.loads(outcome.text) == {"error": outcome.error}
    assert one(pool, "add", a=1).result == 2


def test_what_a_call_changes_is_gone_but_for_the_state(pool: ToolPool) -> None:
    """Module globals start afresh at each call, so that no reward depends on another; the state is
    handed on."""
    assert [one(pool, "count").result for _ in range(3)] == [1, 1, 1]
    calls = [
        ToolCall("order", {"order_id": "K1"}),
        ToolCall("fail", {}),
        ToolCall("order", {"order_id": "K1"}),
    ]
    before = {"orders": {"K1": {"status": "sent"}}}
    outcomes, state = pool.run(calls, before)
    assert [outcome.result for outcome in outcomes] == [
        {"status": "sent"},
        None,
        {"status": "sent"},
    ]
    assert (state["asked"], before) == (2, {"orders": {"K1": {"status": "sent"}}})


def test_an_answer_of_endless_calls_is_cut_short(pool: ToolPool) -> None:
    """Only the first calls of an answer are run, and none after one that did not end."""
    outcomes, _ = pool.run([ToolCall("add", {"a": 1})] * 500, {})
    assert [bool(outcome.error) for outcome in outcomes] == [False] * CALLS + [True] * (500 - CALLS)
    outcomes, _ = pool.run([ToolCall("spin", {})] * CALLS, {})
    assert "no result within" in outcomes[0].error
    assert all("did not come to an end" in outcome.error for outcome in outcomes[1:])


def test_hostile_arguments_reach_the_tool_or_are_refused(pool: ToolPool) -> None:
    """Arguments nested too deeply, or numbers too long to write, are a reason, not an exception."""
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    assert "cannot be handed over" in one(pool, "add", a=deep).error
    assert "cannot be handed over" in one(pool, "add", a=10**5000).error
    assert one(pool, "add", a="\ud800", b="").result == "\ufffd"


def test_answers_run_beside_each_other(tmp_path: Path) -> None:
    """Each of two answers waits for a file that the other one writes."""
    file = tmp_path / "meeting.py"
    file.write_text(MEETING, encoding="utf-8")
    pool = ToolPool(file, Limits(30, 256), workers=2)
    calls = [ToolCall("meet", {"mine": mine, "other": other}) for mine, other in ("ab", "ba")]
    futures = [pool.submit([call], {"folder": str(tmp_path)}) for call in calls]
    assert [future.result()[0][0].result for future in futures] == ["met", "met"]
    pool.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("exit(3)", "SystemExit"),
    ],
)
def test_a_file_that_cannot_be_loaded_says_so_at_once(
    tmp_path: Path, text: str, reason: str
) -> None:
    """Before the first call, with the file's name."""
    file = tmp_path / "tools.py"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=rf"tools\.py cannot be loaded: {reason}"):
        ToolPool(file)


def test_the_environment_names_file_and_limits(tmp_path: Path) -> None:
    """Without SWIFTKIT_TOOLS, a file that is there and limits that are numbers, the message says
    what to do."""
    with pytest.raises(UsageError, match="SWIFTKIT_TOOLS is not set: name"):
        pool_from({})
    with pytest.raises(UsageError, match="there is no file"):
        pool_from({"SWIFTKIT_TOOLS": str(tmp_path / "none.py")})
    with pytest.raises(UsageError, match="write one of class, line, text"):
        pool_from({"SWIFTKIT_TOOLS": "x.py", "SWIFTKIT_TOOL_ERRORS": "all"})
    file = tmp_path / "tools.py"
    file.write_text('def f(): return 1\nTOOLS = {"shop.f": f}', encoding="utf-8")
    pool = pool_from({"SWIFTKIT_TOOLS": str(file), "SWIFTKIT_TOOL_SECONDS": " 2\n"})
    assert pool.names == {"shop.f"}
    assert one(pool, "shop.f").result == 1
    pool.close()


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        *[
            ("SWIFTKIT_TOOL_SECONDS", value, "from 0.1 to 3600")
            for value in ("nan", "inf", "1e9", "0", "-1", "five", "3600.1")
        ],
        *[
            ("SWIFTKIT_TOOL_MEMORY_MB", value, "from 1 to 1000000")
            for value in ("-1", "-100000", "0", "nan", "1e400", "9" * 5000, "512 MB")
        ],
    ],
)
def test_a_limit_that_is_none_is_said_with_what_is_allowed(
    name: str, value: str, allowed: str
) -> None:
    """Before a worker starts: there is no such file."""
    with pytest.raises(UsageError) as caught:
        pool_from({"SWIFTKIT_TOOLS": "no file.py", name: value})
    assert str(caught.value) == f"{name} is {value!r}: write a number {allowed}"
