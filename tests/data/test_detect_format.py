"""Detection of a record's format: an explicit order, and a converter that is added as one file."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.paths import ROOT

from swiftkit.data.detect_format import converter_of, in_order, names

DUMMY = '''"""Dummy rows of one question and one reply.

Source: this test. A real row: {"q": "Hi.", "dummy_reply": "Hello."}
"""

from swiftkit.data.rows import make_row

ORDER = 299
READS = {"": "q dummy_reply"}


def matches(record):
    return "dummy_reply" in record


def convert(record):
    question = {"role": "user", "content": record["q"]}
    answer = {"role": "assistant", "content": record["dummy_reply"]}
    return [make_row([question, answer], record, ("q", "dummy_reply"))]
'''


def test_orders_of_converters_are_distinct() -> None:
    """No two formats have the same place, so no record is decided by the alphabet."""
    orders = [converter.ORDER for _, converter in in_order()]
    assert len(orders) == len(set(orders)) == len(names())
    assert orders == sorted(orders)


@pytest.mark.parametrize("options", [[], ["--from", "dummy"]], ids=["detected", "forced"])
def test_converter_added_as_one_file_is_used(tmp_path: Path, options: list[str]) -> None:
    """In a copy of the package, to which nothing but the converter's file is added."""
    package = tmp_path / "swiftkit"
    shutil.copytree(ROOT / "swiftkit", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "data" / "converters" / "dummy.py").write_text(DUMMY, encoding="utf-8")
    raw, out = tmp_path / "raw.jsonl", tmp_path / "rows.jsonl"
    openai = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    records = [{"q": "Hi.", "dummy_reply": "Hello."}] + ([] if options else [openai])
    raw.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "swiftkit", "convert", raw, "-o", out, "--json", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(done.stdout)
    assert report["formats"] == {"dummy": 1} | ({} if options else {"openai": 1})
    assert "read as dummy: 1 (Dummy rows of one question and one reply)" in done.stderr
    first = json.loads(out.read_text(encoding="utf-8").splitlines()[0])
    assert [message["content"] for message in first["messages"]] == ["Hi.", "Hello."]


def test_special_formats_come_before_the_general_ones() -> None:
    """OpenAI's messages and ShareGPT's conversations are what remains."""
    assert {name for name, _ in in_order()[-2:]} == {"openai", "sharegpt"}
    assert converter_of("preference").ORDER < converter_of("kto").ORDER < converter_of("xlam").ORDER
