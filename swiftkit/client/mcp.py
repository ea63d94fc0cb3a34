"""One MCP server, from start to end: its tools, and calls of them.

    async with McpConnection(server) as connection:
        tools = await connection.tools()
        outcome = await connection.call("get_weather", {"city": "Rome"})

Built on the official SDK (`pip install 'swiftkit[mcp]'`), which speaks stdio, streamable HTTP and
the older SSE. A server that is started here gets the SDK's few variables and those of its settings,
and is ended with all that it has started.

A server that cannot be reached, or does not speak MCP, raises McpServerError. A call that fails is
an outcome: the tool's own error is text for the model, and a server that broke is `error`.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from swiftkit.client.mcp_config import McpServer
from swiftkit.client.mcp_transport import ServerNotes, transport_to
from swiftkit.errors import EndpointError, UsageError
from swiftkit.json_text import without_surrogates
from swiftkit.terminal import shorten

if TYPE_CHECKING:
    from mcp import Client

MOST_PAGES, MOST_LISTED = 1000, 10_000
_SHOWN_STDERR, _SHOWN_REASON = 600, 400  # characters

Result = TypeVar("Result")


class McpServerError(EndpointError):
    """A server that cannot be used: `code` is one of no_start, no_answer, bad_answer, no_end."""

    def __init__(self, server: str, code: str, reason: str, fix: str) -> None:
        super().__init__(f"MCP server {server}: {reason} ({fix})")
        self.code, self.reason, self.fix = code, reason, fix


class McpOutcome(msgspec.Struct, frozen=True):
    """What came of a call."""

    text: str  # for the model: the texts of the result; a picture is named, not shown
    is_error: bool = False  # the tool says that it failed, and `text` why
    error: str = ""  # why the server has given no result; the text is empty then
    structured: Any = None  # the result as JSON, of a tool that has a schema for it


class McpConnection:
    """An async context manager; `timeout` is in seconds, for each request and for a list of tools.

    Entering raises McpServerError where the server does not start, UsageError without the SDK.
    """

    def __init__(self, server: McpServer, timeout: float = 30.0) -> None:
        self.server, self._timeout = server, timeout
        self._notes = ServerNotes()
        self._client: Client | None = None

    async def __aenter__(self) -> Self:
        client_class = sdk_client()
        transport = transport_to(self.server, self._timeout, self._notes)
        client = client_class(transport, read_timeout_seconds=self._timeout)
        try:
            self._client = await client.__aenter__()
        except _failures() as error:
            code = "no_start" if isinstance(error, OSError) else "no_answer"
            raise self._failure(code, error) from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # a server that breaks while it is left has broken nothing for us
        with contextlib.suppress(*_failures()):
            await self._connected().__aexit__(kind, error, traceback)

    async def tools(self) -> list[Any]:
        """Return all tools as MCP writes them (name, description, inputSchema), page by page.

        Those that break MCP's rules come last, and as they are. Raises McpServerError for a server
        that breaks, or whose list has no end.
        """
        import anyio

        try:
            with anyio.fail_after(self._timeout):
                return await self._pages()
        except McpServerError:
            raise
        except _failures() as error:
            raise self._failure("bad_answer", error) from error

    async def _pages(self) -> list[Any]:
        tools: list[Any] = []
        self._notes.odd_tools.clear()
        seen: set[str] = set()
        cursor = None
        while len(seen) < MOST_PAGES:
            page = await self._connected().list_tools(cursor=cursor)
            tools += map(_plain, page.tools)
            cursor = page.next_cursor
            if len(tools) + len(self._notes.odd_tools) > MOST_LISTED:
                break
            if not cursor:  # some servers write "" for the end
                return [*tools, *self._notes.odd_tools]
            if cursor in seen:
                break
            seen.add(cursor)
        reason = f"no end of its list of tools: {len(tools):,} on {len(seen) + 1:,} pages"
        raise McpServerError(self.server.name, "no_end", reason, "tell the server's authors")

    async def call(
        self, name: str, arguments: dict[str, Any], timeout: float | None = None
    ) -> McpOutcome:
        """Call a tool by the server's own name. Never raises for what the server does."""
        seconds = timeout or self._timeout
        client = self._connected()
        try:
            # a model may write half a character, which no message can hold
            sent = without_surrogates(arguments)
            result = await client.call_tool(name, sent, read_timeout_seconds=seconds)
        except _failures() as error:
            return McpOutcome("", error=self._reason(error))
        text = "\n".join(map(_text, result.content))
        return McpOutcome(text, bool(result.is_error), structured=result.structured_content)

    def _connected(self) -> "Client":
        assert self._client, "use it in `async with`"  # noqa: S101
        return self._client

    def _failure(self, code: str, error: BaseException) -> McpServerError:
        reason = self._reason(error)
        return McpServerError(self.server.name, code, reason, self._fix("timed out" in reason))

    def _reason(self, error: BaseException) -> str:
        """Return why the server failed, with the end of what it wrote on stderr, without keys."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        reason = shorten(error, _SHOWN_REASON) or type(error).__name__
        if self._notes.status:
            reason = f"HTTP {self._notes.status}"
        elif isinstance(error, TimeoutError):
            reason = f"its list of tools timed out after {self._timeout:g} s"
        elif isinstance(error, OSError) and self.server.command:
            reason = f"{self.server.command} cannot be started: {error.strerror}"
        written = self._notes.stderr
        if len(written) > _SHOWN_STDERR:
            written = f"...{written[-_SHOWN_STDERR:]}"
        if written:
            reason += f"; it wrote: {written}"
        return self.server.without_secrets(reason)

    def _fix(self, is_late: bool) -> str:
        if self._notes.status in (401, 403):
            return "give its key in the headers of an mcp.json"
        if self._notes.status in (404, 405):
            return (
                'is this its address? a server of the older kind needs "type": "sse" in an mcp.json'
            )
        if is_late:
            return "give it more time (--timeout), or run its command by hand to see more"
        if self.server.transport == "stdio":
            return "run its command by hand to see more"
        return "is it running, and is this its MCP address, such as http://127.0.0.1:8000/mcp?"


def run_until_stopped(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end, or until SIGTERM, SIGHUP or Ctrl-C, and then leave in good order.

    Raises KeyboardInterrupt then: no server is left behind.
    """

    async def run() -> Result:
        loop, main = asyncio.get_running_loop(), asyncio.current_task()
        assert main  # noqa: S101 - we run in a task
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(ValueError, RuntimeError):  # outside the main thread
                loop.add_signal_handler(number, main.cancel)
        return await work

    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def sdk_client() -> "type[Client]":
    """Return the SDK's client class. Raises UsageError where the SDK is missing, or too old."""
    try:
        from mcp import Client
    except ImportError as error:
        fix = "pip install 'swiftkit[mcp]'"
        raise UsageError(f"MCP servers need the package mcp, version 2 or newer ({fix})") from error
    # it logs tracebacks of what a server writes; our messages say it in a line
    logging.getLogger("mcp").addHandler(logging.NullHandler())
    return Client


def _failures() -> tuple[type[BaseException], ...]:
    """Return what the SDK raises for a server that breaks the rules, or breaks."""
    import anyio
    import httpx2
    from mcp import MCPError

    connection = (OSError, httpx2.HTTPError, httpx2.InvalidURL)
    streams = (anyio.ClosedResourceError, anyio.BrokenResourceError, anyio.EndOfStream)
    protocol = (MCPError, ValueError, RuntimeError)  # pydantic's errors are ValueErrors
    return (*connection, *streams, *protocol, ExceptionGroup)


def _plain(tool: Any) -> dict[str, Any]:
    title = tool.title or (tool.annotations.title if tool.annotations else None)
    description = tool.description or title or ""
    return {"name": tool.name, "description": description, "inputSchema": tool.input_schema}


def _text(block: Any) -> str:
    """Return a block of a result as text; what is no text is named by its kind."""
    if block.type == "text":
        return str(block.text)
    if block.type == "resource" and hasattr(block.resource, "text"):
        return str(block.resource.text)
    if block.type == "resource_link":
        return f"[{block.name}: {block.uri}]"
    kind = getattr(block, "mime_type", None) or block.type
    return f"[{kind}, not shown]"
