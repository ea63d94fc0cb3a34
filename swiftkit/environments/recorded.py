"""A world of recordings: a call that was recorded with the row gives its result again.

Config of a task:

    {"tools": [...], "messages": [...],
     "recorded": [{"name": "get_order", "arguments": {"id": "K4051"}, "result": "open"}, ...]}

A call recorded several times gives its results in turn, then the last. Others give {"error": ...}.
"""

from typing import Any

from swiftkit.environments.environment import AgentTask, Domain, Environment, Side, Turn
from swiftkit.scoring.equality import strict_key
from swiftkit.toolcall.call import Parsed

UNKNOWN = '{"error": "no result is recorded for this call"}'


class RecordedEnvironment(Environment):
    def __init__(self, task: AgentTask, seed: int) -> None:  # noqa: ARG002 - nothing is random
        self.tools = task.config["tools"]
        self._messages = task.config["messages"]
        self._results: dict[Any, list[str]] = {}
        for call in task.config["recorded"]:
            key = call_key(call["name"], call["arguments"])
            if key is not None:
                self._results.setdefault(key, []).append(call["result"])

    def reset(self) -> Turn:
        return Turn(list(self._messages), "agent")

    def step(self, parsed: Parsed, by: Side = "agent") -> Turn:  # noqa: ARG002 - there is no user
        if parsed.malformed or not parsed.calls:
            return Turn([], "end", parsed.malformed or "no call")
        messages = []
        for call in parsed.calls:
            results = self._results.get(call_key(call.name, call.arguments), [UNKNOWN])
            result = results.pop(0) if len(results) > 1 else results[0]
            messages.append({"role": "tool", "content": result})
        errors = sum(message["content"] == UNKNOWN for message in messages)
        return Turn(messages, "agent", errors=errors)


def call_key(name: str, arguments: dict[str, Any]) -> Any:
    """Return a key that is equal for equal calls; None for arguments that cannot be compared."""
    try:
        return name, strict_key(arguments)
    except (RecursionError, TypeError):
        return None


DOMAIN = Domain(RecordedEnvironment, blocks=False)
