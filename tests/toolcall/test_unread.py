"""Call-like markup that nobody reads is found; prose, code and results of tools are left alone."""

from typing import Any

import pytest
from helpers.growth import takes_linear_time

from swiftkit.toolcall.unread import call_like


def tool(name: str, *parameters: str) -> dict[str, Any]:
    properties: dict[str, Any] = {parameter: {} for parameter in parameters}
    schema = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


TOOLS = [
    tool("get_weather", "city", "days"),
    tool("get_order", "order_id"),
    tool("cancel_order", "order_id"),
    tool("read_file", "path"),
    # names that are words of prose and code
    tool("search", "q", "query", "limit"),
    tool("python", "code"),
    tool("list", "path"),
    tool("email", "to"),
    tool("translate", "text"),
]
CALLS = [
    '[get_weather(city="Oslo")]</s>',
    '[get_weather(city="Oslo")]<|im_end|>',
    'Let me check: [get_weather(city="Oslo")]',
    '[get_weather(city="Oslo")] ok',
    "[get_weather(5)]",
    "[get_weather(True)]",
    "get_weather([1,2])",
    '**Action:** get_weather\n**Action Input:** {"city": "Oslo"}',
    'action: get_weather\naction input: {"city": "Oslo"}',
    '> Action: get_weather\n> Action Input: {"city": "Oslo"}',
    '- Action: get_weather\n- Action Input: {"city": "Oslo"}',
    'Action: get_weather\nInput: {"city": "Oslo"}',
    '动作：get_weather\n动作输入：{"city": "Oslo"}',
    '\u200bAction: get_weather\nAction Input: {"city": "Oslo"}',
    '```tool_code\nprint(default_api.get_weather(city="Oslo"))\n```',
    '<execute>\nw = get_weather(city="Oslo")\n</execute>',
    '<code>answer = get_weather(city="Oslo")</code>',
    '```python\nw = get_weather(city="Oslo")\n```',
    'await get_weather("Oslo")',
    'get_weather\n```json\n{"city": "Oslo"}\n```',
    '**get_weather**\n```json\n{"city": "Oslo"}\n```',
    "get_weather\r\n ```python\r\ntool_call(city='Oslo')\r\n```",
    'functions.get_weather({"city": "Oslo"})',
    'get_weather({\n city: "Oslo"\n})',
    'call_tool("get_weather", city="Oslo")',
    '{"name" : "functions.get_weather"} x',
    '{"name":\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"get_weather"}',
    '["get_weather", "Oslo"]',
    '{"get_weather": ["Oslo"]}',
    "{tool: get_weather, arguments: {city: Oslo}}",
    "tool: get_weather\narguments:\n  city: Oslo",
    "```tool_call\ntool: get_weather\narguments:\n  city: Oslo\n```",
    "<action>get_weather</action><input>Oslo</input>",
    "<tool>  get_weather</tool>",
    '<tool id="get_weather"><city>Oslo</city>',
    '<run fn="get_weather" city="Oslo"/>',
    "[TOOL: get_weather] city=Oslo",
    "[tool_request]{}",
    '<tool_call {"name": "x"}',
    '‹｜tool▁call▁begin｜get_weather｜{"city": 1}',
    "✿FUNC✿: get_weather\n✿PARAMS✿: {}",
    '‹工具调用>get_weather(city="Oslo")‹/工具调用>',
    '{"command": "f", "arguments": {"a": 1}}',
    '{"function": "f", "arguments": ["x"]}',
    '<tool_use>{"name": "get_weather"}</tool_use>',
    '[TOOL_REQUEST] {"a":1}',
    'CALL get_weather {"city": "Oslo"}',
    'Sure!\n{"name": "zzz", "arguments": {"a": 1}}',
    "<get_weather><city>Oslo</city></get_weather>",
    'get_weather: {"city":"Oslo"}',
    '@get_weather("Oslo")',
    '<x:function_calls>\n<x:invoke name="get_weather">',
    '{"tool": "search", "q": 1}',
    '<|call|>search<|args|>{"q":1}',
    '《get_weather》{"city": "Oslo"}',
    '<<get_weather(city="Oslo")>>',
    'to=get_weather code {"city": 1}',
    '[[search]] {"q": "x"}',
    '[search(q="x")]',
    'Sure. search(q="cats")',
    "Action: search[weather in Oslo]",
    "Thought 1: I need it.\nAction 1: search[Oslo]",
    'ASSISTANT Action: get_weather\nASSISTANT Action Input: {"city": "Oslo"}',
    '<|Commands|>: get_weather("Oslo")<eoc>',
    '[{"task": "get_weather", "id": 0, "dep": [-1], "args": {"city": "Oslo"}}]',
    '[{"id": 1, "task": "weather", "tool": "get_weather", "x": 1}]',
    '{"thoughts": {"a": 1}, "command": {"name": "google", "args": {"input": "x"}}}',
    "<search>\n<query>Oslo</query>\n</search>",
    '<use_mcp_tool>\n<tool_name>forecast</tool_name>\n<arguments>\n{"city": "Oslo"}\n</arguments>\n</use_mcp_tool>',
    '<tool_use><name>get_wether</name><arguments>{"city":"Oslo"}</arguments></tool_use>',
    '<xai:function_call name="get_wether">\n<parameter name="city">Oslo',
    '**get_weather**(city="Oslo")',
    '[get_weather] city="Oslo"',
    "```yaml\nget_weather:\n  city: Oslo\n```",
    "I will check. Action: get_weather\nAction Input",  # cut off
    "I will check. ✿FUNCTION✿: get_weather\n✿ARGS✿",  # cut off
    'Let me see.\n\nget_weather\n{"city"',  # cut off
    'I will check. {"name": "get_weather", "parameters"',  # cut off
]
NO_CALLS = [
    'Done:\n- get_order(order_id="K1")\n- cancel_order(order_id="K1")',
    'The tool answered {"tool": "cancel_order", "status": "ok"}.',
    'cancel_order: {"status": "ok"}',
    'Add `<meta name="robots">` to the page.',
    '<a name="top"> <button name="x"> <slot name="y"> <param name="a"> <bean name="b"> <xs:element name="e"> <Button name="q">',
    "<el-tool-tip>hi</el-tool-tip> <call_id>123</call_id>",
    "return <Function>(y) + <Action>{x}</Action>",
    "git <command> [<args>], npm run <action> [--flag], kubectl <command> {pod}, <function> (args), gh api <api> {owner}",
    "[ACTION] Bob to send the report",
    "[API](https://x) [CALL](tel:1) [API][1]",
    "【ACTION】请确认 【API】 说明",
    '{"name":"Launch","args":"--port 80"}',
    'containers: {"name": "web", "image": "x"} {"params": {}}',
    '{"name":"limit","parameters":{"a":1}}',
    '{"action":"buy","params":{"x":1}}',
    '{"input":"hi","output":"hey","name":"s1"}',
    '{"language": "python"}',
    "#include <list>",
    "list = {'a': 1}",
    '{"format": "email"}',
    '<search role="x">',
    '```python\nlist("abc")\n```',
    'You can write translate("x") to do that',
    "I can look that up with get_weather(city).",
    "The get_weather tool says it is 5 degrees.",
    "- get_weather(city, days)\n- search(q)",
    "Use `search` to find. Use `get_weather` too.",
    'I called get_weather and got {"temp": 5}.',
    "<b>get_weather</b> is a tool, `get_weather` too, <code>get_weather</code>",
    "查询天气可以用 get_weather 工具。",
    "| tool | use |\n|---|---|\n| get_weather | weather |",
    "call me: 123. Name: search engine\nAddress: x",
    'Tools: search, python, list: {"a": 1}',
    "The name = search of things",
    "std::vector<Tool> tools; List<Function> f = x; Map<String, Call> m;",
    "from python import list\nlist(path)",
    'Your order K1 was cancelled (cancel_order), and get_order shows {"order_id": "K1", "status": "x"}.',
    'Here is the result of get_weather:\n```json\n{"city": "Oslo", "temp": 21}\n```',
    '- get_weather: {"city": "Oslo", "temp": 21}\n- get_order: {"order_id": "K1", "status": "shipped"}',
    '1. get_weather(city="Oslo")\n2. get_order(order_id="K1")\n\nBoth are done.',
    '✅ get_weather(city="Oslo")',
    'Steps I took:\n\n`get_weather(city="Oslo")`\n',
    'The call was `get_weather(city="Oslo")`.',
    "Tool: get_weather\nDescription: the weather of a city",
    "工具：get_weather\n说明：查询天气",
    "Function: search\nInput: a query\nOutput: hits",
    "调用工具：get_weather\n结果：21 度",
    'Use it so:\n```python\nfrom tools import get_weather\nprint(get_weather("Oslo"))\n```\nThat is all.',
    'Traceback:\n  File "a.py", line 3\n    read_file("x.txt")\nFileNotFoundError',
    "2024-05-01 INFO tool=get_weather status=ok",
    "SELECT count(*) FROM calls WHERE name = 'get_weather';",
    "- name: search\n    run: npm test",
    'POST /get_weather {"city": "Oslo"}',
    '<button onclick="call(1)" name="get_order">',
    'Usage: <command> [options]\n\n  <tool> {"json"}',
    '{"action": "search", "count": 3}',
    '{"name": "search", "hits": 3}',
    '{"name": "Launch", "type": "python", "arguments": ["--port", "80"]}',
    '[function] {"a": 1}',
    '<api>{"a":1}</api>',
    '<tool_response>{"temp": 21}</tool_response>',
]


@pytest.mark.parametrize("text", CALLS)
def test_call_like_markup_is_found(text: str) -> None:
    """Whatever a model may have meant as a call, and some parser may read."""
    found = call_like(text, TOOLS)
    assert found
    assert found in text


@pytest.mark.parametrize("text", ["", *NO_CALLS])
def test_prose_code_and_results_are_no_calls(text: str) -> None:
    """Who talks about a tool, says what it gave, or writes HTML, JSON or a usage line, has not
    called it."""
    assert call_like(text, TOOLS) == ""


def test_tools_without_parameters() -> None:
    """A call of one has an empty object."""
    for parameters in ({}, {"properties": {}}, {"type": "object"}):
        tools = [{"name": "get_time", "parameters": parameters}, {"name": "now"}]
        assert call_like("CALL get_time {}", tools)
        assert call_like('{"name": "get_time"}', tools)
        assert call_like("The get_time tool takes {nothing}.", tools) == ""


def test_without_tools_markup_alone_decides() -> None:
    """Names say nothing where none is known."""
    assert call_like('<tool_use>{"name": "f"}', [])
    assert call_like('f {"city": "Oslo"}', []) == ""
    assert call_like(
        'f {"city": "Oslo"}', [{"name": "f", "parameters": {"properties": {"city": {}}}}]
    )


@pytest.mark.parametrize(
    "piece",
    [
        "<tool", "<tool>", "get_weather(=", "get_weather", '{"name": "x"', "[TOOL_", "<a name=",
        '{"name":   ', "    ", '"arguments": {', "- get_weather(1)\n", "x = ", "call_", "a.",
    ],
)  # fmt: skip
def test_looking_takes_linear_time(piece: str) -> None:
    """Whatever a model repeats."""
    assert takes_linear_time(lambda text: call_like("get_weather" + text, TOOLS), piece, 10_000)
