"""`swiftkit tools SOURCE`: find out what SOURCE is, and write its tools.

It is an OpenAPI or Swagger document, an MCP server's answer to tools/list, an mcp.json whose
servers are asked, or the address of a server.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.client.mcp import McpConnection, McpServerError, run_until_stopped, sdk_client
from swiftkit.client.mcp_config import McpServer, read_config, server_entries, server_from
from swiftkit.errors import DataError, EndpointError, UsageError
from swiftkit.files.jsonl import BOM, write_atomically
from swiftkit.files.safe_yaml import read_yaml
from swiftkit.json_text import decode_or_none
from swiftkit.openapi.mcp_tools import listed_tools, tools_of_servers
from swiftkit.openapi.operations import tools_of_document
from swiftkit.openapi.tools_report import ListedServer, ToolsReport, skipped_servers

_AT_ONCE = 8  # servers that are started at the same time
_FIX = "give an OpenAPI or Swagger document, an mcp.json, or an MCP server's answer to tools/list"
# what else has JSON or YAML of its own, by a key of it
_OTHERS = {
    "swaggerVersion": "a Swagger 1 document", "asyncapi": "an AsyncAPI document",
    "openrpc": "an OpenRPC document", "arazzo": "an Arazzo document",
    "discoveryVersion": "a Google discovery document", "__schema": "a GraphQL schema",
}  # fmt: skip


class ToolsOptions(msgspec.Struct, frozen=True):
    """The options of the command: servers to ask (all if empty), seconds, characters."""

    servers: tuple[str, ...] = ()
    timeout: float = 30.0
    max_chars: int = 10_000


def write_tools(source: str, output: Path, options: ToolsOptions) -> ToolsReport:
    """Write the tools as a JSON list. Raises DataError for a document that gives none, and
    EndpointError where no server answers."""
    report = ToolsReport(str(output))
    if source.startswith(("http://", "https://")):
        if options.servers:
            raise UsageError("--server: an address is one server; names are those of an mcp.json")
        server = McpServer(name=_without_query(source), transport="http", url=source)
        tools = _tools_of_live_servers([server], report, options)
    else:
        path = Path(source)
        if output.resolve() == path.resolve():
            raise UsageError(
                f"{output} is both input and output; choose another name for the output"
            )
        tools = _tools_of_file(path, report, options)
    with write_atomically(output) as file:
        file.write(msgspec.json.format(msgspec.json.encode(tools), indent=2) + b"\n")
    return report


def _without_query(address: str) -> str:
    """Return an address as it may be printed: a query may hold a key."""
    return McpServer("", "http").without_secrets(address.partition("?")[0].partition("#")[0])


def _tools_of_file(
    source: Path, report: ToolsReport, options: ToolsOptions
) -> list[dict[str, Any]]:
    document = _decoded(_text(source), source)
    entries = None if _api_kind(document) else server_entries(document)
    if options.servers and entries is None:
        raise UsageError(f"--server: {source} is no mcp.json, which names servers")
    if entries is not None:
        servers = _chosen(entries, source, report, options)
        return _tools_of_live_servers(servers, report, options)
    if isinstance(document, dict) and _api_kind(document) == "api":
        tools = tools_of_document(document, report, options.max_chars)
        if not report.operations:
            fix = "give a document with `paths`"
            raise DataError(f"{source}: no operations", "no_operations", fix)
        return tools
    listed = None if _api_kind(document) else listed_tools(document, source, report)
    if listed is None:
        reason = f"{source}: nothing to make tools of: {_kind(document)}"
        raise DataError(reason, "not_openapi", _FIX)
    if not listed:
        raise DataError(f"{source}: no tools", "no_operations", "give a list that holds some")
    return tools_of_servers({"": listed}, report, options.max_chars)


def _text(source: Path) -> bytes:
    try:
        return source.read_bytes().removeprefix(BOM)
    except OSError as error:
        fix = "check the path and its permissions"
        raise DataError(f"{source}: {error.strerror or error}", "unreadable_file", fix) from error


def _decoded(text: bytes, source: Path) -> Any:
    """Return the value of JSON or YAML; JSON, nearly all YAML, is much faster to read as itself.

    Several lines of JSON, as an MCP server writes them, give a list.
    """
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        fix = f"iconv -f UTF-16 -t UTF-8 {source} > utf8.json"
        raise DataError(f"{source}: UTF-16, not UTF-8", "not_utf8", fix)
    if not text.lstrip().startswith((b"{", b"[", b"//", b"/*")):
        return read_yaml(text, str(source))
    try:
        return read_config(text, str(source))
    except DataError:
        lines = [decode_or_none(line) for line in text.splitlines() if line.strip()]
        if None not in lines:
            return lines
        if source.suffix in (".json", ".jsonc", ".jsonl"):
            raise
    return read_yaml(text, str(source))


def _api_kind(document: Any) -> str:
    """Return "api" for a version of OpenAPI or Swagger that is read, "other" for another one."""
    if not isinstance(document, dict):
        return ""
    if "openapi" in document:
        return "api" if str(document["openapi"]).startswith("3.") else "other"
    if "swagger" in document:
        return "api" if str(document["swagger"]).startswith("2") else "other"
    return ""


def _kind(document: Any) -> str:
    """Return a few words on what a document is that is not read."""
    if not isinstance(document, dict):
        return f"a {type(document).__name__}"
    for key in ("openapi", "swagger"):
        if key in document:
            return f"{key}: {document[key]}"
    for key, name in _OTHERS.items():
        if key in document:
            return name
    info = document.get("info")
    if isinstance(info, dict) and "_postman_id" in info:
        return "a Postman collection"
    keys = ", ".join(list(document)[:5])
    return f"an object with the keys {keys}" if keys else "an empty object"


def _chosen(
    entries: dict[str, Any], source: Path, report: ToolsReport, options: ToolsOptions
) -> list[McpServer]:
    """Return the servers to ask; one whose settings are wrong is entered in the report."""
    known = ", ".join(entries) or "none"
    for name in options.servers:
        if name not in entries:
            raise UsageError(f"--server {name}: not in {source}; known: {known}")
    servers = []
    for name in options.servers or entries:
        try:
            servers.append(server_from(name, entries[name], source))
        except DataError as error:
            report.operations += 1
            report.add_skipped(error, server=name)
    if not servers:
        reasons = f"\n{skipped_servers(report)}" if report.skipped else ": it names none"
        raise DataError(f"{source}: no server to ask{reasons}", "no_operations")
    return servers


def _tools_of_live_servers(
    servers: list[McpServer], report: ToolsReport, options: ToolsOptions
) -> list[dict[str, Any]]:
    """Ask all servers; one that fails is entered in the report. Raises it if there is no other."""
    sdk_client()
    outcomes = run_until_stopped(_list_all(servers, options.timeout))
    listed = {}
    for server, (outcome, seconds) in zip(servers, outcomes, strict=True):
        if isinstance(outcome, McpServerError):
            report.operations += 1
            fault = DataError(outcome.reason, outcome.code, outcome.fix)
            report.add_skipped(fault, server=server.name)
        else:
            listed[server.name] = outcome
            report.servers.append(ListedServer(server.name, len(outcome), round(seconds, 2)))
    if not listed:
        raise EndpointError(f"no MCP server answers:\n{skipped_servers(report)}")
    return tools_of_servers(listed, report, options.max_chars)


async def _list_all(
    servers: list[McpServer], timeout: float
) -> list[tuple[list[Any] | McpServerError, float]]:
    """Return the tools of each server or why there are none, and the seconds it took."""
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def list_one(server: McpServer) -> tuple[list[Any] | McpServerError, float]:
        async with at_once:
            start = time.monotonic()
            try:
                async with McpConnection(server, timeout) as connection:
                    tools = await connection.tools()
                    return tools, time.monotonic() - start
            except McpServerError as error:
                return error, time.monotonic() - start

    return await asyncio.gather(*map(list_one, servers))
