"""The base model of an adapter, for recipes/eval.sh."""

import subprocess
import sys
from pathlib import Path

import pytest

from swiftkit.errors import DataError
from swiftkit.training.adapter import base_model

BASE = '"base_model_name_or_path": "models/a b"'


def write_config(folder: Path, text: str) -> Path:
    (folder / "adapter_config.json").write_text(text)
    return folder


def test_base_model_of_an_adapter_is_printed(tmp_path: Path) -> None:
    """As eval.sh asks for it."""
    write_config(tmp_path, f"{{{BASE}}}")
    command = [sys.executable, "-m", "swiftkit.training.adapter", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "models/a b\n"


@pytest.mark.parametrize(
    ("config", "fix"),
    [
        (f'{{{BASE}, "target_parameters": ["mlp.experts"]}}', "merge it"),
        ("{}", "take another checkpoint"),
        ('{"base_model', "take another checkpoint"),
    ],
)
def test_base_model_of_an_adapter_that_cannot_be_served_is_refused(
    tmp_path: Path, config: str, fix: str
) -> None:
    """Of experts, and a damaged one: one line, with what to do."""
    with pytest.raises(DataError, match=fix):
        base_model(write_config(tmp_path, config))
