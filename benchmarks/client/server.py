"""The loopback endpoint: a server of one fixed completion, at once or after a delay.

    python benchmarks/client/server.py DELAY_SECONDS

It prints its port. A bare asyncio protocol, so that it takes as little of the two cores as it can.
GET /first says when the first request since the last such question came (CLOCK_MONOTONIC, which all
processes share).
"""

import asyncio
import json
import re
import sys
import time

FUNCTION = {"name": "get_weather", "arguments": '{"city": "Oslo"}'}
CALL = {"id": "call_0", "type": "function", "function": FUNCTION}
TEXT_MESSAGE = {"role": "assistant", "content": "The answer is 4. #### 4"}
CALL_MESSAGE = TEXT_MESSAGE | {"tool_calls": [CALL]}
USAGE = {"prompt_tokens": 50, "completion_tokens": 20, "total_tokens": 70}
MODELS = {"object": "list", "data": [{"id": "bench", "object": "model"}]}
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)


def completion(message: object) -> object:
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    head = {"id": "x", "object": "chat.completion", "created": 1, "model": "bench"}
    return head | {"choices": [choice], "usage": USAGE}


def page(value: object) -> bytes:
    body = json.dumps(value).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


CALLS, TEXT, LISTING = page(completion(CALL_MESSAGE)), page(completion(TEXT_MESSAGE)), page(MODELS)


class Endpoint(asyncio.Protocol):
    """Answers each complete request; one whose body holds `"tools"` gets a call."""

    delay = 0.0
    first = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, end)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < size:
                return
            request, self._buffer = self._buffer[:size], self._buffer[size:]
            if request.startswith(b"GET /first"):
                self._answer(page(Endpoint.first))
                Endpoint.first = 0.0
                continue
            Endpoint.first = Endpoint.first or time.monotonic()
            answer = CALLS if b'"tools"' in request else TEXT
            if request.startswith(b"GET"):
                answer = LISTING
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self._answer, answer)
            else:
                self._answer(answer)

    def _answer(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)  # type: ignore[attr-defined]


async def main(delay: float) -> None:
    Endpoint.delay = delay
    server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
