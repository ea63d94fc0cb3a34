"""`swiftkit convert`: the report balances, whatever the input holds."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swiftkit.cli.main import main

GOOD = {
    "messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
}
LINE = json.dumps(GOOD).encode()
TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}},
}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}],
}
STEPS = {
    "tools": [TOOL],
    "messages": [
        *GOOD["messages"][:1],
        CALL,
        {"role": "tool", "tool_call_id": "1", "content": "1"},
        CALL,
    ],
}


def convert(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(
        main, ["convert", *map(str, arguments)], input=stdin, catch_exceptions=False
    )


def report_of(result: Result) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(result.stdout)
    assert report["rows_in"] == report["rows_accepted"] + report["rows_rejected"]
    assert report["rows_rejected"] == sum(report["rejects"].values())
    return report


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "rows.jsonl"


def write(path: Path, content: bytes | list[Any]) -> Path:
    lines = (
        content
        if isinstance(content, bytes)
        else b"\n".join(json.dumps(row).encode() for row in content)
    )
    path.write_bytes(lines)
    return path


def test_rows_and_rejects(tmp_path: Path, out: Path) -> None:
    """Each reject has its place, code, reason, fix and text; the exit status is 1 unless rejects
    are allowed."""
    raw = write(tmp_path / "raw.jsonl", LINE + b'\n{"messages": [\n\n[1]\n{"what": 1}\n' + LINE)
    result = convert(raw, "-o", out, "--json")
    assert result.exit_code == 1
    report = report_of(result)
    assert (report["rows_in"], report["rows_accepted"], report["rows_out"]) == (5, 2, 2)
    assert [row["id"] for row in rows(out)] == ["raw.jsonl:1", "raw.jsonl:6"]
    rejects = rows(out.with_suffix(".rejects.jsonl"))
    assert [(reject["line"], reject["code"]) for reject in rejects] == [
        (2, "broken_json"),
        (4, "not_an_object"),
        (5, "unknown_format"),
    ]
    assert all(
        reject["file"] == str(raw) and reject["reason"] and reject["fix"] for reject in rejects
    )
    assert rejects[0]["raw"] == '{"messages": ['
    assert f"{raw}:2" in result.stderr
    assert convert(raw, "-o", out, "--max-rejects", "3").exit_code == 0
    assert convert(raw, "-o", out, "--max-rejects", "2").exit_code == 1


def test_no_rejects_no_rejects_file(tmp_path: Path, out: Path) -> None:
    """And one of an earlier run goes away, for it tells of faults that are mended."""
    raw = write(tmp_path / "raw.jsonl", LINE + b"\n{")
    assert convert(raw, "-o", out).exit_code == 1
    assert out.with_suffix(".rejects.jsonl").exists()
    assert convert(write(raw, LINE), "-o", out).exit_code == 0
    assert [path.name for path in out.parent.iterdir()] == ["rows.jsonl"]


def test_says_which_format_and_why(tmp_path: Path, out: Path) -> None:
    """One file may mix formats; each is named with what it is."""
    raw = write(tmp_path / "raw.jsonl", [GOOD, {"instruction": "Hi.", "output": "Hello."}])
    stderr = convert(raw, "-o", out).stderr
    assert re.search(r"read as openai: 1 \(OpenAI / ChatML.*\), the first at raw.jsonl:1\n", stderr)
    assert re.search(
        r"read as alpaca_tool: 1 \(A question and an answer.*\), the first at raw.jsonl:2\n", stderr
    )


@pytest.mark.parametrize(
    ("content", "accepted", "codes"),
    [
        (b"\xef\xbb\xbf" + LINE + b"\r\n" + LINE + b"\r\n", 2, []),
        (LINE + b"\n" + LINE[:40], 1, ["broken_json"]),
        (LINE + b'\n{"messages": "\xff\xfe"}', 1, ["broken_json"]),
        (LINE + b"\n\0\0\0\n", 1, ["broken_json"]),
        (b'{"instruction": "\\ud800", "output": "x"}', 0, ["broken_json"]),
        (b'{"a": NaN}\n{"a": 1e999}\n{"a": ' + b"9" * 5000 + b"}", 0, ["broken_json"] * 3),
        (b"[" * 10_000 + b"\n" + b'{"a":' * 10_000, 0, ["too_deep"] * 2),
        (b'{"messages": ' + b"[" * 900 + b"]" * 900 + b"}", 0, None),
        (
            b'{"instruction": "q", "output": "a", "tools": '
            + b'{"items":' * 900
            + b"1"
            + b"}" * 901,
            0,
            None,
        ),
        (b'{"instruction": "' + b"x" * 5_000_000 + b'", "output": "y"}', 1, []),
        (b'5\nnull\n"x"\n[]\n{}', 0, ["not_an_object"] * 4 + ["unknown_format"]),
    ],
)
def test_hostile_lines_are_rejects(
    tmp_path: Path, out: Path, content: bytes, accepted: int, codes: list[str] | None
) -> None:
    """Never a traceback, never a silent loss."""
    report = report_of(convert(write(tmp_path / "raw.jsonl", content), "-o", out, "--json"))
    assert report["rows_accepted"] == accepted
    assert (
        report["rows_rejected"] >= 1 if codes is None else report["rejects"] == dict(Counter(codes))
    )


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.binary(max_size=30)
        | st.sampled_from([LINE, LINE[:-3], b"{}", b"\n", b"\r", b"[", b"\xef\xbb\xbf"]),
        max_size=6,
    )
)
def test_any_bytes_balance(tmp_path: Path, lines: list[bytes]) -> None:
    """Every line that is not blank is accepted or rejected."""
    content = b"\n".join([LINE, *lines])
    report = report_of(
        convert(write(tmp_path / "raw.jsonl", content), "-o", tmp_path / "rows.jsonl", "--json")
    )
    assert report["rows_in"] == sum(bool(line.strip()) for line in content.split(b"\n"))


@pytest.mark.parametrize(
    ("name", "content", "places"),
    [
        ("list.json", json.dumps([GOOD, GOOD]).encode(), [1, 2]),
        ("pretty.json", json.dumps([GOOD, GOOD], indent=2).encode(), [1, 2]),
        ("one.json", json.dumps(GOOD, indent=2).encode(), [1]),
        ("lines.json", LINE + b"\n" + LINE, [1, 2]),
        ("line.json", b"\xef\xbb\xbf" + LINE, [1]),
    ],
)
def test_json_file_gives_places_of_its_records(
    tmp_path: Path, out: Path, name: str, content: bytes, places: list[int]
) -> None:
    """A list, one object, or JSON Lines under the name .json."""
    assert convert(write(tmp_path / name, content), "-o", out).exit_code == 0
    assert [row["source"] for row in rows(out)] == [f"{name}:{place}" for place in places]


@pytest.mark.parametrize(
    "content", [b"[" + LINE + b",", json.dumps(GOOD, indent=2).encode()[:-5], b'[{"a": NaN}]']
)
def test_a_broken_json_file_is_one_reject(tmp_path: Path, out: Path, content: bytes) -> None:
    """Where the records begin after the break, nobody can say."""
    report = report_of(convert(write(tmp_path / "raw.json", content), "-o", out, "--json"))
    assert report["rejects"] == {"broken_json": 1}


def test_a_folder_and_stdin(tmp_path: Path) -> None:
    """A folder is its data files, sorted, without what this run writes there; what else is in it is
    named."""
    write(tmp_path / "b.jsonl", LINE)
    write(tmp_path / "a.json", LINE)
    write(tmp_path / "readme.txt", b"not data")
    out = tmp_path / "rows.jsonl"
    for _ in range(2):
        result = convert(tmp_path, "-o", out)
        assert result.exit_code == 0
        assert [row["source"] for row in rows(out)] == ["a.json:1", "b.jsonl:1"]
        assert "left alone in the folder: readme.txt\n" in result.stderr
    assert convert("-", "-o", out, stdin=LINE).exit_code == 0
    assert rows(out)[0]["source"] == "stdin:1"


@pytest.mark.parametrize(
    "arguments",
    [
        ["none.jsonl", "-o", "out.jsonl"],
        ["raw.jsonl"],
        ["raw.jsonl", "-o", "raw.jsonl"],
        ["raw.jsonl", "-o", "out.jsonl", "--rejects", "out.jsonl"],
        ["raw.jsonl", "-o", "out.jsonl", "--rejects", "raw.jsonl"],
        ["raw.jsonl", "-o", "out.jsonl", "--from", "parquet"],
        ["raw.jsonl", "-o", "out.jsonl", "--to", "whole"],
        ["raw.jsonl", "-o", "out.jsonl", "--each-step"],
        ["raw.jsonl", "-o", "out.jsonl", "--workers", "0"],
        ["raw.jsonl", "-o", "raw.jsonl/out.jsonl"],
        ["raw.jsonl", "-o", "out.jsonl", "--sample-type", "none"],
        ["empty.jsonl", "-o", "out.jsonl"],
        ["folder", "-o", "out.jsonl"],
        ["raw.jsonl", "-o", "out.jsonl.gz"],
        ["raw.jsonl", "-o", "out.parquet"],
        ["raw.jsonl", "-o", "-"],
    ],
)
def test_wrong_usage_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """Exit status 2, no output, and nothing touched."""
    monkeypatch.chdir(tmp_path)
    write(Path("raw.jsonl"), LINE)
    write(Path("empty.jsonl"), b"\n")
    Path("folder").mkdir()
    result = convert(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
    assert result.stderr.strip()
    assert sorted(path.name for path in Path().iterdir()) == ["empty.jsonl", "folder", "raw.jsonl"]
    assert Path("raw.jsonl").read_bytes() == LINE


def test_sample_types_and_max_samples(tmp_path: Path, out: Path) -> None:
    """What is filtered out is counted apart; what comes after the last sample is not read."""
    kinds = ["a", "b", "a", "c", ["a"], None]
    raw = write(tmp_path / "raw.jsonl", [GOOD | {"sample_type": kind} for kind in kinds])
    report = report_of(
        convert(raw, "-o", out, "--json", "--sample-type", "a", "--sample-type", "c")
    )
    assert (report["rows_in"], report["rows_filtered"], report["rows_out"]) == (3, 3, 3)
    assert [row["sample_type"] for row in rows(out)] == ["a", "a", "c"]
    report = report_of(
        convert(raw, "-o", out, "--json", "--sample-type", "a", "--max-samples", "1")
    )
    assert (report["rows_in"], report["rows_filtered"], report["rows_out"]) == (1, 0, 1)


def test_what_is_filtered_out_is_explained(tmp_path: Path, out: Path) -> None:
    """Bad answers are no examples; when nothing else is left, that is said."""
    bad = {"task_id": 1, "reward": 0.0, "traj": STEPS["messages"]}
    raw = write(tmp_path / "raw.jsonl", [bad, GOOD, bad])
    result = convert(raw, "-o", out, "--json")
    assert (report_of(result)["rows_in"], report_of(result)["rows_filtered"]) == (1, 2)
    assert "filtered out: 2, marked as a bad answer\n" in result.stderr
    result = convert(write(raw, [bad]), "-o", out)
    assert (
        result.exit_code,
        "no rows but 1 that are filtered out: marked as a bad" in result.stderr,
    ) == (2, True)


def test_second_row_of_an_id_gets_its_own(tmp_path: Path, out: Path) -> None:
    """An evaluation keeps its answers by id, so a second row of one id, and its chain, get a name
    of their own."""
    raw = write(tmp_path / "raw.jsonl", [STEPS | {"id": "s"}] * 2)
    assert convert(raw, "-o", out, "--to", "grpo", "--each-step").exit_code == 0
    assert [(row["id"], row["chain"]) for row in rows(out)] == [
        ("s#1", "s"),
        ("s#2", "s"),
        ("s~2#1", "s~2"),
        ("s~2#2", "s~2"),
    ]
    assert all(row["expected_calls"] == '[{"name":"f","arguments":{}}]' for row in rows(out))


def test_max_samples_may_cut_a_chain(tmp_path: Path, out: Path) -> None:
    """The limit is on rows written."""
    raw = write(tmp_path / "raw.jsonl", [STEPS] * 3)
    report = report_of(
        convert(raw, "-o", out, "--to", "grpo", "--each-step", "--max-samples", "3", "--json")
    )
    assert (report["rows_in"], report["rows_out"], len(rows(out))) == (2, 3, 3)


def test_bfcl_gold_is_found_beside_the_file(tmp_path: Path, out: Path) -> None:
    """possible_answer/ holds a file of the same name, joined by id."""
    function = {
        "name": "f",
        "description": "d",
        "parameters": {"type": "dict", "properties": {"a": {"type": "integer"}}},
    }
    question = [
        {"id": f"multiple_{i}", "question": [[GOOD["messages"][0]]], "function": [function]}
        for i in (0, 1)
    ]
    raw = write(tmp_path / "BFCL_v4_multiple.json", question)
    (tmp_path / "possible_answer").mkdir()
    write(
        tmp_path / "possible_answer" / raw.name,
        [{"id": "multiple_1", "ground_truth": [{"f": {"a": [1, 2]}}]}],
    )
    report = report_of(convert(raw, "-o", out, "--to", "grpo", "--json"))
    assert (report["rows_accepted"], report["rejects"]) == (1, {"no_gold": 1})
    gold = '[{"name":"f","arguments":{"a":1},"accepted":{"a":[1,2]}}]'
    assert [(row["id"], row["expected_calls"]) for row in rows(out)] == [("multiple_1", gold)]


def test_workers_keep_the_order(tmp_path: Path) -> None:
    """Two processes write, byte for byte, what one writes, and the same report."""
    padding = "x" * 3000
    raw = write(
        tmp_path / "raw.jsonl",
        [GOOD | {"id": i % 900, "note": padding} if i % 7 else {} for i in range(1500)],
    )
    written = []
    for workers in ("1", "2"):
        result = convert(
            raw, "-o", tmp_path / "rows.jsonl", "--to", "grpo", "--workers", workers, "--json"
        )
        files = [(tmp_path / name).read_bytes() for name in ("rows.jsonl", "rows.rejects.jsonl")]
        written.append((files, result.stdout))
    assert written[0] == written[1]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_unreadable_file_is_one_sentence(tmp_path: Path, out: Path) -> None:
    """An unreadable file is one sentence, not a traceback."""
    raw = write(tmp_path / "raw.jsonl", LINE)
    raw.chmod(0)
    result = convert(raw, "-o", out)
    assert (result.exit_code, "Permission denied" in result.stderr) == (2, True)


def test_a_killed_run_leaves_no_output(out: Path) -> None:
    """Until the end there is no file of the output's name, so nothing half-done looks whole."""
    command = [sys.executable, "-m", "swiftkit", "convert", "-", "-o", str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin
        process.stdin.write((LINE + b"\n") * 20_000)
        process.stdin.flush()
        deadline = time.monotonic() + 30
        while (
            not (out.parent.exists() and any(out.parent.iterdir())) and time.monotonic() < deadline
        ):
            time.sleep(0.01)
        process.kill()
        process.wait()
    assert [path.suffix for path in out.parent.iterdir()] == [".part"]


def test_rows_for_rewards_can_be_pinned_to_a_wire_format(tmp_path: Path) -> None:
    """Beside their other options; for training on text there is nothing to pin."""
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    asked = [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [call]}]
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    (tmp_path / "raw.jsonl").write_text(
        json.dumps({"messages": asked, "tools": tools}) + "\n", encoding="utf-8"
    )
    for target in (("--to", "grpo"), ("--to", "grpo", "--each-step")):
        out = tmp_path / "out.jsonl"
        result = convert(tmp_path / "raw.jsonl", "-o", out, *target, "--wire-format", "qwen3_coder")
        assert result.exit_code == 0, result.output
        row = json.loads(out.read_text(encoding="utf-8"))
        assert json.loads(row["scoring"]) == {"wire_format": "qwen3_coder"}
    result = convert(tmp_path / "raw.jsonl", "-o", out, "--wire-format", "qwen3_coder")
    assert result.exit_code == 2
    assert "needs --to grpo" in result.output
