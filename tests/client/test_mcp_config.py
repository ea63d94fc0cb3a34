"""mcp.json as Claude, VS Code and their kin write it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swiftkit.client.mcp_config import McpServer, read_config, server_entries, server_from
from swiftkit.errors import DataError

FILE = Path("/home/me/project/.vscode/mcp.json")
WITH_COMMENTS = """
{
  // asked when a server starts
  "inputs": [{"type": "promptString", "id": "key"},],
  "servers": { /* two */
    "docs": {"type": "http", "url": "https://example.com/mcp//x", /* not this */ "headers": {"A": "/* b */, }"}},
    "time": {"command": "uvx", "args": ["mcp-server-time", "a\\"//b",],},
  }, // the end
}
"""


def test_comments_and_last_commas_are_no_matter() -> None:
    """Nor is what looks like them in a text."""
    entries = server_entries(read_config(WITH_COMMENTS.encode(), "mcp.json"))
    assert entries
    assert entries["docs"]["url"] == "https://example.com/mcp//x"
    assert entries["docs"]["headers"] == {"A": "/* b */, }"}
    assert entries["time"]["args"] == ["mcp-server-time", 'a"//b']


json_values = st.recursive(
    st.none() | st.integers() | st.text('"\\/*,]}{ \nab'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('"\\/*,]}'), inner),
)


@given(json_values)
def test_comments_are_taken_out_of_json_alone(value: Any) -> None:
    """A text keeps whatever stands in it."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    assert read_config(f"// first\n[{text}] /* last */".encode(), "x") == [value]


@pytest.mark.parametrize("piece", [",// ", "/*", '\\"', '"', ", ", "[,", ",/**/", "//\n"])
def test_hostile_text_takes_linear_time(piece: str) -> None:
    """A megabyte of any piece; a pattern that goes back would not end."""
    with pytest.raises(DataError):
        read_config(f'{{"a": {piece * (1_000_000 // len(piece))}'.encode(), "x")


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ({"mcpServers": {"a": {}}}, ["a"]),
        ({"servers": {"b": {}}}, ["b"]),
        ({"mcp": {"servers": {"c": {}}}}, ["c"]),
        ({"mcpServers": [{"name": "d", "command": "x"}]}, ["d"]),
        ({"servers": [{"url": "/"}]}, None),
        ({"mcpServers": []}, None),
        ([], None),
    ],
)
def test_servers_are_found(document: Any, names: list[str] | None) -> None:
    entries = server_entries(document)
    assert (list(entries) if entries is not None else None) == names


def test_variables_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITY", "Rome")
    monkeypatch.setenv("API_TOKEN", "sk-very-secret")
    monkeypatch.delenv("COUNTRY", raising=False)
    settings = {
        "command": "${userHome}/bin/server",
        "args": ["${CITY}", "${env:CITY}", "${COUNTRY:-Italy}", "${workspaceFolder}", "$CITY", "{}"],
        "env": {"KEY": "${API_TOKEN}", "PORT": 80, "NONE": None},
        "cwd": "${workspaceFolder}",
    }  # fmt: skip
    server = server_from("x", settings, FILE)
    assert server.command == f"{Path.home()}/bin/server"
    assert server.args == ("Rome", "Rome", "Italy", "/home/me/project", "$CITY", "{}")
    assert server.env == {"KEY": "sk-very-secret", "PORT": "80"}
    assert server.cwd == "/home/me/project"
    assert server.transport == "stdio"


@pytest.mark.parametrize(
    ("settings", "transport"),
    [
        ({"command": "x"}, "stdio"),
        ({"type": "stdio", "command": "x"}, "stdio"),
        ({"url": "http://a"}, "http"),
        ({"serverUrl": "http://a"}, "http"),
        ({"type": "http", "url": "http://a"}, "http"),
        ({"type": "streamable-http", "url": "http://a"}, "http"),
        ({"type": "streamableHttp", "url": "http://a"}, "http"),
        ({"type": "sse", "url": "http://a"}, "sse"),
    ],
)
def test_transport(settings: dict[str, Any], transport: str) -> None:
    assert server_from("x", settings, FILE).transport == transport


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        ({"command": "${input:key}"}, "unknown_variable", "asked by VS Code"),
        ({"command": "x", "args": ["${NO_SUCH_NAME}"]}, "unset_variable", "NO_SUCH_NAME is not set"),
        ({"url": "http://a", "headers": {"A": "${env:NO_SUCH_NAME}"}}, "unset_variable", "headers.A"),
        ({"command": "x", "args": ["${command:pick}"]}, "unknown_variable", "command:pick"),
        ({"command": "x", "args": "a b"}, "bad_server", "args is not a list"),
        ({"command": "x", "args": [["a"]]}, "bad_server", "args is no text"),
        ({"command": "x", "env": ["A=b"]}, "bad_server", "env is not an object"),
        ({"command": ["x"]}, "bad_server", "command is no text"),
        ({"type": "websocket", "url": "ws://a"}, "bad_server", "'websocket' is unknown"),
        ({"type": ["stdio"], "command": "x"}, "bad_server", "is unknown"),
        ({"type": "http", "command": "x"}, "bad_server", "no url"),
        ({"type": "stdio", "url": "http://a"}, "bad_server", "no command"),
        ({"command": "x", "envFile": ".env"}, "bad_server", "envFile is not read"),
        ({"command": "x", "disabled": True}, "disabled_server", "disabled"),
        ({}, "bad_server", "no command"),
        ("x", "bad_server", "no object"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_named(settings: Any, code: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as fault:
        server_from("x", settings, FILE)
    assert fault.value.code == code


def test_keys_are_hidden_in_every_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of headers, secret variables and flags, and in addresses."""
    monkeypatch.setenv("DOCS_TOKEN", "dt-6789abc")
    settings = {
        "command": "x",
        "args": ["--api-key", "ak-123456", "--token=tk-123456", "--name", "visible", "${DOCS_TOKEN}"],
        "env": {"HF_TOKEN": "hf-123456", "CITY": "Florence"},
        "headers": {"Authorization": "Bearer be-123456"},
    }  # fmt: skip
    server = server_from("x", settings, FILE)
    text = "ak-123456 tk-123456 hf-123456 be-123456 dt-6789abc http://me:pw@host/ visible Florence"
    hidden = "REDACTED REDACTED REDACTED REDACTED REDACTED http://REDACTED@host/ visible Florence"
    assert server.without_secrets(text) == hidden
    server = McpServer("z", "http", url="http://host/mcp?api=qu-123456&n=1")
    assert server.without_secrets("qu-123456 for n=1") == "REDACTED for n=1"
    assert McpServer("y", "stdio").without_secrets("nothing") == "nothing"
