"""`swiftkit check`: each fault is found with its place, a clean file passes, and no row stops
it."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.check_rows import (
    ANSWER,
    GOOD,
    QUESTION,
    WEATHER,
    ask,
    call,
    check,
    lines_by_code,
    report,
    talk,
    tools,
    user,
    write,
)
from helpers.paths import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swiftkit.cli.main import main
from swiftkit.data.checks.findings import KINDS

TEXT = {"type": "string"}
QWEN = ROOT / "recipes" / "tiny" / "qwen3"
SHARED = Path(os.environ.get("SWIFTKIT_SHARED_DATA") or ROOT.parent / "shared" / "data")


@pytest.mark.parametrize("row", GOOD)
def test_check_good_row_finds_nothing(tmp_path: Path, row: dict[str, Any]) -> None:
    """Nothing is found, and the exit status is 0."""
    assert report(tmp_path, [row])["findings"] == []


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (talk(QUESTION, call({"city": "Oslo"}, "wether"), tools=tools()), "undefined_tool"),
        (talk(QUESTION, tools=tools(), expected_calls='[{"name": "f", "arguments": {}}]'), "undefined_tool"),
        (talk(QUESTION, call({"days": 1}), tools=tools()), "missing_parameter"),
        (talk(QUESTION, call({"city": 5}), tools=tools()), "bad_argument"),
        (talk(QUESTION, call({"city": "Oslo", "days": 0}), tools=tools()), "bad_argument"),
        (talk(QUESTION, tools=tools(), expected_calls='[{"name": "weather", "arguments": {}}]'), "missing_parameter"),
        (talk(QUESTION, call({"city": "Oslo", "unit": "C"}), tools=tools()), "undeclared_parameter"),
        (talk(QUESTION, call({"city": "Oslo", "unit": "C"}), tools=tools(WEATHER | {"additionalProperties": False})), "bad_argument"),
        (talk(QUESTION, call({"city": "Oslo"}), tools=tools({"type": "object", "minProperties": "x"})), "bad_schema"),
        (talk(QUESTION, call({}), tools=tools({"$ref": "http://127.0.0.1:9/schema"})), "bad_schema"),
        (talk(QUESTION, call({"city": "Oslo"})), "unchecked_calls"),
        (talk(QUESTION, {"role": "assistant", "content": " \n"}), "empty_answer"),
        (talk(QUESTION, {"role": "tool_call", "content": "weather()"}, tools=tools()), "bad_call"),
        (talk(QUESTION, {"role": "assistant", "content": None}), "bad_message"),
        (talk(ANSWER), "plain_text"),
        (talk(QUESTION), "no_answer"),
        (talk(QUESTION, call({"city": "Oslo"}), tools=tools(), expected_calls="[]"), "answer_left"),
        (talk(QUESTION, ANSWER, extra={"a": 1}), "nested_column"),
        (talk(QUESTION, ANSWER | {"weight": 1}), "dropped_key"),
        (ask("Say: a b c d e f g h", "A, b, c, d, e, f, g, h!"), "answer_quoted"),
        (ask("Say: a b c d e f g h", "<think>\nI copy it.\n</think>\n\na b c d e f g h"), "answer_quoted"),
        (ask("请重复：天气很好", "天气很好。"), None),
        (ask("请重复：今天的天气很好啊", "今天的天气很好啊。"), "answer_quoted"),
        (talk(user("Call weather(city='Oslo')"), call({"city": "Oslo"}), tools=tools()), "answer_quoted"),
        (b'{"messages": [', "broken_json"),
        (b"[" * 10_000, "too_deep"),
        (b"[1]", "not_an_object"),
        (b'{"messages": 1, "messages": 2}', "duplicate_key"),
    ],
)  # fmt: skip
def test_check_bad_row_finds_its_code(tmp_path: Path, row: Any, code: str | None) -> None:
    """Exactly this fault, on its line; the good rows around it are left in peace."""
    others = [
        ask("Name a colour that goes with green.", "White does."),
        ask("你好", "你好，有什么事吗？"),
    ]
    found = lines_by_code(report(tmp_path, [others[0], row, others[1]]))
    assert found == ({code: [2]} if code else {})


def test_check_counts_each_kind_once_a_row(tmp_path: Path) -> None:
    """Each kind counts the row once, and one fault does not hide another."""
    row = talk(
        QUESTION, call({}), call({"city": 1}), call({"city": 2}), call({}, "other"), tools=tools()
    )
    found = report(tmp_path, [row])
    assert {finding["code"]: finding["rows"] for finding in found["findings"]} == {
        "undefined_tool": 1,
        "missing_parameter": 1,
        "bad_argument": 1,
    }
    shown = next(finding for finding in found["findings"] if finding["code"] == "bad_argument")[
        "examples"
    ]
    assert [example["detail"].split(":")[0] for example in shown] == ["turn 3"]


def test_no_schema_is_fetched(tmp_path: Path) -> None:
    """A $ref to a file that is there is as unusable as one to a host that is not."""
    (tmp_path / "schema.json").write_text("{}", encoding="utf-8")
    row = talk(QUESTION, call({}), tools=tools({"$ref": (tmp_path / "schema.json").as_uri()}))
    assert lines_by_code(report(tmp_path, [row])) == {"bad_schema": [1]}


def test_every_kind_is_explained() -> None:
    """Each code has a sentence and a fix of its own, and stands in docs/data.md."""
    assert len({what for what, _ in KINDS.values()}) == len(KINDS)
    assert len({fix for _, fix in KINDS.values()}) == len(KINDS)
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    assert [code for code in KINDS if f"`{code}`" not in page] == []


def test_tables_show_findings_and_escape_hostile_text(tmp_path: Path) -> None:
    """For people: each finding with its places, the histogram, the sums; nothing in the data steers
    the terminal."""
    hostile = "\x1b[2J\x9b31m\u202e[bold]"
    row = talk(QUESTION, call({"city": "Oslo", hostile: 1}), call({}, hostile), tools=tools())
    path = write(tmp_path / "rows.jsonl", [*GOOD[:2], row, {"messages": hostile}])
    for option in ([], ["--json"]):
        result = check(path, *option)
        assert result.exit_code == 1
        assert not {"\x1b", "\x9b", "\u202e"} & set(result.stdout)
        assert "\\u001b[2J" in result.stdout
        for word in ("undefined_tool", "undeclared_parameter", "no_messages", "p50"):
            assert word in result.stdout
    assert "█" in check(path).stdout
    found = json.loads(check(path, "--json").stdout)["findings"]
    assert any(
        example["detail"].endswith(hostile) for finding in found for example in finding["examples"]
    )


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["none.jsonl"],
        ["empty.jsonl"],
        ["folder"],
        ["rows.jsonl", "--max-length", "10"],
        ["rows.jsonl", "--tokenizer", "folder"],
        ["rows.jsonl", "--tokenizer", "broken"],
        ["rows.jsonl", "--against", "none.jsonl"],
        ["rows.jsonl", "--against", "rows.jsonl"],
        ["rows.jsonl", "--against", "folder"],
    ],
)
def test_wrong_usage_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """Exit status 2 and a sentence, no traceback, no report."""
    monkeypatch.chdir(tmp_path)
    write(Path("rows.jsonl"), GOOD)
    write(Path("empty.jsonl"), [b"\n"])
    Path("folder").mkdir()
    Path("broken").mkdir()
    Path("broken/tokenizer.json").write_text("{}", encoding="utf-8")
    result = check(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.strip()


REPORT_WITHOUT_NUMPY = """
import sys
sys.modules["numpy"] = sys.modules["scipy"] = None
from swiftkit.cli.main import main
main(["check", *sys.argv[1:], "--json"])
"""


def test_report_is_the_same_in_every_process_and_needs_no_numpy(tmp_path: Path) -> None:
    """The base installation has neither numpy nor scipy; no hash is salted."""
    words = [f"word{number}" for number in range(400)]
    rows = [*GOOD, *(ask(" ".join([*words, *words[:more]])) for more in (0, 20, 40))]
    path = write(tmp_path / "rows.jsonl", rows)
    train = write(tmp_path / "train.jsonl", rows[-2:])
    reports = []
    for seed in ("0", "1"):
        command = [sys.executable, "-c", REPORT_WITHOUT_NUMPY, path, "--against", train]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        reports.append(json.loads(done.stdout) | {"elapsed_s": 0})
    assert reports[0] == reports[1]
    assert {"near_duplicate", "contaminated"} <= lines_by_code(reports[0]).keys()


def test_check_reads_stdin() -> None:
    """- reads rows from a pipe, and the examples say so."""
    result = check("-", "--json", stdin=b'{"messages": []}\n')
    assert json.loads(result.stdout)["findings"][0]["examples"][0]["where"] == "stdin:1"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
COLUMNS = (
    "messages",
    "tools",
    "expected_calls",
    "chain",
    "id",
    "rejected_response",
    "label",
    "chat_template_kwargs",
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_check_damaged_rows_never_raises(tmp_path: Path, data: st.DataObject) -> None:
    """Good rows with parts replaced by anything, and lines of any bytes."""
    rows: list[Any] = []
    for row in data.draw(st.lists(st.sampled_from(GOOD), min_size=1, max_size=4)):
        damaged = json.loads(json.dumps(row))
        damaged[data.draw(st.sampled_from(COLUMNS))] = data.draw(
            json_values | json_values.map(json.dumps)
        )
        for message in damaged["messages"] if isinstance(damaged["messages"], list) else []:
            if isinstance(message, dict) and data.draw(st.booleans()):
                key = data.draw(st.sampled_from(["role", "content", "loss", "reasoning_content"]))
                message[key] = data.draw(json_values)
        rows.append(damaged)
    rows += [
        line.replace(b"\n", b"") for line in data.draw(st.lists(st.binary(max_size=20), max_size=2))
    ]
    train = write(tmp_path / "train.jsonl", [GOOD[0], *rows])
    model = ("--tokenizer", QWEN) if find_spec("tokenizers") else ()
    report(tmp_path, rows, "--against", train, "--sample", "3", *model)


@pytest.mark.parametrize("depth", [50, 200, 400, 800, 990, 1200])
def test_check_deep_rows_never_raises(tmp_path: Path, depth: int) -> None:
    """Nesting in any column is a fault or none, never a crash."""
    value = "[" * depth + "]" * depth
    schema = '{"type": "object", "properties": {"a": ' * depth + "{}" + "}}" * depth
    called = '{"name": "f", "arguments": {"a": ' + value + "}}"
    row = talk(
        QUESTION,
        {"role": "tool_call", "content": called},
        tools=f'[{{"name": "f", "parameters": {schema}}}]',
    )
    nested = json.dumps(row)[:-1] + f', "x": {value}}}'
    simple = talk(
        QUESTION,
        {"role": "tool_call", "content": called},
        tools=tools({"properties": {"a": TEXT}}, "f"),
    )
    assert (
        report(
            tmp_path,
            [row, nested.encode(), simple, talk(QUESTION, expected_calls=f"[{called}]")],
            "--sample",
            "4",
        )["rows"]
        == 4
    )


@pytest.mark.skipif(not (SHARED / "bfcl").is_dir(), reason=f"no BFCL data in {SHARED}")
def test_check_bfcl_finds_two_bad_golds(tmp_path: Path) -> None:
    """Two gold answers of BFCL break their own schemas. A parameter that no tool declares is left
    out of them."""
    files = [
        f"BFCL_v4_{name}.json"
        for name in ("simple_python", "multiple", "parallel", "parallel_multiple")
    ]
    out = tmp_path / "rows.jsonl"
    command = [
        "convert",
        *(str(SHARED / "bfcl" / file) for file in files),
        "-o",
        str(out),
        "--to",
        "grpo",
    ]
    CliRunner().invoke(main, command, catch_exceptions=False)
    found = json.loads(check(out, "--json").stdout)
    assert found["rows_read"] == 1000
    counts = {finding["code"]: finding["rows"] for finding in found["findings"]}
    assert counts["bad_argument"] == 2
    assert "undeclared_parameter" not in counts
