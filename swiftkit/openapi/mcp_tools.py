"""Tools of MCP servers in OpenAI's form: one for each, or the reason why there is none.

A name that two servers have becomes `server__tool` for both, so that it is the same whichever comes
first. The second of two tools of one name on one server could not be called, and is skipped.

Source: https://modelcontextprotocol.io/specification/2025-11-25/server/tools
"""

from collections import Counter
from pathlib import Path
from typing import Any

from swiftkit.client.mcp import MOST_LISTED
from swiftkit.errors import DataError
from swiftkit.openapi.openai_rules import check_schema, legal_name, object_at_the_top
from swiftkit.openapi.schema import NESTED, SchemaWriter
from swiftkit.openapi.tools_report import ToolsReport

_SCHEMAS = ("inputSchema", "input_schema", "parameters")  # MCP's, Anthropic's, OpenAI's
_FIX = "mend it on the server"


def listed_tools(document: Any, source: Path, report: ToolsReport) -> list[Any] | None:
    """Return the tools of an answer to tools/list, or of a list of tools; None for another thing.

    An answer may come as a server-sent event ({"event": "message", "data": ...}), and those to
    several questions as a list. Pages that are missing are entered in the report. `source` is the
    file. Raises DataError for an answer that is an error.
    """
    messages = document if isinstance(document, list) else [document]
    if any(map(_is_tool, messages)):
        return messages
    pages = []
    for message in messages:
        page = _page(message, source)
        if page is not None:
            pages.append(page)
    if not pages:
        return None
    if pages[-1].get("nextCursor"):
        fix = "ask for the next page, and add the answers, one a line"
        report.operations += 1
        report.add_skipped(DataError("the list goes on (nextCursor)", "more_pages", fix))
    return [tool for page in pages for tool in page["tools"]]


def _page(message: Any, source: Path) -> dict[str, Any] | None:
    """Return the result of tools/list that a message holds, if it does."""
    if isinstance(message, dict) and "event" in message:
        message = message.get("data")
    if not isinstance(message, dict):
        return None
    if "jsonrpc" in message and "error" in message:
        error = message["error"]
        said = error.get("message") if isinstance(error, dict) else error
        reason = f"{source}: the server's answer is an error: {said}"
        raise DataError(reason, "bad_answer", "ask for tools/list once more")
    result = message.get("result", message)
    is_page = isinstance(result, dict) and isinstance(result.get("tools"), list)
    return result if is_page else None


def _is_tool(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    return isinstance(item.get("function"), dict) or any(word in item for word in _SCHEMAS)


def tools_of_servers(
    listed: dict[str, list[Any]], report: ToolsReport, max_chars: int
) -> list[dict[str, Any]]:
    """Return the tools of servers, by server, in OpenAI's form; each is entered in the report."""
    servers_of: Counter[str] = Counter()
    for tools in listed.values():
        servers_of.update({_name(tool) for tool in tools})
    shared = {name for name, count in servers_of.items() if count > 1}
    writer = _McpToolWriter(report, max_chars, shared)
    for server, tools in listed.items():
        writer.begin(server)
        for tool in tools:
            report.operations += 1
            try:
                writer.add(tool)
            except DataError as error:
                report.add_skipped(error, server=server, name=_name(tool))
            except RecursionError:
                too_deep = DataError("nested too deeply", "too_deep", _FIX)
                report.add_skipped(too_deep, server=server, name=_name(tool))
    return writer.tools


def _function(tool: Any) -> Any:
    return tool.get("function", tool) if isinstance(tool, dict) else tool


def _name(tool: Any) -> str:
    """Return the tool's name, empty for what has none."""
    function = _function(tool)
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else ""


class _McpToolWriter:
    """Writes tools in OpenAI's form; all share one limit of size, and each name is new."""

    def __init__(self, report: ToolsReport, max_chars: int, shared: set[str]) -> None:
        self.tools: list[dict[str, Any]] = []
        self._report, self._max_chars, self._shared = report, max_chars, shared
        self._schemas = SchemaWriter({})
        self._names: set[str] = set()
        self._server = ""
        self._names_of_server: set[str] = set()

    def begin(self, server: str) -> None:
        self._server, self._names_of_server = server, set()

    def add(self, tool: Any) -> None:
        """Add a tool. Raises DataError for one that cannot be called, or not be written."""
        function, name = _function(tool), _name(tool)
        if not name:
            raise DataError("it is no object with a name", "bad_tool", _FIX)
        if name in self._names_of_server:
            reason = "the server has two tools of this name"
            raise DataError(reason, "duplicate_tool", "give one of them another name")
        if len(self.tools) >= MOST_LISTED:
            raise DataError(f"more than {MOST_LISTED:,} tools", "too_many", "choose among them")
        schema = self._parameters(function)
        check_schema(schema, _FIX)
        parameters, loosened = object_at_the_top(schema)
        wished = f"{self._server}__{name}" if name in self._shared else name
        legal = legal_name(wished, self._server or "tool", self._names)
        self._names_of_server.add(name)
        made = {"name": legal, "description": _description(function, name)}
        written = {"type": "function", "function": {**made, "parameters": parameters}}
        self._report.add_made(written, self._max_chars, server=self._server, name=name)
        self.tools.append(written)
        self._note(legal, name, any(word in function for word in _SCHEMAS), loosened)

    def _note(self, legal: str, name: str, has_schema: bool, loosened: list[str]) -> None:
        if legal != name:
            reason = f"its name on the server is {name}"
            self._report.note(legal, "renamed", reason, "call it there by that name")
        if not has_schema:
            reason = "it has no inputSchema, so the tool has no parameters"
            self._report.note(legal, "no_schema", reason, "give what the server lists")
        if loosened:
            reason = f"OpenAI refuses {', '.join(loosened)} at the top of its parameters"
            fix = "its schema now allows more than the server does"
            self._report.note(legal, "loosened", reason, fix)

    def _parameters(self, function: dict[str, Any]) -> Any:
        schema = next((function[word] for word in _SCHEMAS if word in function), None)
        if schema is None:
            return {"type": "object"}
        document = schema if isinstance(schema, dict) else {}
        for nested in range(NESTED, 0, -1):
            self._schemas.begin(nested, document)
            try:
                return self._schemas.schema(schema)
            except DataError as error:
                if error.code != "too_large":
                    raise
        self._schemas.begin(0, document)
        return self._schemas.schema(schema)


def _description(function: dict[str, Any], name: str) -> str:
    for word in ("description", "title"):
        text = function.get(word)
        if isinstance(text, str) and text.strip():
            return text.strip()
    return name
