"""MCP servers as users write them down: the mcp.json of Claude, VS Code and their kin.

    {"mcpServers": {"time": {"command": "uvx", "args": ["mcp-server-time"], "env": {"TZ": "${TZ}"}},
                    "docs": {"type": "http", "url": "https://example.com/mcp",
                             "headers": {"Authorization": "Bearer ${DOCS_TOKEN}"}}}}

VS Code says `servers`, in settings.json below `mcp`, and allows comments. In every text stand
`${NAME}`, `${env:NAME}` and `${NAME:-otherwise}` for the environment, `${userHome}` and
`${workspaceFolder}`, the folder above .vscode, .cursor or .claude. `${input:ID}` is asked by VS
Code alone: such a server cannot be started here.

Sources: https://code.claude.com/docs/en/mcp and
https://code.visualstudio.com/docs/copilot/reference/mcp-configuration
"""

import os
import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from swiftkit.errors import DataError
from swiftkit.json_text import decode_or_none
from swiftkit.sandbox.secret_values import hide_secrets, is_secret

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"(?:env:)?([A-Za-z_]\w*)(?::-(.*))?", re.DOTALL)
# A string stays; comments, and commas before a closing bracket, go. Possessive (*+, (?>)), and what
# has no end reaches to the end of the text: linear, whatever stands there.
_COMMENT = rb"//[^\n]*+|(?>/\*.*?(?:\*/|\Z))"
_BEYOND_JSON = re.compile(
    rb'("(?:[^"\\]|\\.)*+(?:"|\Z))|%b|,(?=(?:\s|%b)*+[}\]])' % (_COMMENT, _COMMENT), re.DOTALL
)
_TRANSPORTS = {
    "stdio": "stdio", "http": "http", "streamable-http": "http", "streamableHttp": "http",
    "streamable_http": "http", "sse": "sse",
}  # fmt: skip
_ADDRESSES = ("url", "serverUrl", "httpUrl")
_EDITOR_FOLDERS = (".vscode", ".cursor", ".claude")
_SHORTEST_SECRET = 6


class McpServer(msgspec.Struct, frozen=True):
    """A server to start (stdio: command, args, env, cwd) or to reach (http, sse: url, headers)."""

    name: str
    transport: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    cwd: str = ""
    url: str = ""
    headers: dict[str, str] = {}
    secrets: tuple[str, ...] = ()

    def without_secrets(self, text: str) -> str:
        """Return a text of or about the server without keys: those of its settings and address."""
        query = parse_qsl(self.url.partition("?")[2])
        values = _longest_first({value for _, value in query} | {*self.secrets})
        return hide_secrets(text, values)


def read_config(text: bytes, where: str) -> Any:
    """Return the value of JSON that may hold comments. Raises DataError (broken_json)."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        plain = _BEYOND_JSON.sub(lambda match: match[1] or b"", text)
        value = decode_or_none(plain)
        if value is None or plain == text:
            reason = f"{where}: not valid JSON: {error}"
            raise DataError(reason, "broken_json", "mend the document") from error
        return value


def server_entries(document: Any) -> dict[str, Any] | None:
    """Return name -> settings of a decoded mcp.json, or None if the document is none."""
    if not isinstance(document, dict):
        return None
    inner = document.get("mcp")
    for holder in (document, inner if isinstance(inner, dict) else {}):
        for key in ("mcpServers", "servers"):
            entries = _by_name(holder.get(key))
            if entries is not None:
                return entries
    return None


def _by_name(entries: Any) -> dict[str, Any] | None:
    """Return servers by name; Continue lists them: [{"name": ..., "command": ...}]."""
    if isinstance(entries, dict):
        return entries
    if not isinstance(entries, list) or not entries:
        return None
    named = {}
    for entry in entries:
        match entry:
            case {"name": str(name)}:
                named[name] = entry
            case _:  # the addresses of an API, for one
                return None
    return named


def server_from(name: str, settings: Any, path: Path) -> McpServer:
    """Return a server of the mcp.json at `path`, its variables replaced. Raises DataError."""
    if not isinstance(settings, dict):
        raise DataError("its settings are no object", "bad_server", "write {command, args, env}")
    if settings.get("disabled") is True or settings.get("enabled") is False:
        raise DataError("it is disabled", "disabled_server", "enable it in the file")
    if "envFile" in settings:
        raise DataError("envFile is not read", "bad_server", "write its variables into env")
    variables = _Variables(path)
    address = next((settings[key] for key in _ADDRESSES if key in settings), "")
    command = settings.get("command", "")
    transport = _transport(settings, address)
    if not (address if transport != "stdio" else command):
        needed = "command" if transport == "stdio" else "url"
        raise DataError(f"it has no {needed}", "bad_server", "write command and args, or url")
    args = settings.get("args") or []
    if not isinstance(args, list):
        raise DataError("args is not a list", "bad_server", 'write ["a", "b"]')
    replaced = [variables.replace(word, "args") for word in args]
    env = variables.replace_all(settings.get("env"), "env")
    headers = variables.replace_all(settings.get("headers"), "headers")
    secrets = {*variables.secrets, *headers.values(), *_secret_words(replaced)}
    secrets |= {value.rpartition(" ")[2] for value in headers.values()}  # Bearer KEY
    secrets |= {value for name, value in env.items() if is_secret(name)}
    return McpServer(
        name=name,
        transport=transport,
        command=variables.replace(command, "command"),
        args=tuple(replaced),
        env=env,
        cwd=variables.replace(settings.get("cwd") or "", "cwd"),
        url=variables.replace(address, "url"),
        headers=headers,
        secrets=tuple(secrets),
    )


def _transport(settings: dict[str, Any], address: Any) -> str:
    kind = settings.get("type", settings.get("transport"))
    if kind is None:
        return "http" if address else "stdio"
    transport = _TRANSPORTS.get(kind) if isinstance(kind, str) else None
    if transport is None:
        reason = f"its type {kind!r} is unknown"
        raise DataError(reason, "bad_server", "write stdio, http or sse")
    return transport


def _secret_words(words: list[str]) -> set[str]:
    """Return the values of secret flags: --api-key KEY, --token=KEY."""
    values = set()
    for flag, following in pairwise([*words, ""]):
        name, equals, value = flag.partition("=")
        if name.startswith("-") and is_secret(name):
            values.add(value if equals else following)
    return values


def _longest_first(secrets: set[str]) -> list[str]:
    """Return the secrets that are long enough to look for; one may begin another."""
    sought = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
    return sorted(sought, key=len, reverse=True)


class _Variables:
    """Replaces ${...} and keeps the values that are secret."""

    def __init__(self, path: Path) -> None:
        folder = path.absolute().parent
        is_of_editor = folder.name in _EDITOR_FOLDERS
        self._workspace = folder.parent if is_of_editor else folder
        self.secrets: set[str] = set()

    def replace_all(self, texts: Any, where: str) -> dict[str, str]:
        if texts is None:
            return {}
        if not isinstance(texts, dict):
            raise DataError(f"{where} is not an object", "bad_server", 'write {"NAME": "value"}')
        # a null, in VS Code, takes a variable away, which here is not there to begin with
        given = {name: text for name, text in texts.items() if text is not None}
        return {name: self.replace(text, f"{where}.{name}") for name, text in given.items()}

    def replace(self, text: Any, where: str) -> str:
        if isinstance(text, int | float):  # a port
            text = msgspec.json.encode(text).decode()
        if not isinstance(text, str):
            raise DataError(f"{where} is no text", "bad_server", "write a text in quotes")
        return _VARIABLE.sub(lambda match: self._value(match[1], where), text)

    def _value(self, variable: str, where: str) -> str:
        if variable == "userHome":
            return str(Path.home())
        if variable == "workspaceFolder":
            return str(self._workspace)
        if variable.startswith("input:"):
            reason = f"{where}: ${{{variable}}} is asked by VS Code, it is not known here"
            fix = "write ${NAME} and set NAME in the environment"
            raise DataError(reason, "unknown_variable", fix)
        match = _NAME.fullmatch(variable)
        if not match:
            reason = f"{where}: ${{{variable}}} is not known here"
            raise DataError(reason, "unknown_variable", "write ${NAME} or ${env:NAME}")
        name, otherwise = match.groups()
        value = os.environ.get(name, otherwise)
        if value is None:
            reason = f"{where}: ${{{variable}}}: {name} is not set in the environment"
            raise DataError(reason, "unset_variable", f"export {name}=...")
        if is_secret(name):
            self.secrets.add(value)
        return value
