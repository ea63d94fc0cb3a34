"""The flags of an evaluation agree with the server's recipe."""

from pathlib import Path

import pytest

from swiftkit.training.request_flags import request_flags


@pytest.mark.parametrize(
    ("yaml", "flags", "words"),
    [
        ("model: m", [], []),
        ("max_new_tokens: 128", [], ["--max-tokens", "128"]),
        ("max-new-tokens: 128", [], ["--max-tokens", "128"]),
        ("max_new_tokens: 128", ["--max_new_tokens", "64"], ["--max-tokens", "64"]),
        ("max_new_tokens: 128", ["--max_new=64"], ["--max-tokens", "64"]),  # a beginning is enough
        ("temperature: 0", [], ["--temperature", "0.0"]),
        ("temperature: 1e-2", ["--stop_words", "x"], ["--temperature", "0.01"]),
    ],
)
def test_flags_are_those_that_the_recipe_sets(
    tmp_path: Path, yaml: str, flags: list[str], words: list[str]
) -> None:
    file = tmp_path / "deploy.yaml"
    file.write_text(yaml)
    assert request_flags(file, flags) == words


@pytest.mark.parametrize(
    "yaml",
    [
        "max_new_tokens: many\ntemperature: -1",
        "max_new_tokens: 0\ntemperature: .nan",
        "max_new_tokens: -1\ntemperature: .inf",
        "max_new_tokens: 1.5",
        "max_new_tokens: .inf",
        "max_new_tokens: [1, x]",
        "max_new_tokens: {a: 1}",
        "max_new_tokens:",
        "- max_new_tokens",
        "max_new_tokens: [",
    ],
)
def test_value_that_swift_would_refuse_gives_no_flag(tmp_path: Path, yaml: str) -> None:
    """Preflight says what is wrong with it, before the server starts."""
    file = tmp_path / "deploy.yaml"
    file.write_text(yaml)
    assert request_flags(file, []) == []
    assert request_flags(tmp_path / "none.yaml", []) == []
