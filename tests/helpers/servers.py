"""A local OpenAI-shaped server whose every answer a test scripts: a function from the request's
body to a Reply."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Reply:
    """`fault`: reset (the connection breaks), half (half of the body), stall (nothing comes), or
    none. `events` are streamed in place of the body, 30 ms apart."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    fault: str = ""
    events: tuple[Any, ...] = ()


Script = Callable[[dict[str, Any]], Reply]


@dataclass
class Server:
    url: str
    stop: Callable[[], None]
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    pong: Callable[[], Reply] = lambda: message("pong")  # the answer to the handshake's ping
    listing: Reply | None = None  # in place of the models
    pages: dict[str, Script] = field(default_factory=dict)  # more of them: path -> its answers

    @property
    def questions(self) -> list[str]:
        """The texts that were asked, in order, without the handshakes' pings."""
        texts = [body["messages"][-1]["content"] for body in self.requests]
        return [text for text in texts if text != "ping"]


def message(
    content: str | None = "", calls: list[tuple[str, Any]] | None = None, **extra: Any
) -> Reply:
    """Return a chat completion; a call's arguments may be a dict, or text to be sent as it is."""
    answer: dict[str, Any] = {"role": "assistant", "content": content}
    tool_calls = []
    for number, (name, value) in enumerate(calls or []):
        arguments = value if isinstance(value, str) else json.dumps(value)
        function = {"name": name, "arguments": arguments}
        tool_calls.append({"id": f"call_{number}", "type": "function", "function": function})
    if tool_calls:
        answer["tool_calls"] = tool_calls
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    choice = {"index": 0, "message": answer, "finish_reason": "stop"}
    return Reply(
        {"id": "x", "model": "some-directory", "choices": [choice], "usage": usage}, **extra
    )


def error(status: int, text: str = "scripted", **headers: str) -> Reply:
    return Reply(
        {"object": "error", "message": text},
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
    )


@contextmanager
def serve(
    script: Script, models: tuple[str, ...] | None = ("tiny",), pong: Reply | None = None
) -> Iterator[Server]:
    """Serve in a thread; `models` None means that there is no /v1/models; `pong` answers the
    handshake's ping."""
    runner, server = _application(script, models)
    if pong:
        server.pong = lambda: pong
    ready = threading.Event()
    ended: list[Callable[[], object]] = []

    async def live() -> None:
        over = asyncio.Event()
        ended.append(partial(asyncio.get_running_loop().call_soon_threadsafe, over.set))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        ready.set()
        await over.wait()
        await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(live(),), daemon=True)
    thread.start()
    assert ready.wait(10)

    def stop() -> None:
        """Close the port and every connection."""
        if thread.is_alive():
            ended[0]()
            thread.join()

    server.stop = stop
    try:
        yield server
    finally:
        stop()


def _application(script: Script, models: tuple[str, ...] | None) -> tuple[web.AppRunner, Server]:
    server = Server("", lambda: None)

    async def complete(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        server.requests.append(body)
        server.headers.append(dict(request.headers))
        reply = server.pong() if body["messages"][-1]["content"] == "ping" else script(body)
        await asyncio.sleep(reply.delay)
        return await _send(request, reply)

    async def listing(request: web.Request) -> web.StreamResponse:
        if server.listing:
            return await _send(request, server.listing)
        if models is None:
            raise web.HTTPNotFound
        return web.json_response(
            {"object": "list", "data": [{"id": name, "object": "model"} for name in models]}
        )

    async def other(request: web.Request) -> web.StreamResponse:
        if request.path not in server.pages:
            raise web.HTTPNotFound
        body = await request.json() if request.can_read_body else {}
        return await _send(request, server.pages[request.path](body))

    application = web.Application()
    application.router.add_post("/v1/chat/completions", complete)
    application.router.add_get("/v1/models", listing)
    application.router.add_route("*", "/{page:.*}", other)
    return web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1), server


async def _send(request: web.Request, reply: Reply) -> web.StreamResponse:
    if reply.fault == "reset" and request.transport:
        request.transport.abort()
    if reply.fault == "stall":
        await asyncio.sleep(3600)
    if reply.events:
        return await _stream(request, reply.events)
    content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    if reply.fault == "half":
        response = web.StreamResponse(headers={"Content-Length": str(len(content))})
        await response.prepare(request)
        await response.write(content[: len(content) // 2])
        if request.transport:
            request.transport.close()
        return response
    return web.Response(
        body=content,
        status=reply.status,
        headers={"Content-Type": "application/json"} | reply.headers,
    )


async def _stream(request: web.Request, events: tuple[Any, ...]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for event in events:
        text = event if isinstance(event, str) else json.dumps(event)
        await response.write(f"data: {text}\n\n".encode())
        await asyncio.sleep(0.03)
    return response
