"""What every converter owes: goldens, one claim to each record, DataError and nothing else.

A golden is golden/FORMAT.json: a list of {case, in, out} or {case, in, reject: code}.
"""

import json
from contextlib import suppress
from typing import Any

import pytest
from helpers.goldens import CASES, damage
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.data.check_row import check_row
from swiftkit.data.detect_format import Converter, converter_of, names, title
from swiftkit.data.from_openai import unfolded
from swiftkit.errors import DataError


def converted(converter: Converter, record: dict[str, Any]) -> list[Any]:
    rows = list(converter.convert(unfolded(record)))
    for row in rows:
        check_row(row)
    return rows


@pytest.mark.parametrize(("name", "case"), CASES)
def test_golden(name: str, case: dict[str, Any]) -> None:
    """The record becomes exactly these rows, or is refused with exactly this code."""
    if "reject" in case:
        with pytest.raises(DataError) as caught:
            converted(converter_of(name), case["in"])
        assert caught.value.code == case["reject"]
        assert caught.value.fix
    else:
        assert converted(converter_of(name), case["in"]) == case["out"]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_detection(name: str, case: dict[str, Any]) -> None:
    """No other converter claims the record; its own does, unless it is unlike anything."""
    claims = [other for other in names() if converter_of(other).matches(unfolded(case["in"]))]
    assert claims in ([name], []) if "reject" in case else claims == [name]


@pytest.mark.parametrize(
    "case", [case for _, case in (param.values for param in CASES) if "out" in case]
)
def test_nested_values_are_json_text(case: Any) -> None:
    """Arrow merges differing structs: beside the messages' own two keys, a row holds text alone."""
    for row in case["out"]:
        for column, value in row.items():
            assert column in ("messages", "chat_template_kwargs") or isinstance(value, str)
        for message in row["messages"]:
            assert message.keys() <= {"role", "content", "loss"}
            assert isinstance(message["content"], str)


@pytest.mark.parametrize("name", names())
def test_contract(name: str) -> None:
    """A title, a real example row and its source in the docstring; a golden that passes and one
    that is refused."""
    text = converter_of(name).__doc__ or ""
    assert len(title(name)) > 10
    assert "Source:" in text
    assert "{" in text
    kinds = {"reject" in param.values[1] for param in CASES if param.values[0] == name}
    assert kinds == {True, False}


@pytest.mark.parametrize("name", names())
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_record_converts_or_is_refused(name: str, data: st.DataObject) -> None:
    """A record of the format with one part replaced by anything: rows or DataError."""
    record = data.draw(
        st.sampled_from([param.values[1]["in"] for param in CASES if param.values[0] == name])
    )
    damaged = json.loads(json.dumps(record))
    for _ in range(data.draw(st.integers(1, 3))):
        damage(damaged, data)
    with suppress(DataError):
        converter_of(name).matches(unfolded(damaged))
        converted(converter_of(name), damaged)
