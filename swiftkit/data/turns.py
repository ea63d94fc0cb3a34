"""Turns of a conversation to messages of a swift row, for APIs whose turns are made of parts.

A converter says each part in its order; results wait here until the last of them is there, and are
put in the order of their calls.
"""

from typing import Any

from swiftkit.data.messages import answer_message, call_message, placed, result_message
from swiftkit.errors import DataError
from swiftkit.records import Message
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.tool_results import in_call_order


class Turns:
    """The messages of a row while they are read. `messages` are complete after `end`."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._calls: list[tuple[ToolCall, Any]] = []  # of the last answer, with their ids
        self._results: list[tuple[Any, Message]] = []

    def say(self, role: str, text: str, where: str) -> None:
        """Add a text of the system or the user."""
        self.end(where)
        self._calls = []
        self.messages.append(placed({"role": role, "content": text}, where))

    def result(self, text: str, identity: Any, name: Any, where: str) -> None:
        """Add what came back for a call: its id and its tool's name are None where unknown."""
        self._results.append((identity, placed(result_message(text, identity, name), where)))

    def answer(self, parts: "TurnParts", where: str, flag: Any = None) -> None:
        """Add an answer; flag: its {"loss": ...}, if any."""
        self.end(where)
        # an answer may go on behind its first calls
        self._calls += parts.calls
        text, reasoning = "".join(parts.texts), "\n\n".join(filter(None, parts.thoughts))
        made: list[Message] = []
        if text.strip() or reasoning or not parts.calls:
            made.append(answer_message(text, reasoning))
        made += [call_message(call, identity) for call, identity in parts.calls]
        for message in made:
            self.messages.append(placed({**message, **(flag or {})}, where))

    def end(self, where: str = "the end") -> None:
        """Add the results that wait, in the order of their calls."""
        if not self._results:
            return
        self.messages += in_call_order(self._named(), [call[1] for call in self._calls], where)
        self._results, self._calls = [], []

    def _named(self) -> list[tuple[Any, Message]]:
        """Return the results; where they have names but no ids, in the order of the calls' names.

        A name that is called twice keeps the order of its results.
        """
        if any(identity is not None for identity, _ in self._results):
            return self._results
        waiting = list(self._results)
        ordered: list[tuple[Any, Message]] = []
        for call, _ in self._calls:
            for result in waiting:
                if result[1].get("name") == call.name:
                    ordered.append(result)
                    waiting.remove(result)
                    break
        return self._results if waiting else ordered


class TurnParts:
    """The parts of one answer: reasoning first, then text, then calls."""

    def __init__(self) -> None:
        self.thoughts: list[str] = []
        self.texts: list[str] = []
        self.calls: list[tuple[ToolCall, Any]] = []  # with their ids, or None

    def think(self, text: str, where: str) -> None:
        """Add a reasoning. Raises DataError (bad_reasoning) where it is not the first part."""
        if self.calls or "".join(self.texts).strip():
            fix = "make an answer of its own of what follows"
            raise DataError(f"{where}: a reasoning behind the answer's text", "bad_reasoning", fix)
        self.thoughts.append(text)

    def say(self, text: str, where: str) -> None:
        """Add a text. Raises DataError (text_after_call)."""
        if self.calls and text.strip():
            fix = "put it before the calls, or delete it"
            raise DataError(f"{where}: text behind the answer's calls", "text_after_call", fix)
        if not self.calls:
            self.texts.append(text)

    def call(self, call: ToolCall, identity: Any) -> None:
        self.calls.append((call, identity))

    def __bool__(self) -> bool:
        return bool(self.thoughts or self.texts or self.calls)


def hosted_tool(where: str, name: str) -> DataError:
    """Return the error of a tool, or its use, that only the API and its servers know."""
    reason = f"{where}: {name} is a tool of the API's own, which no other model has"
    fix = "leave such rows out, or write it as a function with its calls and results"
    return DataError(reason, "hosted_tool", fix)
