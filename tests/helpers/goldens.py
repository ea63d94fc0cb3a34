"""The golden rows of the converters, as cases for a test, and rows that are damaged at random."""

import json
from typing import Any

import pytest
from hypothesis import strategies as st

from helpers.paths import GOLDEN
from swiftkit.data.detect_format import names

CASES = []
for _name in names():
    for _case in json.loads((GOLDEN / f"{_name}.json").read_text(encoding="utf-8")):
        CASES.append(pytest.param(_name, _case, id=f"{_name}: {_case['case']}"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def damage(value: Any, data: st.DataObject) -> None:
    """Replace one part at a random depth."""
    while value:
        key = data.draw(
            st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value)))
        )
        if not isinstance(value[key], dict | list) or not value[key] or data.draw(st.booleans()):
            value[key] = data.draw(json_values)
            return
        value = value[key]
