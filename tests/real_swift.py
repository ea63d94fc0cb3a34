"""Real ms-swift in a process of its own: its imports take seconds, and it changes what it finds."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def encode_with_swift(model: Path, model_type: str, template: str, data: Path, *plugin: Path) -> list[dict[str, Any]]:
    """What encode_with_swift.py prints for each row."""
    return _printed("encode_with_swift.py", model, model_type, template, data, *plugin)


def encode_answers_with_swift(
    model: Path, model_type: str, template: str, mode: str, data: Path
) -> list[dict[str, Any]]:
    """What encode_answers_with_swift.py prints for each row."""
    return _printed("encode_answers_with_swift.py", model, model_type, template, mode, data)


def _printed(script: str, *arguments: Path | str) -> list[dict[str, Any]]:
    command = [sys.executable, Path(__file__).with_name(script), *arguments]
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"USE_HF": "1", "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": cache}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line[4:]) for line in done.stdout.splitlines() if line.startswith("ROW ")]
