"""The protocol of environments: what an evaluation and a training ask of the world of an agent.

A domain is one file of this folder with a constant `DOMAIN`. It starts an environment for a task,
which answers what the agent does, and says at the end what that was worth. It blocks, and holds one
episode. environments/rollout.py and a GRPO plugin (swift_plugins/tool_call_turns.py) bring a model.

    environment = load_domain("python-tools").start(AgentTask("o-4", "python-tools", {...}), 0)
    turn = environment.reset()                     # messages to begin with, agent next
    turn = environment.step(Parsed([call]))        # the results of the calls, agent next
    turn = environment.step(Parsed([], "Done."))   # next is "end"
    environment.reward()
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec

from swiftkit.errors import UsageError
from swiftkit.toolcall.call import Parsed

Message = dict[str, Any]  # in OpenAI's form
Tool = dict[str, Any]  # in OpenAI's form
Side = Literal["agent", "user"]


class AgentTask(msgspec.Struct, frozen=True):
    """A task for an agent; `config` is what its domain needs to start it, all of it JSON."""

    id: str
    domain: str
    config: dict[str, Any] = {}


class Turn(msgspec.Struct, frozen=True):
    """The world's answer to an action.

    `messages` are results (role tool, in the order of the calls, without ids) or what somebody
    says; `next` acts then. `ended` says why it is "end"; `errors` counts failed calls.
    """

    messages: list[Message]
    next: Literal["agent", "user", "end"]
    ended: str = ""
    errors: int = 0


class Reward(msgspec.Struct, frozen=True):
    """The worth of the world's state in [0, 1]; `value` is None where this world does not judge."""

    value: float | None = None
    reason: str = ""


class EnvironmentFailedError(Exception):
    """The environment itself has failed: the episode has no score, and is not a wrong one."""


class Environment(Protocol):
    """One episode. `tools` are those that the agent is offered now."""

    tools: list[Tool]

    def reset(self) -> Turn:
        """Return how the episode begins. Raises EnvironmentFailedError."""

    def step(self, parsed: Parsed, by: Side = "agent") -> Turn:
        """Return the world's answer. Raises EnvironmentFailedError, but for no text of a model."""

    def reward(self) -> Reward:
        """Return the worth of the state now; at any time, also after an episode that was cut."""
        return Reward()

    def close(self) -> None:
        """Free what the episode holds, also while a step waits in another thread."""
        return


@dataclass(frozen=True)
class Domain:
    """Tasks of one kind. `start` takes a task and a seed; steps run in a thread if it `blocks`."""

    start: Callable[[AgentTask, int], Environment]
    blocks: bool


def load_domain(name: str) -> Domain:
    """Return the domain of that name. Raises UsageError."""
    if name not in domain_names():
        raise UsageError(f"no environment {name!r} (there is: {', '.join(domain_names())})")
    module = importlib.import_module(f"{__package__}.{name.replace('-', '_')}")
    domain: Domain = module.DOMAIN
    return domain


def domain_names() -> list[str]:
    """Return the names of the domains, one a file of this folder."""
    package = importlib.import_module(str(__package__))
    names = {module.name for module in pkgutil.iter_modules(package.__path__)}
    return sorted(name.replace("_", "-") for name in names - {"environment", "rollout"})
