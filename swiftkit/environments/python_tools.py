"""A world of Python functions: the calls run, in the file that SWIFTKIT_TOOLS names.

Config of a task: {"tools": [...], "messages": [...], "state": {...}}. The functions work on the
task's `state`; what one call changes there, the next one sees (sandbox/tool_worker.py). A call of a
tool that is not offered, or that fails, gives {"error": ...}, and the agent may try again.
"""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from swiftkit.environments.environment import AgentTask, Domain, Environment, Side, Turn
from swiftkit.sandbox.tool_pool import State, ToolOutcome, ToolPool, pool_from
from swiftkit.toolcall.call import Parsed
from swiftkit.toolcall.tools import tool_names


class PythonToolsEnvironment(Environment):
    """`outcomes` are those of all calls so far, in their order."""

    def __init__(self, pool: ToolPool, config: Mapping[str, Any]) -> None:
        self.tools = config["tools"]
        self.outcomes: list[ToolOutcome] = []
        self._pool = pool
        self._messages = config["messages"]
        self._state: State = config["state"]
        self._offered = frozenset(tool_names(self.tools))

    def reset(self) -> Turn:
        return Turn(list(self._messages), "agent")

    def step(self, parsed: Parsed, by: Side = "agent") -> Turn:  # noqa: ARG002 - there is no user
        if parsed.malformed or not parsed.calls:
            return Turn([], "end", parsed.malformed or "no call")
        outcomes, self._state = self._pool.submit(parsed.calls, self._state, self._offered).result()
        self.outcomes += outcomes
        messages = [{"role": "tool", "content": outcome.text} for outcome in outcomes]
        return Turn(messages, "agent", errors=sum(bool(outcome.error) for outcome in outcomes))


@cache
def shared_pool() -> ToolPool:
    """Return this process's pool, of the file that SWIFTKIT_TOOLS names. Raises UsageError."""
    return pool_from(os.environ)


def start(task: AgentTask, seed: int) -> PythonToolsEnvironment:  # noqa: ARG001 - nothing is random
    return PythonToolsEnvironment(shared_pool(), task.config)


DOMAIN = Domain(start, blocks=True)
