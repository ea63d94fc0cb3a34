"""A real MCP server, made with the official SDK: `weather_mcp_server.py stdio|PORT [sse|KEY]`.

With a key it asks each HTTP request for it.
"""

import os
import sys
import time
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("weather", log_level="ERROR")


@server.tool()
def get_weather(city: str, days: int = 1) -> str:
    """The weather of a city."""
    return f"{city}: sunny for {days} days"


@server.tool()
def fail(reason: str) -> str:
    """Fail."""
    raise ToolError(reason)


@server.tool()
def wait(seconds: float) -> str:
    """Take time."""
    time.sleep(seconds)
    return "done"


@server.tool()
def variables() -> list[str]:
    """The names of the environment."""
    return sorted(os.environ)


@server.tool()
def leave() -> str:
    """End the server in the middle of a call."""
    print("leaving now", file=sys.stderr, flush=True)
    os._exit(3)


def serve_with_key(port: int, key: str) -> None:
    import uvicorn

    app = server.streamable_http_app()

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", []))
        if scope["type"] == "http" and headers.get(b"authorization") != f"Bearer {key}".encode():
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b"who are you?"})
            return
        await app(scope, receive, send)

    uvicorn.run(guarded, port=port, log_level="critical")


if __name__ == "__main__":
    where, *keys = sys.argv[1:]
    if where == "stdio":
        server.run()
    elif keys == ["sse"]:
        server.run("sse", port=int(where))
    elif keys:
        serve_with_key(int(where), keys[0])
    else:
        server.run("streamable-http", port=int(where))
