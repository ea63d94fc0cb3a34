"""The MCP client: real servers over stdio and streamable HTTP, and servers that break the rules."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers.mcp_servers import TIME_SERVER, config, real, real_over_http, scripted

from swiftkit.client.mcp import McpConnection, McpOutcome, McpServerError
from swiftkit.client.mcp_config import McpServer, server_from
from swiftkit.errors import UsageError

TOOL = {"name": "f", "inputSchema": {"type": "object"}}


def use(
    settings: dict[str, Any], work: Callable[[McpConnection], Awaitable[Any]], timeout: float = 20.0
) -> Any:
    """Return what `work` returns for a connection to the server of these settings."""

    async def run() -> Any:
        server = server_from("x", settings, Path("mcp.json"))
        async with McpConnection(server, timeout) as connection:
            return await work(connection)

    return asyncio.run(run())


def listed(settings: dict[str, Any], timeout: float = 20.0) -> list[dict[str, Any]]:
    return use(settings, McpConnection.tools, timeout)


def called(settings: dict[str, Any], name: str, timeout: float = 20.0, **arguments: Any) -> Any:
    return use(settings, lambda server: server.call(name, arguments, timeout))


def test_real_server_over_stdio_lists_and_answers() -> None:
    tools = listed(real())
    assert [tool["name"] for tool in tools] == ["get_weather", "fail", "wait", "variables", "leave"]
    assert tools[0]["description"] == "The weather of a city."
    assert tools[0]["inputSchema"]["required"] == ["city"]
    outcome = called(real(), "get_weather", city="Rome", days=2)
    assert (outcome.text, outcome.is_error, outcome.error) == ("Rome: sunny for 2 days", False, "")
    assert outcome.structured == {"result": "Rome: sunny for 2 days"}


def test_real_server_over_http_lists_and_answers() -> None:
    with real_over_http() as address:
        assert len(listed({"url": address})) == 5
        assert called({"url": address}, "get_weather", city="Rome").text == "Rome: sunny for 1 days"


def test_real_server_over_sse_lists_and_answers() -> None:
    """The older transport; as streamable HTTP its address is refused, with the fix."""
    with real_over_http("sse") as address:
        address = address.replace("/mcp", "/sse")
        settings = {"type": "sse", "url": address}
        assert called(settings, "get_weather", city="Rome").text == "Rome: sunny for 1 days"
        with pytest.raises(McpServerError, match=r'HTTP 405.*"type": "sse"'):
            listed({"url": address})


def test_half_a_character_in_arguments_does_not_break_the_connection() -> None:
    async def call_twice(server: McpConnection) -> list[str]:
        outcomes = [await server.call("get_weather", {"city": city}) for city in ("\ud800", "Rome")]
        return [outcome.text for outcome in outcomes]

    assert use(real(), call_twice)[1] == "Rome: sunny for 1 days"


def test_calls_at_once_are_answered_each() -> None:
    async def call_many(server: McpConnection) -> list[str]:
        cities = [f"city {number}" for number in range(20)]
        calls = [server.call("get_weather", {"city": city}) for city in cities]
        return [outcome.text for outcome in await asyncio.gather(*calls)]

    assert use(real(), call_many) == [f"city {number}: sunny for 1 days" for number in range(20)]


def test_key_goes_into_the_headers_and_into_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the message names the status and where the key belongs."""
    monkeypatch.setenv("WEATHER_TOKEN", "sk-very-secret")
    with real_over_http("sk-very-secret") as address:
        headers = {"Authorization": "Bearer ${WEATHER_TOKEN}"}
        assert len(listed({"type": "http", "url": address, "headers": headers})) == 5
        with pytest.raises(McpServerError, match=r"HTTP 401.*key in the headers"):
            listed({"type": "streamable-http", "url": address})
        monkeypatch.setenv("WEATHER_TOKEN", "sk-wrong-one")
        with pytest.raises(McpServerError) as failure:
            listed({"url": f"{address}?key=sk-wrong-one", "headers": headers})
        assert "sk-wrong-one" not in str(failure.value)


def test_published_time_server_answers() -> None:
    """mcp-server-time of PyPI."""
    outcome = called(TIME_SERVER, "get_current_time", timezone="Asia/Shanghai")
    assert "+08:00" in outcome.text


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("fail", {"reason": "no such city"}),
        ("no_such_tool", {}),
        ("get_weather", {"days": "many"}),
        ("wait", {"seconds": 60}),
        ("leave", {}),
    ],
)
def test_call_that_fails_is_an_outcome(name: str, arguments: dict[str, Any]) -> None:
    """The tool's own error is text for the model; one of the server is `error`. Neither raises."""
    timeout = 1.0 if name == "wait" else 20.0
    outcome = called(real(), name, timeout, **arguments)
    assert isinstance(outcome, McpOutcome)
    assert outcome.is_error != bool(outcome.error)
    if name == "fail":
        assert "no such city" in outcome.text
    if name == "leave":
        assert "leaving now" in outcome.error


def test_server_sees_no_more_of_the_environment_than_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    outcome = called({**real(), "env": {"CITY": "Rome"}}, "variables")
    names = set(outcome.structured["result"])
    assert "CITY" in names
    allowed = {"CITY", "SWIFTKIT_FAMILY", "HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"}
    assert names - allowed <= {"LC_CTYPE", "PWD", "SHLVL", "_"}  # which Python and shells set


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"command": "no-such-program"}, "cannot be started"),
        ({"command": sys.executable, "args": ["-c", "import sys; sys.exit('no key given')"]}, "no key given"),
        ({"url": "http://127.0.0.1:9/mcp"}, "is it running"),
        ({"type": "sse", "url": "http://127.0.0.1:9/sse"}, "is it running"),
        ({"url": "http://[::1"}, "MCP server x"),
    ],
)  # fmt: skip
def test_server_that_does_not_start_is_one_sentence(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(McpServerError, match=said) as failure:
        listed(settings)
    assert len(str(failure.value)) < 1500


def test_stderr_is_shown_in_part_and_without_keys() -> None:
    code = "import sys; sys.stderr.write('x' * 10**6 + ' bad key sk-very-secret'); sys.exit(1)"
    settings = {"command": sys.executable, "args": ["-c", code, "--api-key", "sk-very-secret"]}
    with pytest.raises(McpServerError, match="bad key REDACTED") as failure:
        listed(settings)
    assert len(str(failure.value)) < 1500


def test_pages_are_joined() -> None:
    pages = [[{**TOOL, "name": f"f{number}"}] for number in range(3)]
    assert [tool["name"] for tool in listed(scripted(*pages))] == ["f0", "f1", "f2"]


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        (scripted([TOOL], endless=True), "no_end"),
        (scripted([TOOL], copies=10_001), "no_end"),
        (scripted([{**TOOL, "description": 5}]), "bad_answer"),
        (scripted({"tool": []}), "bad_answer"),
        (scripted({"tools": None}), "bad_answer"),
    ],
)
def test_list_that_breaks_the_rules_is_refused(settings: dict[str, Any], code: str) -> None:
    """A cursor that leads in a circle, too many tools, no tools: bounded, and one sentence."""
    with pytest.raises(McpServerError) as failure:
        listed(settings)
    assert failure.value.code == code
    assert len(str(failure.value)) < 1500


def test_tool_that_breaks_the_rules_does_not_cost_the_others() -> None:
    """It comes as it is, for the account."""
    odd = [{"name": 5}, {"name": "f"}, {"name": "f", "inputSchema": {"anyOf": [{}]}}, "f"]
    assert listed(scripted([*odd, TOOL])) == [{**TOOL, "description": ""}, *odd]


@pytest.mark.parametrize("noise", ["Hello! Listening on stdio.", '{"jsonrpc": "2.0"}', "\x1b[2J"])
def test_noise_on_stdout_does_no_harm(noise: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Nor does it reach the screen."""
    assert len(listed(scripted([TOOL], noise=noise))) == 1
    assert capfd.readouterr() == ("", "")


def test_silent_server_ends_at_the_timeout() -> None:
    settings = {"command": sys.executable, "args": ["-c", "import time; time.sleep(600)"]}
    with pytest.raises(McpServerError, match="timed out"):
        listed(settings, timeout=1.0)


def running(word: str) -> list[int]:
    """Return the processes in whose command line a word stands."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if word in (process.info["cmdline"] or []) and process.info["status"] != "zombie":
            found.append(process.pid)
    return found


def test_server_is_ended_with_all_that_it_started() -> None:
    """Also what ignores every signal, and what has left its group."""
    assert len(listed(scripted([TOOL], stubborn=True))) == 1
    assert running("31415") == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_command_that_is_stopped_leaves_no_server(tmp_path: Path, number: int) -> None:
    """`swiftkit tools` ends in good order, and writes no file."""
    mark = f"2718{number}"  # tests may run beside each other
    silent = {"command": "sh", "args": ["-c", f"trap '' TERM HUP; sleep {mark} & wait; sleep 9"]}
    output = tmp_path / "tools.json"
    command = ["tools", str(config(tmp_path, silent=silent)), "-o", str(output)]
    process = subprocess.Popen(
        [sys.executable, "-m", "swiftkit", *command], stderr=subprocess.PIPE, text=True
    )
    for _ in range(200):
        if running(mark):
            break
        time.sleep(0.1)
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "swiftkit: stopped\n")
    assert running(mark) == []
    assert not output.exists()


def test_missing_sdk_is_said_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(UsageError, match=r"swiftkit\[mcp\]"):
        listed({"command": "true"})


def test_address_with_a_login_is_printed_without_it() -> None:
    server = McpServer("x", "http", url="http://me:sk-very-secret@127.0.0.1:9/mcp")

    async def connect() -> None:
        async with McpConnection(server, 5.0):
            pass

    with pytest.raises(McpServerError) as failure:
        asyncio.run(connect())
    assert "sk-very-secret" not in str(failure.value)
