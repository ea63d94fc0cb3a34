"""`swiftkit tools` on an MCP server's answer to tools/list: made or named, each tool."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from helpers.openapi_documents import TEXT, run, tools
from helpers.paths import SHARED_CASES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swiftkit.openapi.openai_rules import faults

CITY = {"type": "object", "properties": {"city": TEXT}, "required": ["city"]}
WEATHER = {"name": "get_weather", "description": "The weather.", "inputSchema": CITY}
MADE = {"name": "get_weather", "description": "The weather.", "parameters": CITY}


def listed(tmp_path: Path, *given: Any, skipped: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    return tools(tmp_path, json.dumps({"tools": given}), skipped)


@pytest.mark.parametrize(
    "document",
    [
        {"jsonrpc": "2.0", "id": 1, "result": {"tools": [WEATHER], "nextCursor": None}},
        {"tools": [WEATHER]},
        {"event": "message", "data": {"jsonrpc": "2.0", "id": 1, "result": {"tools": [WEATHER]}}},
        [WEATHER],
        [{"type": "function", "function": MADE}],
        [{"name": "get_weather", "description": "The weather.", "input_schema": CITY}],
    ],
)
def test_forms_of_a_list(tmp_path: Path, document: Any) -> None:
    """The JSON-RPC answer, its result, the bare list; OpenAI's and Anthropic's tools as well."""
    made, report = tools(tmp_path, json.dumps(document))
    assert made == {"get_weather": MADE}
    assert report["made"][0]["name"] == "get_weather"
    assert report["characters"] == report["made"][0]["characters"] > 100


def test_several_answers_of_a_server(tmp_path: Path) -> None:
    """What it wrote on stdout, a message a line: the handshake, then a page after the other."""
    results = [
        {"protocolVersion": "2025-11-25", "capabilities": {}},
        {"tools": [WEATHER], "nextCursor": "2"},
        {"tools": [{**WEATHER, "name": "second"}]},
    ]
    lines = [json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}) for result in results]
    made, _ = tools(tmp_path, "\n".join(lines) + "\n\n")
    assert list(made) == ["get_weather", "second"]


def test_answer_as_curl_prints_it(tmp_path: Path) -> None:
    """A server-sent event."""
    message = {"jsonrpc": "2.0", "id": 1, "result": {"tools": [WEATHER]}}
    made, _ = tools(tmp_path, f"event: message\ndata: {json.dumps(message)}\n\n")
    assert made == {"get_weather": MADE}


def test_page_of_a_list_that_goes_on(tmp_path: Path) -> None:
    """Its tools are made; what is missing counts as one operation."""
    made, report = tools(tmp_path, json.dumps({"tools": [WEATHER], "nextCursor": "2"}), skipped=1)
    assert list(made) == ["get_weather"]
    assert report["skipped"][0]["code"] == "more_pages"


def test_tool_without_a_schema_is_said(tmp_path: Path) -> None:
    """A manifest of a desktop extension names tools without their parameters."""
    _, report = listed(tmp_path, {"name": "f", "description": "d"})
    assert [note["code"] for note in report["notes"]] == ["no_schema"]


@pytest.mark.parametrize(
    ("encoding", "said"), [("utf-16", "iconv -f UTF-16"), ("gbk", "not valid")]
)
def test_another_encoding_is_said(tmp_path: Path, encoding: str, said: str) -> None:
    (tmp_path / "in.json").write_text(json.dumps({"tools": "查询"}, ensure_ascii=False), encoding)
    result = run(tmp_path / "in.json", tmp_path / "out.json")
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.skipif(not SHARED_CASES.is_dir(), reason="no ../shared/cases")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mcp_tools_list", ["get_weather"]),
        ("v32", ["g", "q"]),
        ("noids", ["get_users_id_posts_pid", "users_get-by_id_v2", "get_x", "a" * 64, "a" * 62 + "_2",
                   "getUser", "getUser_2"]),
    ],
)  # fmt: skip
def test_shared_cases(tmp_path: Path, name: str, expected: list[str]) -> None:
    text = (SHARED_CASES / "data" / f"{name}.json").read_text(encoding="utf-8")
    assert list(tools(tmp_path, text)[0]) == expected


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            {"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "no \x1b[2J"}},
            "no \\u001b[2J",
        ),
        ({"jsonrpc": "2.0", "id": 1, "error": None}, "is an error"),
        ({"tools": []}, "no tools"),
        ({"tools": {"get_weather": CITY}}, "an object with the keys tools"),
        ({"jsonrpc": "2.0", "id": 1, "result": []}, "an object with the keys jsonrpc"),
        ([], "a list"),
        ([1, 2], "a list"),
    ],
)
def test_what_is_no_list_of_tools_is_status_2(tmp_path: Path, document: Any, said: str) -> None:
    source = tmp_path / "tools.json"
    source.write_text(json.dumps(document), encoding="utf-8")
    result = run(source, tmp_path / "out.json")
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, {"type": "object", "properties": {}}),
        ({"$ref": "#/$defs/City", "$defs": {"City": CITY}}, CITY),
        ({"$schema": "http://json-schema.org/draft-07/schema#", **CITY}, CITY),
        ({"type": "object", "properties": {"a": {"type": "array"}}},
         {"type": "object", "properties": {"a": {"type": "array", "items": {}}}}),
        ({"type": "object", "properties": {"next": {"$ref": "#"}}},
         {"type": "object", "properties": {"next": {"type": "object", "properties": {"next": {"type": "object", "properties": {"next": {"type": "object"}}}}}}}),
        ({"anyOf": [CITY, {"type": "object", "properties": {"zip": TEXT}, "required": ["zip"]}]},
         {"type": "object", "properties": {"city": TEXT, "zip": TEXT}}),
    ],
)  # fmt: skip
def test_schema_stands_alone_and_is_legal(tmp_path: Path, schema: Any, expected: Any) -> None:
    made, report = listed(tmp_path, {"name": "f", "inputSchema": schema})
    assert made["f"]["parameters"] == expected
    assert [note["code"] for note in report["notes"]] == ["loosened"] * ("anyOf" in schema)


@pytest.mark.parametrize(
    ("tool", "code"),
    [
        ("f", "bad_tool"),
        ({"inputSchema": CITY}, "bad_tool"),
        ({"name": "", "inputSchema": CITY}, "bad_tool"),
        ({"name": "f", "inputSchema": TEXT}, "not_an_object"),
        ({"name": "f", "inputSchema": False}, "not_an_object"),
        ({"name": "f", "inputSchema": []}, "bad_schema"),
        ({"name": "f", "inputSchema": {"type": "object", "properties": {"a": {"type": "str"}}}}, "bad_schema"),
        ({"name": "f", "inputSchema": {"$ref": "#/$defs/None"}}, "bad_ref"),
        ({"name": "f", "inputSchema": {"$ref": "http://127.0.0.1:9/x"}}, "external_ref"),
        ({"name": "f", "inputSchema": {"description": "x" * 300_000}}, "too_large"),
        (WEATHER, "duplicate_tool"),
    ],
)  # fmt: skip
def test_tool_that_cannot_be_is_named(tmp_path: Path, tool: Any, code: str) -> None:
    """It costs itself alone."""
    made, report = listed(tmp_path, WEATHER, tool, skipped=1)
    assert list(made) == ["get_weather"]
    assert report["skipped"][0]["code"] == code


def test_names_become_legal_and_the_report_knows_the_servers(tmp_path: Path) -> None:
    names = ["查询天气", "a.b/c", "a b c", "x" * 70]
    made, report = listed(tmp_path, *({"name": name, "inputSchema": CITY} for name in names))
    assert list(made) == ["tool", "a_b_c", "a_b_c_2", "x" * 64]
    assert [each["name"] for each in report["made"]] == names
    assert [note["code"] for note in report["notes"]] == ["renamed"] * 4


def test_long_descriptions_and_large_tools_are_said(tmp_path: Path) -> None:
    """They are made all the same; the sum and the largest are said."""
    (tmp_path / "in.json").write_text(
        json.dumps([{**WEATHER, "description": "x" * 1025}, {**WEATHER, "name": "small"}])
    )
    result = run(tmp_path / "in.json", tmp_path / "out.json", "--max-chars", "1000")
    assert result.exit_code == 0
    assert "note, long_description: get_weather: a description of 1,025 characters" in result.stderr
    assert "note, too_many_characters: get_weather: 1,1" in result.stderr
    assert "the largest: get_weather, 1,1" in result.stderr
    assert "small" not in result.stderr
    assert len(json.loads((tmp_path / "out.json").read_text())) == 2


def test_nothing_of_a_server_steers_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b[2J\x9b\u202e\r\n"
    document = [
        {**WEATHER, "name": evil, "description": evil},
        {"name": evil, "inputSchema": {"$ref": evil}},
    ]
    (tmp_path / "in.json").write_text(json.dumps(document))
    result = run(tmp_path / "in.json", tmp_path / "out.json", "--json")
    assert result.exit_code == 1
    assert not {"\x1b", "\x9b", "\u202e", "\r"} & set(result.stdout + result.stderr)


def test_many_notes_are_counted_not_printed(tmp_path: Path) -> None:
    given = [{"name": f"a.{number}", "inputSchema": {}} for number in range(500)]
    (tmp_path / "in.json").write_text(json.dumps({"tools": given}))
    result = run(tmp_path / "in.json", tmp_path / "out.json")
    assert "480 more" in result.stderr
    assert "OpenAI takes 128 tools" in result.stderr
    assert result.stderr.count("\n") < 30


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["#", "#/$defs/A", "object", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "$ref $defs A type properties items allOf anyOf oneOf not required enum const additionalProperties".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.fixed_dictionaries({"name": st.text(max_size=5), "inputSchema": anything}),
        min_size=1,
        max_size=4,
    )
)
def test_any_list_is_accounted_for(tmp_path: Path, given: list[Any]) -> None:
    """Operations = made + skipped; what is made is legal and has no reference."""
    (tmp_path / "in.json").write_text(json.dumps({"tools": given}), encoding="utf-8")
    report = json.loads(run(tmp_path / "in.json", tmp_path / "out.json", "--json").stdout)
    made = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert report["operations"] == len(report["made"]) + len(report["skipped"]) == len(given)
    for tool in made:
        assert faults(tool) == []
        jsonschema_rs.validator_for(tool["function"]["parameters"], retriever=refuse)


def refuse(uri: str) -> Any:
    raise AssertionError(f"a reference is left: {uri}")
