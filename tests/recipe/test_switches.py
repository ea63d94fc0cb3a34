"""Switches of the environment: one convention for all of them."""

import pytest
from helpers.paths import ROOT

from swiftkit.recipe.switches import OFF, is_on


@pytest.mark.parametrize("value", ["0", "false", "False", "no", "NO", "off", " 0 "])
@pytest.mark.parametrize("default", [True, False])
def test_no_in_any_spelling_is_off(value: str, default: bool) -> None:
    assert not is_on({"RESUME": value}, "RESUME", default)


@pytest.mark.parametrize("value", ["1", "true", "yes", "on", "force", "2"])
def test_anything_else_is_on(value: str) -> None:
    assert is_on({"RESUME": value}, "RESUME")


@pytest.mark.parametrize("environment", [{}, {"VLLM": ""}, {"VLLM": "  "}])
@pytest.mark.parametrize("default", [True, False])
def test_empty_is_the_default(environment: dict[str, str], default: bool) -> None:
    assert is_on(environment, "VLLM", default) is default


def test_shell_scripts_know_the_same_words() -> None:
    assert f"({'|'.join(OFF)})?" in (ROOT / "recipes/usage.sh").read_text()
