"""The pieces of an answer for an API client, and the calls that have gone out."""

from collections.abc import Sequence
from typing import NamedTuple

from swiftkit.json_text import raw_decode, written
from swiftkit.toolcall.call import ToolCall


class OutputCall(NamedTuple):
    """A call as the API gives it; without a name, more arguments of the call before."""

    name: str
    arguments: str  # JSON text


class OutputPart(NamedTuple):
    """The next piece of an answer that may go out."""

    reasoning: str = ""
    content: str = ""
    calls: tuple[OutputCall, ...] = ()

    def and_then(self, more: "OutputPart") -> "OutputPart":
        calls = list(self.calls)
        for call in more.calls:
            if call.name or not calls:
                calls.append(call)
            else:
                calls[-1] = OutputCall(calls[-1].name, calls[-1].arguments + call.arguments)
        reasoning, content = self.reasoning + more.reasoning, self.content + more.content
        return OutputPart(reasoning, content, tuple(calls))


class SentCalls:
    """The calls of an answer that have gone out, the last one perhaps in part."""

    def __init__(self) -> None:
        self._calls: list[tuple[str, list[str]]] = []

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, name: str, arguments: str) -> OutputCall:
        """Note a call, or without a name more arguments of the last, and return it."""
        if name:
            self._calls.append((name, [arguments]))
        else:
            self._calls[-1][1].append(arguments)
        return OutputCall(name, arguments)

    def is_complete(self) -> bool:
        """Tell whether the arguments of the last call are JSON as they are."""
        return decoded("".join(self._calls[-1][1])) is not None

    def rest(self, calls: Sequence[ToolCall]) -> tuple[OutputCall, ...] | None:
        """Return what is missing of the answer's calls; None where others have gone out."""
        more = []
        for place, (name, pieces) in enumerate(self._calls):
            if place >= len(calls) or calls[place].name != name:
                return None
            sent, arguments = "".join(pieces), written(calls[place].arguments)
            if arguments.startswith(sent):
                more.append(arguments[len(sent) :])
            elif decoded(sent) == arguments:  # other white space, another way to write a number
                more.append("")
            else:
                return None
        if any(more[:-1]):  # a call behind it has begun
            return None
        begun = [OutputCall("", text) for text in more[-1:] if text]
        others = [OutputCall(call.name, written(call.arguments)) for call in calls[len(more) :]]
        return (*begun, *others)


def decoded(text: str) -> str | None:
    """Return JSON as `written` writes it; None for what is none."""
    try:
        value, end = raw_decode(text, 0)
    except (ValueError, RecursionError):
        return None
    return written(value) if end == len(text) else None
