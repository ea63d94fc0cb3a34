"""How an MCP server is reached: a process of our own, or an address.

Each is what the SDK calls a transport. It notes why a server fails: the end of what a process
writes on stderr, the status with which an address refuses. And it keeps apart the tools that break
MCP's rules, because for one of them the SDK refuses all.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any, Self

from swiftkit.client.mcp_config import McpServer
from swiftkit.client.urls import is_local
from swiftkit.sandbox.family import end_marked, new_mark, with_mark

_KEPT = 8192  # bytes of stderr
_END_SECONDS = 5.0


class ServerNotes(asyncio.Protocol):
    """What is known of a server beside what the SDK says."""

    def __init__(self) -> None:
        self.status = 0  # of HTTP, 400 or above
        self.odd_tools: list[Any] = []  # listed, but not as MCP asks
        self._stderr = bytearray()

    @property
    def stderr(self) -> str:
        return self._stderr.decode(errors="replace").strip()

    def data_received(self, data: bytes) -> None:
        """Keep the end of what comes through the pipe."""
        self._stderr += data
        del self._stderr[:-_KEPT]

    def take_odd_tools(self, tools: list[Any]) -> None:
        """Take those out of a list that are not {name: text, inputSchema: {type: object}}."""
        kept = []
        for tool in tools:
            match tool:
                case {"name": str(), "inputSchema": {"type": "object"}}:
                    kept.append(tool)
                case _:
                    self.odd_tools.append(tool)
        tools[:] = kept

    async def note_status(self, response: Any) -> None:
        if response.status_code >= 400:
            self.status = response.status_code


@contextlib.asynccontextmanager
async def transport_to(
    server: McpServer, timeout: float, notes: ServerNotes
) -> AsyncIterator[tuple[Any, Any]]:
    """Reach a server, or start it; yield the streams that the SDK's client reads and writes."""
    is_process = server.transport == "stdio"
    transport = _process(server, notes) if is_process else _address(server, timeout, notes)
    async with transport as (reading, writing):
        yield _TolerantStream(reading, notes), writing


class _TolerantStream:
    """A stream of messages; a list of tools comes without those that break the rules."""

    def __init__(self, stream: Any, notes: ServerNotes) -> None:
        self._stream, self._notes = stream, notes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> Any:
        return await self._stream.__aexit__(*error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return self._tolerated(await self._stream.__anext__())

    async def receive(self) -> Any:
        return self._tolerated(await self._stream.receive())

    def _tolerated(self, item: Any) -> Any:
        result = getattr(getattr(item, "message", None), "result", None)
        if isinstance(result, dict) and isinstance(result.get("tools"), list):
            self._notes.take_odd_tools(result["tools"])
        return item


@contextlib.asynccontextmanager
async def _process(server: McpServer, notes: ServerNotes) -> AsyncIterator[Any]:
    """Start the server's process, and end it with all its family."""
    from mcp.client.stdio import StdioServerParameters, stdio_client

    mark = new_mark()
    parameters = StdioServerParameters(
        command=server.command,
        args=list(server.args),
        env=with_mark(server.env, mark),
        cwd=server.cwd or None,
        encoding_error_handler="replace",
    )
    try:
        async with _pipe(notes) as stderr, stdio_client(parameters, errlog=stderr) as streams:
            stderr.close()  # the process has it now
            yield streams
    finally:
        end_marked(mark, _END_SECONDS)


@contextlib.asynccontextmanager
async def _pipe(notes: ServerNotes) -> AsyncIterator[Any]:
    """Yield a file to write to; the other end is read by the notes."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as file:
        loop = asyncio.get_running_loop()
        reader, _ = await loop.connect_read_pipe(lambda: notes, os.fdopen(reading, "rb"))
        try:
            yield file
        finally:
            reader.close()


@contextlib.asynccontextmanager
async def _address(server: McpServer, timeout: float, notes: ServerNotes) -> AsyncIterator[Any]:
    import httpx2

    def http_client(
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            headers=headers,
            timeout=timeout,
            auth=auth,
            event_hooks={"response": [notes.note_status]},
            # a company's proxy cannot reach this machine's own server
            trust_env=not is_local(server.url),
        )

    if server.transport == "sse":
        from mcp.client.sse import sse_client

        old = sse_client(
            server.url, server.headers, timeout=timeout, httpx_client_factory=http_client
        )
        async with old as streams:
            yield streams
        return
    from mcp.client.streamable_http import streamable_http_client

    async with (
        http_client(server.headers, httpx2.Timeout(timeout)) as client,
        streamable_http_client(server.url, http_client=client) as streams,
    ):
        yield streams
