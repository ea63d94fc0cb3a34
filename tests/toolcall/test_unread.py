"""Call-like markup that nobody reads is found; prose, code and results of tools are left alone."""

import pytest
from helpers.growth import takes_linear_time

from swiftkit.toolcall.unread import call_like

NAMES = ("get_weather", "search")


@pytest.mark.parametrize(
    "text",
    [
        '<tool_use>{"name": "other"}</tool_use>',
        "<function_call>\nother\n</function_call>",
        '[TOOL_REQUEST] {"a": 1}',
        "【TOOL】get_weather",
        '<execute name="other">hi</execute>',
        '<action>{"x": 1}</action>',
        'CALL get_weather {"city": "Oslo"}',
        "get_weather: {'city': 'Oslo'}",
        '《get_weather》{"city": "Oslo"}',
        "<get_weather><city>Oslo</city></get_weather>",
        '<|call|>search<|args|>{"q": 1}',
        'to=get_weather code {"city": 1}',
        '```python\nget_weather(city="Oslo")\n```',
        "Let me see.\nprint(get_weather(city='Oslo', days=3))",
        '<<get_weather(city="Oslo")>>',
        '{"tool": "search", "q": 1}',
        'Sure!\n{"name": "other", "arguments": {"a": 1}}',
        '{"action": "other", "action_input": {"a": 1}}',
        '<new:calls>\n<new:invoke name="get_weather">\n<new:parameter name="city">Oslo',
    ],
)
def test_call_like_markup_is_found(text: str) -> None:
    """A tag named like a call, an offered tool's name in markup, or JSON with name and arguments."""
    found = call_like(f"I will look.\n{text}", NAMES)
    assert found
    assert found in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I can look that up with get_weather(city).",
        "- get_weather(city, days)\n- search(q)",
        "Use `search` to find it, or get_weather.",
        "The get_weather tool says it is 5 degrees.",
        "查询天气可以用 get_weather 工具。",
        '{"temperature": 5, "city": "Oslo"}',
        '```json\n{"city": "Oslo", "name": "Ann"}\n```',
        "Here is <b>bold</b> text and a list [1, 2].",
        "std::vector<Tool> tools; List<Function> f = x; Map<String, Call> m;",
        "<plugins>\n<plugin>\n<groupId>a</groupId>",
        "You can call me [here](http://example.org).",
        "call [ACTION REQUIRED] now",
        '<form action="x"><button>go</button></form>',
        'f(x) = 2x, where x = "a"',
        "Action: none needed",
        "<function> is a tag of ours",
    ],
)
def test_prose_code_and_results_are_no_calls(text: str) -> None:
    """Who talks about a tool, or shows what it gave, has not called it."""
    assert call_like(text, NAMES) == ""


@pytest.mark.parametrize(
    "piece",
    ["<tool", "<tool>", "get_weather(=", "get_weather", '{"name": "x"', "[TOOL_", "<a name="],
)
def test_looking_takes_linear_time(piece: str) -> None:
    """Whatever a model repeats."""
    assert takes_linear_time(lambda text: call_like(text, NAMES), piece, 20_000)
