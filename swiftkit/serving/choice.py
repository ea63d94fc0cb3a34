"""One choice of an answer on its way from ms-swift's engine to the client."""

from typing import Any

from swiftkit.serving.output import Call, Part, Reader, Stops, read_whole, reader_of
from swiftkit.serving.request import Asked
from swiftkit.serving.response import Head, choice, delta, finish_reason, logprobs_of


class Choice:
    """The engine's text in, OpenAI's parts out. `raw` is ms-swift's own choice, whole or of one
    chunk."""

    def __init__(self, asked: Asked, wire: str) -> None:
        self._asked, self._stops = asked, Stops(asked.stops)
        self._reader: Reader = reader_of(wire, bool(asked.tools))
        self._calls = 0

    def whole(self, raw: Any) -> dict[str, Any]:
        """The choice of a completion."""
        text = self._stops.feed(raw.message.content or "") + self._rest(raw)
        part = self._limited(read_whole(text, self._reader, _found(raw.message.tool_calls)))
        if raw.message.reasoning_content:  # vLLM's own reasoning parser
            part = part._replace(reasoning=raw.message.reasoning_content)
        made = choice(
            raw.index, part, self._finish(raw, len(part.calls)), logprobs_of(raw.logprobs)
        )
        return made if raw.token_ids is None else made | {"token_ids": raw.token_ids}

    def chunks(self, raw: Any, head: Head, index: int) -> list[dict[str, Any]]:
        """What has become of the next piece of text; the last chunk carries the reason for the
        end."""
        part = Part(raw.delta.reasoning_content or "")
        part = part.and_then(self._reader.feed(self._stops.feed(raw.delta.content or "")))
        if raw.finish_reason:
            part = part.and_then(self._reader.feed(self._rest(raw)))
            part = part.and_then(self._reader.close(_found(raw.delta.tool_calls)))
        before = self._calls
        grown = delta(self._limited(part), before)
        logprobs = logprobs_of(raw.logprobs)
        made = [head.chunk(index, grown, None, logprobs)] if grown or logprobs else []
        if raw.finish_reason:
            made.append(head.chunk(index, {}, self._finish(raw, self._calls)))
        return made

    def _rest(self, raw: Any) -> str:
        """What follows the engine's text: the end of a call that was begun for it, unless it was
        cut off."""
        return self._stops.rest() + (self._asked.suffix if raw.finish_reason == "stop" else "")

    def _limited(self, part: Part) -> Part:
        """No second call for who wants one at a time; counts the calls that have begun."""
        kept: list[Call] = []
        for call in part.calls:
            self._calls += bool(call.name)
            kept += [call] if self._asked.parallel or self._calls == 1 else []
        return part._replace(calls=tuple(kept))

    def _finish(self, raw: Any, calls: int) -> str:
        return finish_reason(raw.finish_reason, calls, self._stops.hit, self._reader.malformed)


def _found(calls: Any) -> list[Call]:
    return [Call(call.function.name, call.function.arguments or "{}") for call in calls or []]
