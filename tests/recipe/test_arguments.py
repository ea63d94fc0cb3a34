"""The table of swift's arguments."""

import pytest
from helpers.paths import ROOT

from swiftkit.preflight.rules.keys import RENAMED
from swiftkit.recipe.arguments import arguments_of, looks_like_a_flag, table, verbs


def test_renamed_flags_are_gone_and_their_new_names_known() -> None:
    """A renamed flag that swift still knew, or a new name that it does not, would be a wrong
    hint."""
    names = {name for verb in verbs() for name in arguments_of(verb)}
    assert not set(RENAMED) & names
    assert {new for new in RENAMED.values() if new} <= names


def test_table_is_of_the_pinned_swift() -> None:
    """The version that the recipes rely on, each verb with hundreds of arguments."""
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert f"ms_swift=={table().ms_swift}\n" in pins
    assert all(len(arguments_of(verb)) > 100 for verb in verbs())


@pytest.mark.parametrize(
    ("value", "is_flag"),
    [("--x", True), ("-1e-4", True), ("-1", False), ("-.5", False), ("-", False), ("-a b", False)],
)
def test_looks_like_a_flag_is_argparses_view(value: str, is_flag: bool) -> None:
    """A dash in front, but for plain numbers and text with spaces."""
    assert looks_like_a_flag(value) == is_flag
