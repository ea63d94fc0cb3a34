"""The short way to read Python calls: what it reads, Python's own parser reads the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.scanners import python_calls

VALUES = (
    '"a" "" "it\'s" "#" "北京" \'b\' \'q"\' \'\' """x""" "a\\n" "\\" r"x" f"x" b"x" "a""b" '
    "5 -5 05 0 -0 -0.0 1. .5 1.50 1e5 1_000 0x1f 5j +5 --5 99999999999999999999 1.99999999999999999 "
    "True False None true null TRUE nan x.y 1+1 *a **k ... (1,2) {} [] [1] [[1],[2]] [1,] [01] [-1] "
    '["a","b"] ["a"\'b\'] ["a""b"] ["\\n"] ["\\/"] [True] [true,null] [NaN] [1e999] [{"a":1}] ["#"]'
).split()
VALUES += [
    "- 5",
    '"a" "b"',
    '"a\nb"',
    '"\x00"',
    '"\ud800"',
    '["\ud800"]',
    '["a\tb"]',
    "[1\n,2]",
    "[" * 60 + "]" * 60,
    "[" * 210 + "]" * 210,
    "9" * 5000,
    "5 ",
]
names = st.sampled_from(["f", "a.b_c", "class", "a.None", "__debug__", "ﬁ", "é", "a..b", "f g", ""])
keys = st.sampled_from(["a", "b", "class", "__debug__", "ﬁ", "é", "a.b", "1a"])
equals = st.sampled_from(["=", " =", "= ", "==", ":="])
separators = st.sampled_from([", ", ",", " , ", ",,", "; ", "\n", ",\n", " "])


@st.composite
def lists_of_calls(draw: st.DrawFn) -> str:
    """Most parts are ordinary, or no text would be calls as a whole."""

    def rarely(odd: st.SearchStrategy[str], usual: str) -> str:
        return draw(odd) if draw(st.integers(0, 9)) == 0 else usual

    calls = []
    for _ in range(draw(st.integers(1, 2))):
        arguments = ""
        for key in "xyz"[: draw(st.integers(0, 3))]:
            arguments += rarely(separators, ", ") if arguments else ""
            arguments += rarely(keys, key) + rarely(equals, "=") + draw(st.sampled_from(VALUES))
        calls.append(f"{rarely(names, 'f')}({arguments})")
    return f"[{rarely(separators, ', ').join(calls)}]"


@settings(max_examples=600, deadline=None)
@given(lists_of_calls())
def test_what_the_patterns_read_python_reads_the_same(text: str) -> None:
    """The patterns refuse what Python refuses, and never see another value, type or end."""
    plain = python_calls.plain_list_at(text, 0)
    if plain:
        calls, end = plain
        assert repr(python_calls.read_list(text[:end])) == repr(calls)
        assert python_calls.list_at(text, 0) == plain


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('[f(a="x", b=\'y\', c=5, d=-1.5, e=True, g=None)] and more',
         {"a": "x", "b": "y", "c": 5, "d": -1.5, "e": True, "g": None}),
        ('[f(a=[1, 2.5], b=["北京"], c=false)]', {"a": [1, 2.5], "b": ["北京"], "c": False}),
        ("[f()]", {}),
    ],
)  # fmt: skip
def test_ordinary_calls_need_no_parser(text: str, arguments: dict[str, object]) -> None:
    end = text.index(")]") + 2
    assert python_calls.plain_list_at(text, 0) == ([ToolCall("f", arguments)], end)
