"""`swiftkit tools` on servers that run: those of an mcp.json, and an address."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.mcp_servers import TIME_SERVER, config, real, real_over_http, scripted
from helpers.paths import ROOT

from swiftkit.cli.main import main
from swiftkit.openapi.openai_rules import faults

TOOL = {"name": "f", "inputSchema": {"type": "object"}}


def run(source: Any, output: Path, *options: str) -> Result:
    arguments = ["tools", str(source), "-o", str(output), *options]
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def test_servers_of_an_mcp_json(tmp_path: Path) -> None:
    """Each tool with its server; a name that two servers have is told apart."""
    source = config(tmp_path, weather=real(), time=TIME_SERVER, again=real())
    result = run(source, tmp_path / "out.json", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    made = json.loads((tmp_path / "out.json").read_text())
    names = [tool["function"]["name"] for tool in made]
    assert names[:2] == ["weather__get_weather", "weather__fail"]
    assert names[5:8] == ["get_current_time", "convert_time", "again__get_weather"]
    assert report["operations"] == len(made) == 12
    assert [each["tool"] for each in report["made"]] == names
    assert {each["server"] for each in report["made"]} == {"weather", "time", "again"}
    assert [(each["name"], each["tools"]) for each in report["servers"]] == [
        ("weather", 5),
        ("time", 2),
        ("again", 5),
    ]
    assert [fault for tool in made for fault in faults(tool)] == []


def test_one_server_is_chosen(tmp_path: Path) -> None:
    """What is wrong with another is no matter then."""
    source = config(tmp_path, bad={"command": "${NO_SUCH_NAME}"}, weather=real())
    result = run(source, tmp_path / "out.json", "--server", "weather")
    assert result.exit_code == 0, result.stderr
    assert "5 operations = 5 tools + 0 skipped" in result.stderr
    result = run(source, tmp_path / "out.json", "--server", "wether")
    assert result.exit_code == 2
    assert "known: bad, weather" in result.stderr


def test_server_that_fails_costs_itself_alone(tmp_path: Path) -> None:
    source = config(
        tmp_path, bad={"command": "${NO_SUCH_NAME}"}, none={"command": "no-such-program"}, f=scripted([TOOL])
    )  # fmt: skip
    result = run(source, tmp_path / "out.json", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["operations"] == 3
    assert [(each["server"], each["code"]) for each in report["skipped"]] == [
        ("bad", "unset_variable"),
        ("none", "no_start"),
    ]
    assert [each["tool"] for each in report["made"]] == ["f"]


def test_no_server_that_answers_is_status_4(tmp_path: Path) -> None:
    """Nothing is written."""
    source = config(tmp_path, a={"command": "no-such-program"}, b={"url": "http://127.0.0.1:9/mcp"})
    for place in (source, "http://127.0.0.1:9/mcp"):
        result = run(place, tmp_path / "out.json")
        assert result.exit_code == 4
        assert "no MCP server answers" in result.stderr
        assert not (tmp_path / "out.json").exists()


def test_no_server_to_ask_is_status_2(tmp_path: Path) -> None:
    for source in (config(tmp_path), config(tmp_path, a={"command": "${input:key}"})):
        result = run(source, tmp_path / "out.json")
        assert result.exit_code == 2
        assert "no server to ask" in result.stderr


def test_address_of_a_server(tmp_path: Path) -> None:
    with real_over_http() as address:
        result = run(address, tmp_path / "out.json")
    assert result.exit_code == 0, result.stderr
    assert "5 operations = 5 tools" in result.stderr


def test_server_option_needs_an_mcp_json(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text("openapi: 3.0.0\npaths: {/x: {get: {}}}")
    for source in (tmp_path / "api.yaml", "http://127.0.0.1:9/mcp"):
        result = run(source, tmp_path / "out.json", "--server", "x")
        assert result.exit_code == 2
        assert "mcp.json" in result.stderr


def test_nothing_of_a_server_steers_the_terminal(tmp_path: Path) -> None:
    """Neither its names nor what it writes on stderr."""
    evil = "\x1b[2J\x9b\u202e"
    tools = [{"name": f"{number}{evil}", "inputSchema": {}} for number in range(3)]
    source = config(tmp_path, **{f"evil{evil}": scripted(tools, stderr=evil)})
    broken = {"command": "sh", "args": ["-c", f"printf '{evil}' >&2; exit 1"]}
    for place in (source, config(tmp_path, broken=broken)):
        result = run(place, tmp_path / "out.json", "--json")
        assert not set(evil[:1] + evil[4:]) & set(result.stdout + result.stderr)


@pytest.mark.parametrize("document", sorted((ROOT / "docs").glob("data.md")))
def test_the_documented_mcp_json_is_read(document: Path, tmp_path: Path) -> None:
    """The example of docs/data.md, as it stands there."""
    text = document.read_text(encoding="utf-8")
    start = text.index('    {"mcpServers"')
    example = text[start : text.index("\n\n", start)]
    (tmp_path / "mcp.json").write_text(example)
    result = run(tmp_path / "mcp.json", tmp_path / "out.json", "--server", "nothing")
    assert "known: time, docs" in result.stderr
