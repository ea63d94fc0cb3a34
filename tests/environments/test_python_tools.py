"""A world of Python functions: calls run on the task's state, and no call ends the episode."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from swiftkit.environments import python_tools
from swiftkit.environments.environment import AgentTask, Environment
from swiftkit.errors import UsageError
from swiftkit.toolcall.call import Parsed, ToolCall

FUNCTIONS = """
def get(id, *, state):
    return state["orders"][id]

def cancel(id, *, state):
    state["orders"][id] = "cancelled"
    return "ok"

def hidden():
    return "not offered"
"""
TOOLS = [
    {"type": "function", "function": {"name": name, "description": "", "parameters": {}}}
    for name in ("get", "cancel")
]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    file = tmp_path / "tools.py"
    file.write_text(FUNCTIONS, encoding="utf-8")
    monkeypatch.setenv("SWIFTKIT_TOOLS", str(file))
    python_tools.shared_pool.cache_clear()
    config = {"tools": TOOLS, "messages": [], "state": {"orders": {"K1": "open"}}}
    yield python_tools.start(AgentTask("x", "python-tools", config), 0)
    python_tools.shared_pool().close()
    python_tools.shared_pool.cache_clear()


def call(name: str, **arguments: str) -> ToolCall:
    return ToolCall(name, arguments)


def test_step_runs_the_calls_on_the_state(environment: Environment) -> None:
    """In their order; what one changes, the next one sees, also in the next answer."""
    turn = environment.step(Parsed([call("get", id="K1"), call("cancel", id="K1")]))
    assert [message["content"] for message in turn.messages] == ["open", "ok"]
    assert (turn.next, turn.errors) == ("agent", 0)
    turn = environment.step(Parsed([call("get", id="K1")]))
    assert turn.messages == [{"role": "tool", "content": "cancelled"}]


def test_step_failed_calls_are_counted_and_shown(environment: Environment) -> None:
    """A key that is not there, and a function that the task does not offer."""
    turn = environment.step(Parsed([call("get", id="K9"), call("hidden")]))
    contents = [message["content"] for message in turn.messages]
    assert turn.errors == 2
    assert "KeyError" in contents[0]
    assert "no such tool is offered" in contents[1]
    assert environment.step(Parsed([call("get", id="K1")])).errors == 0


@pytest.mark.parametrize("parsed", [Parsed([], "Done."), Parsed([], "", "no JSON")])
def test_step_answer_without_a_call_ends_the_episode(
    environment: Environment, parsed: Parsed
) -> None:
    assert environment.step(parsed).next == "end"


def test_start_without_a_file_of_functions_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SWIFTKIT_TOOLS", raising=False)
    python_tools.shared_pool.cache_clear()
    with pytest.raises(UsageError, match="SWIFTKIT_TOOLS is not set"):
        python_tools.start(AgentTask("x", "python-tools", {}), 0)
