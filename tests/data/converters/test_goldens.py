"""The duties of every converter: goldens, a place in detection, DataError and nothing else.

A golden is golden/FORMAT.json: a list of {case, in, out} or {case, in, reject: code}.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from helpers.goldens import CASES, damage
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.data.check_row import check_row
from swiftkit.data.detect_format import Converter, converter_of, detect_format, names, title
from swiftkit.data.from_openai import unfolded
from swiftkit.errors import DataError


def converted(converter: Converter, record: dict[str, Any]) -> list[Any]:
    rows = list(converter.convert(unfolded(record)))
    for row in rows:
        if converter is not converter_of("pretraining"):  # whose rows are no conversations
            check_row(row)
    return rows


@pytest.mark.parametrize(("name", "case"), CASES)
def test_convert_golden_gives_its_rows(name: str, case: dict[str, Any]) -> None:
    """The record becomes exactly these rows, or is refused with exactly this code."""
    if "reject" in case:
        with pytest.raises(DataError) as caught:
            converted(converter_of(name), case["in"])
        assert caught.value.code == case["reject"]
        assert caught.value.fix
    else:
        assert converted(converter_of(name), case["in"]) == case["out"]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_detect_format_of_golden_is_its_own(name: str, case: dict[str, Any]) -> None:
    """The first converter that claims the record is the right one; one that is refused may be
    unlike anything."""
    detected = "none"
    with suppress(DataError):
        target = getattr(converter_of(name), "TARGETS", ("grpo",))[0]
        detected, _ = detect_format(unfolded(case["in"]), Path("raw.jsonl"), "", target)
    assert detected == name or (detected == "none" and "reject" in case)


@pytest.mark.parametrize(
    "case", [case for _, case in (param.values for param in CASES) if "out" in case]
)
def test_nested_values_are_json_text(case: Any) -> None:
    """Arrow merges differing structs: beside the messages' own keys, a row holds text alone."""
    for row in case["out"]:
        for column, value in row.items():
            assert column in ("messages", "chat_template_kwargs") or isinstance(value, str)
        for message in row["messages"]:
            texts = message.keys() - {"loss"}
            assert texts <= {"role", "content", "reasoning_content", "tool_call_id", "name"}
            assert all(isinstance(message[key], str) for key in texts)


@pytest.mark.parametrize("name", names())
def test_converter_is_documented_and_has_goldens(name: str) -> None:
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
