"""One choice of an answer on its way from ms-swift's engine to the client."""

from typing import Any

from swiftkit.serving.answer_reader import CUT
from swiftkit.serving.output import read_answer, reader_of
from swiftkit.serving.output_part import OutputCall, OutputPart
from swiftkit.serving.request import ChatRequest
from swiftkit.serving.response import ResponseHead, choice, delta, finish_reason, logprobs_of
from swiftkit.serving.stop_texts import StopTexts


class AnswerChoice:
    """Turns ms-swift's own choice `raw`, a whole one or one chunk, into OpenAI's parts."""

    def __init__(self, request: ChatRequest, wire: str) -> None:
        self._request, self._stops = request, StopTexts(request.stops)
        tools = request.fields.get("tools") or ()
        self._reader = reader_of(wire, bool(request.tools), tools)
        self._begun = self._calls = 0  # calls of the answer, and those that the client gets

    def complete(self, raw: Any) -> dict[str, Any]:
        """Return the choice of a completion."""
        text = self._stops.feed(raw.message.content or "") + self._rest(raw)
        part = read_answer(text, self._reader, _engine_calls(raw.message.tool_calls))
        part = self._limit_calls(part)
        if raw.message.reasoning_content:  # vLLM's own reasoning parser
            part = part._replace(reasoning=raw.message.reasoning_content)
        reason = self._finish_reason(raw, len(part.calls))
        answer = choice(raw.index, part, reason, logprobs_of(raw.logprobs))
        if raw.token_ids is not None:
            answer["token_ids"] = raw.token_ids
        return answer

    def chunks(self, raw: Any, head: ResponseHead, index: int) -> list[dict[str, Any]]:
        """Return the chunks of the next piece of text; the last one carries the finish reason."""
        part = OutputPart(raw.delta.reasoning_content or "")
        part = part.and_then(self._reader.feed(self._stops.feed(raw.delta.content or "")))
        if raw.finish_reason:
            part = part.and_then(self._reader.feed(self._rest(raw)))
            part = part.and_then(self._reader.close(_engine_calls(raw.delta.tool_calls)))
        calls_before, logprobs, chunks = self._calls, logprobs_of(raw.logprobs), []
        change = delta(self._limit_calls(part), calls_before)
        if change or logprobs:
            chunks.append(head.chunk(index, change, None, logprobs))
        if raw.finish_reason:
            chunks.append(head.chunk(index, {}, self._finish_reason(raw, self._calls)))
        return chunks

    def _rest(self, raw: Any) -> str:
        """Return what follows: the end of a call that the server began, unless it was cut off."""
        suffix = self._request.suffix if raw.finish_reason == "stop" else ""
        return self._stops.rest() + suffix

    def _limit_calls(self, part: OutputPart) -> OutputPart:
        """Drop the second call of a client that wants one at a time; count those that it gets.

        Where the dropped calls cannot be read, no call of the answer counts: what has gone out of
        the first is broken.
        """
        calls = []
        for call in part.calls:
            self._begun += bool(call.name)
            if self._request.parallel or self._begun == 1:
                calls.append(call)
        if self._begun > 1 and not self._request.parallel and self._reader.malformed:
            calls.append(OutputCall("", CUT))
        self._calls = self._begun if self._request.parallel else min(self._begun, 1)
        return part._replace(calls=tuple(calls))

    def _finish_reason(self, raw: Any, calls: int) -> str:
        reason = raw.finish_reason
        if self._reader.ends_in_reasoning:
            reason = "length"  # it is not complete, though the model may have stopped by itself
        return finish_reason(reason, calls, self._stops.hit, self._reader.malformed)


def _engine_calls(calls: Any) -> list[OutputCall]:
    return [OutputCall(call.function.name, call.function.arguments or "{}") for call in calls or []]
