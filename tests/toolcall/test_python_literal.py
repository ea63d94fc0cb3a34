"""One value as text: what JSON and Python write is read back, what could mean two things is
refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swiftkit.toolcall import python_literal

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values)
def test_read_gives_back_what_python_and_json_write(value: Any) -> None:
    """Python's repr and JSON, also indented, give the value back."""
    assert python_literal.read(repr(value)) == value
    assert python_literal.read(json.dumps(value, indent=1)) == value


@given(st.text(max_size=30) | st.text("""'"\\#{}[](),: \nabtruenl01.-""", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but ValueError, and what is read can be written as JSON."""
    try:
        value = python_literal.read(text)
    except ValueError:
        return
    assert json.loads(json.dumps(value, allow_nan=False)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            "{'a': true, \"b\": [None, false], 'c': null}",
            {"a": True, "b": [None, False], "c": None},
        ),
        ("('a', (-1, 2.5))", ["a", [-1, 2.5]]),
        (' {\n \'it\\\'s\': "say \\"hi\\"" }\n', {"it's": 'say "hi"'}),
        ("'# no comment'", "# no comment"),
        ('"\\ud83d\\ude00"', "😀"),
    ],
)
def test_read_mixes_python_and_json(text: str, value: Any) -> None:
    """Python and JSON mixed, as models write it."""
    assert python_literal.read(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "", "word", "f(1)", "1 + 1", "[x for x in y]", "{1: 2}", "{'a': 1, 'a': 2}", "{**{}}", "{1, 2}", "b'a'", "f'a'",
        "1j", "...", "-True", "1e999", "NaN", "'a' 'b'", "'L''Aquila'", "'it's'", "{'a': 1  # note\n}", "'\\d'",
        "'\\ud800'", "'\x00'", "'a\nb'", "9" * 5000, "[" * 5000, "-" * 100_000 + "1", "__import__('os')",
    ],
)  # fmt: skip
def test_read_refuses_code_and_ambiguous_text(text: str) -> None:
    """Code, what no JSON can hold, and what may be a quote inside of a quote."""
    with pytest.raises(ValueError, match=r"\w"):
        python_literal.read(text)


@pytest.mark.parametrize(
    "text", ["'" + "\\'" * 50_000, "{'a': 1 #" + "\\'" * 50_000 + "\n}", "'' " * 50_000]
)
def test_read_refuses_long_texts_in_linear_time(text: str) -> None:
    """No search that goes back: in the square of the length these would take minutes."""
    with pytest.raises(ValueError, match=r"\w"):
        python_literal.read(text)
