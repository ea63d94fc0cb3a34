"""docs/wire-formats.md: its table is made from the formats, and its policies are those of the
tests."""

import inspect
import re
import runpy
from typing import Any

import pytest
from helpers.paths import ROOT

from swiftkit.toolcall import formats
from swiftkit.toolcall.wire_format import load

TABLE: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "wire_formats.py"))
DOCUMENT = (ROOT / "docs" / "wire-formats.md").read_text(encoding="utf-8")
FIELDS = {"Written by", "Engines"}


@pytest.mark.parametrize("name", formats.names())
def test_a_format_says_who_writes_it_and_which_engines_read_it(name: str) -> None:
    """Each field is a paragraph that ends with a point; no docstring says the same field twice."""
    docstring = inspect.getdoc(load(name)) or ""
    keys = re.findall(r"^(Written by|Read too|Limits|Engines): ", docstring, re.MULTILINE)
    assert keys == list(TABLE["fields"](docstring))
    assert set(keys) >= FIELDS


def test_the_table_is_made_from_the_formats() -> None:
    """It is not written by hand: .venv/bin/python scripts/wire_formats.py"""
    assert TABLE["written"](DOCUMENT) == DOCUMENT


def test_every_policy_of_the_tests_is_in_the_document() -> None:
    """By its name."""
    policies = set(
        re.findall(r"^\| ([^|`]+(?:`\w+`)?) \|", DOCUMENT.partition("## Policies")[2], re.M)
    )
    for file in ("test_canitoolcall.py", "test_wire_cases.py"):
        module = runpy.run_path(str(ROOT / "tests" / "toolcall" / file))
        named = module["POLICIES"]
        for policy in named if file == "test_canitoolcall.py" else named.values():
            assert policy in policies, policy
