"""The JSON files of a model's folder."""

from pathlib import Path

import pytest

from swiftkit.recipe.model_files import read_object


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_file_with_numbers_that_only_python_writes_is_read(tmp_path: Path, number: str) -> None:
    """Such as the time_step_limit of Mamba's config.json."""
    file = tmp_path / "config.json"
    file.write_text(f'{{"model_type": "mamba2", "time_step_limit": [0.0, {number}]}}')
    assert read_object(file)["model_type"] == "mamba2"


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"a": "\\xff'])
def test_file_that_is_no_object_is_empty(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(text.encode("latin-1"))
    assert read_object(file) == {}
