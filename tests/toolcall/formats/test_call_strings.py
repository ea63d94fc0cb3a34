"""Call strings: round trips, hostile text, and what is a call, prose or malformed."""

from typing import Any

import pytest
from helpers.call_strategies import MARKUP, any_calls
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.formats.call_strings import parse, render

F = ToolCall("f", {"a": 1})
PIECES = [
    *MARKUP,
    "f(a=1)",
    "f(",
    "a=",
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    "'",
    "=",
    "，",
    "g(b='x')",
    "1e999",
    "None",
    "\\",
]


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("queryWeather(location=北京, date=now)", {"location": "北京", "date": "now"}),
        ("queryWeather( location = 北京 ,\n  date = now )", {"location": "北京", "date": "now"}),
        (
            "queryWeather(location=\"北京, 上海\", date='now')",
            {"location": "北京, 上海", "date": "now"},
        ),
        ("queryWeather()", {}),
        ("queryWeather( )", {}),
        ('queryWeather("full name"=x)', {"full name": "x"}),
    ],
)
def test_parse_one_call(text: str, arguments: dict[str, Any]) -> None:
    """Bare and quoted values, with and without spaces."""
    assert parse(text) == Parsed([ToolCall("queryWeather", arguments)])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5", 5),
        ("-1.5e2", -150.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("None", None),
        ('"5"', "5"),
        ("'it\\'s'", "it's"),
        ('"a\\nb"', "a\nb"),
        ("'a) and (b'", "a) and (b"),
        ("[1, [2]]", [1, [2]]),
        ("['x', \"y\", None]", ["x", "y", None]),
        ('{"k": {"v": 1}}', {"k": {"v": 1}}),
        ("{'k': True}", {"k": True}),
        ("[')', '(']", [")", "("]),
        ("007", "007"),
        ("+5", "+5"),
        ("1.", "1."),
        ("NaN", "NaN"),
        ("２", "２"),
        ("2025-04-24", "2025-04-24"),
        ("明天 下午", "明天 下午"),
        ("it's fine", "it's fine"),
        ('5" nails', '5" nails'),
        ("http://x.y/z?q=1&r=2", "http://x.y/z?q=1&r=2"),
        ("北京，上海", "北京，上海"),
        ("x[1]", "x[1]"),
    ],
)
def test_parse_reads_values_by_their_spelling(value: str, expected: Any) -> None:
    """JSON and Python literals are values, all else is text."""
    for text in (f"f(a={value})", f"f(a={value}, b=1)"):
        arguments = parse(text).calls[0].arguments
        assert arguments["a"] == expected
        assert type(arguments["a"]) is type(expected)


@pytest.mark.parametrize("between", ["\n", "\n\n", ",", ", ", ";", " ;\n", "\r\n"])
@pytest.mark.parametrize("around", ["{}", "[{}]", " {}\n", "{};"])
def test_parse_several_calls_whatever_stands_between(between: str, around: str) -> None:
    """A line break, a comma or a semicolon between two calls."""
    text = around.format(between.join(["f(a=1)", "g()", "f(a=1)"]))
    assert parse(text) == Parsed([F, ToolCall("g", {}), F])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "北京今天晴。",
        "f(x)",
        "f(x, a=1)",
        "f(1)",
        "f(a==1)",
        "f(**a)",
        "f(a=1) is the value.",
        "The value is f(a=1)",
        "f(a=1).",
        "f(a=1) g(a=1)",
        "f(a=1)(b=2)",
        "f(a=1) + f(a=2)",
        "x = f(a=1)",
        "P(X=1, Y) = P(X=1) P(Y)",
        "P(X=) is empty",
        "f (see page 5)",
        "f（a=1）",
        "1f(a=1)",
        "print('a')\nf(a=1)",
        '"f"',
        "(a=1)",
    ],
)
def test_parse_prose_is_content(text: str) -> None:
    """Words beside a call, and calls whose arguments have no names."""
    assert parse(text) == Parsed([], text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("f(a=1", "never closed"),
        ("f(a=1\ng(a=1)", "text after a value"),
        ("f(a='x)", "unterminated string"),
        ("f(a=[1, 2)", "neither JSON nor a Python literal"),
        ("f(a=1, b)", "without a name"),
        ("f(address=1 Main St, Springfield)", "without a name"),
        ("f(a=1,)", "without a name"),
        ("f(a=, b=1)", "without a value"),
        ("f(a=)", "without a value"),
        ("f(a=1, a=2)", "given twice"),
        ("f(a=g(b=1))", "needs quotes"),
        ("f(a=北京，b=2)", "needs quotes"),
        ('f(a="x" y)', "text after a value"),
        ("f(a=x\ny)", "text after a value"),
        ("f(a=1e999)", "out of range"),
        ("f(a=[NaN])", "no literal value"),
        ("f(a=[__import__('os')])", "no literal value"),
        ('"\\x"(a=1)', "not valid JSON"),
        ('""(a=1)', "without a name"),
        ("f(a=1)\ng(a=)", "without a value"),
    ],
)
def test_parse_broken_calls_is_malformed(text: str, reason: str) -> None:
    """Made of calls, but not readable: no calls, the text and a reason."""
    parsed = parse(text)
    assert (parsed.calls, parsed.content) == ([], text)
    assert reason in parsed.malformed


def test_render_quotes_only_where_it_must() -> None:
    """Text is quoted only where it would be read as something else."""
    calls = [
        ToolCall("queryWeather", {"location": "北京", "date": "2025-04-24"}),
        ToolCall("now", {}),
    ]
    assert render(calls) == "queryWeather(location=北京, date=2025-04-24)\nnow()"
    arguments = {
        "n": 1,
        "t": "1",
        "list": ["x"],
        "note": "a, b",
        "none": None,
        "word": "None",
        "two words": "x y",
    }
    assert render([ToolCall("f", arguments)]) == (
        'f(n=1, t="1", list=["x"], note="a, b", none=null, word="None", "two words"=x y)'
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(any_calls, max_size=4))
def test_rendered_calls_read_back(calls: list[ToolCall]) -> None:
    """parse(render(calls)) gives the calls back, whatever their names and strings hold."""
    assert parse(render(calls)) == Parsed(calls)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES) | st.text(st.characters(), max_size=5), max_size=12).map(
        "".join
    )
)
def test_parse_any_text_never_raises(text: str) -> None:
    """Calls, or a reason, or prose: one of them, and the text is kept unless it was read."""
    parsed = parse(text)
    assert not (parsed.calls and parsed.malformed)
    assert parsed.content == ("" if parsed.calls else text)


@pytest.mark.parametrize(
    "value", ["[" * 100_000, "9" * 10_000, '{"a":' * 50_000, '"' + "x" * 100_000, "(" * 100_000]
)
def test_parse_huge_values_is_malformed(value: str) -> None:
    """Deep nesting, endless numbers and strings that never end neither raise nor count."""
    assert parse(f"f(a={value})").malformed
