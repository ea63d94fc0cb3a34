"""`swiftkit score`: completions of any form find their rows, nothing is left out in silence, one
row is explained."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from swiftkit.cli.main import main
from swiftkit.scoring.gold import gold_from
from swiftkit.scoring.score import score_text

TOOLS = json.dumps([
    {"type": "function", "function": {"name": "weather", "parameters": {
        "type": "object", "required": ["city"], "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    }}}
])  # fmt: skip
GOLD = json.dumps([{"name": "weather", "arguments": {"city": "Oslo", "days": 3}}])
ROWS: list[dict[str, Any]] = [
    {
        "id": "a",
        "messages": [{"role": "user", "content": "Weather in Oslo?"}],
        "tools": TOOLS,
        "expected_calls": GOLD,
    },
    {
        "id": "b",
        "messages": [{"role": "user", "content": "Hi there"}],
        "tools": TOOLS,
        "expected_calls": "[]",
    },
]
RIGHT = '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo", "days": 3}}\n</tool_call>'
WRONG = RIGHT.replace("3", '"3"')
CALL = {
    "type": "function",
    "id": "1",
    "function": {"name": "weather", "arguments": '{"city": "Oslo", "days": 3}'},
}
MESSAGE = {"role": "assistant", "content": None, "tool_calls": [CALL]}
HI = {"id": "b", "completion": "Hello"}


def write(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def run(folder: Path, completions: list[Any], *options: str, rows: list[Any] = ROWS) -> Result:
    data, given = (
        write(folder / "rows.jsonl", rows),
        write(folder / "completions.jsonl", completions),
    )
    return CliRunner().invoke(main, ["score", str(data), "--completions", str(given), *options])


def values(folder: Path, completions: list[Any], *options: str) -> dict[str, list[float]]:
    """The scores that -o writes, by row."""
    done = run(folder, completions, "-o", str(folder / "scores.jsonl"), *options)
    assert done.exit_code in (0, 1), done.output
    found: dict[str, list[float]] = {}
    for line in (folder / "scores.jsonl").read_text(encoding="utf-8").splitlines():
        found.setdefault(json.loads(line)["id"], []).append(json.loads(line)["value"])
    return found


@pytest.mark.parametrize(
    "line",
    [
        {"id": "a", "completion": RIGHT},
        {"id": "a", "text": RIGHT},
        {"id": "a", "response": RIGHT},
        {"custom_id": "a", "output": [RIGHT]},
        {"id": "a", "message": MESSAGE},
        {"id": "a", "message": {"role": "assistant", "content": RIGHT}},
        {"id": "a", **MESSAGE},
        {"id": "a", "choices": [{"index": 0, "message": MESSAGE}]},
        {"id": "batch_1", "custom_id": "a", "response": {"body": {"choices": [{"message": MESSAGE}]}}},
        {"sample_id": "a", "trial": 0, "text": RIGHT},
        {"sample_id": "a", "text": "", "tool_calls": [{"name": "weather", "arguments": {"city": "Oslo", "days": 3}}]},
        {"response": RIGHT, "messages": [*ROWS[0]["messages"], {"role": "assistant", "content": RIGHT}]},
    ],
    ids=["completion", "text", "response", "list", "message", "message with text", "bare message", "chat completion",
         "batch", "journal", "journal with calls", "swift infer"],
)  # fmt: skip
def test_score_every_form_of_a_completion_finds_its_row(
    tmp_path: Path, line: dict[str, Any]
) -> None:
    """Each of them finds its row and is the same right answer."""
    assert values(tmp_path, [line, HI]) == {"a": [1.0], "b": [1.0]}


@pytest.mark.parametrize("kind", ["json", "gz", "folder"])
def test_score_rows_of_any_file_find_their_completions(tmp_path: Path, kind: str) -> None:
    """By id, and by what was asked: rows are read as the other commands read them."""
    data = tmp_path / kind / f"rows.{'jsonl' if kind == 'folder' else kind}"
    data.parent.mkdir()
    text = json.dumps(ROWS) if kind == "json" else "".join(json.dumps(row) + "\n" for row in ROWS)
    data.write_bytes(gzip.compress(text.encode()) if kind == "gz" else text.encode())
    asked = {"response": RIGHT, "messages": ROWS[0]["messages"]}
    given = write(tmp_path / "completions.jsonl", [asked, HI])
    place = data.parent if kind == "folder" else data
    done = CliRunner().invoke(main, ["score", str(place), "--completions", str(given), "--json"])
    assert (done.exit_code, json.loads(done.stdout)["exact"]) == (0, 1.0)


def test_score_counts_the_lines_of_a_journal_as_grade_does(tmp_path: Path) -> None:
    """The last answer to a trial, without any the last error; the others are said."""
    failed = {"sample_id": "a", "trial": 0, "text": "", "error": "HTTP 500"}
    right, wrong = ({"sample_id": "a", "trial": 0, "text": text} for text in (RIGHT, WRONG))
    other = {"sample_id": "a", "trial": 1, "text": WRONG}
    hi = {"sample_id": "b", "trial": 0, "text": "Hello"}
    lines = [failed, wrong, other, hi, right, failed]
    assert values(tmp_path, lines) == {"a": [0.75, 1.0], "b": [1.0]}
    done = run(tmp_path, lines)
    assert (done.exit_code, "3 lines of the journal do not count" in done.stderr) == (0, True)
    done = run(tmp_path, [failed, hi, failed], "--json")
    assert (done.exit_code, json.loads(done.stdout)["errors"]) == (1, 1)


def test_score_tables_of_grpo_are_paired_by_their_prompts(tmp_path: Path) -> None:
    """Prompts name the rows; the last table of a step counts, since swift writes the last one
    twice."""
    prompts = [
        f"<|im_start|>user\n{row['messages'][0]['content']}<|im_end|>\n<|im_start|>assistant\n"
        for row in ROWS
    ]
    table = {
        "step": ["1"] * 3,
        "prompt": [prompts[0], prompts[0], prompts[1]],
        "completion": [RIGHT, WRONG, "Hello"],
    }
    found = values(tmp_path, [table, table | {"step": ["2"] * 3}, table | {"step": ["2"] * 3}])
    wrong = score_text(WRONG, gold_from(GOLD, "", "", TOOLS)).value
    assert found == {"a": [1.0, wrong, 1.0, wrong], "b": [1.0, 1.0]}


def test_score_unnamed_lines_are_paired_by_position(tmp_path: Path) -> None:
    """A file that says nothing of its rows is paired line by line, which is said; one of another
    length is refused."""
    assert values(tmp_path, [{"completion": RIGHT}, {"completion": "Hello"}]) == {
        "a": [1.0],
        "b": [1.0],
    }
    assert (
        "paired by position"
        in run(tmp_path, [{"completion": RIGHT}, {"completion": "Hello"}]).stderr
    )
    assert run(tmp_path, [{"completion": RIGHT}]).exit_code == 2


def test_score_several_completions_of_a_row_are_trials(tmp_path: Path) -> None:
    """Each is a trial of its own, in the order of the file."""
    assert values(tmp_path, [{"id": "a", "completion": [RIGHT, "no"]}, HI, {"id": "a", "completion": RIGHT}])["a"] == [
        1.0, 0.0, 1.0,
    ]  # fmt: skip


def test_score_rows_and_completions_without_partner_are_named(tmp_path: Path) -> None:
    """On either side, with exit status 1; the rest is scored."""
    done = run(
        tmp_path, [{"id": "a", "completion": RIGHT}, {"id": "zz", "completion": "x"}], "--json"
    )
    report = json.loads(done.stdout)
    assert done.exit_code == 1
    assert report["unmatched_completions"] == [f"{tmp_path}/completions.jsonl:2 (zz)"]
    assert report["unanswered_rows"] == ["b"]
    assert (report["completions"], report["scored"], report["value"], report["exact"]) == (
        2,
        1,
        1.0,
        1.0,
    )
    assert "1 rows have no completion: b" in done.stderr


def test_score_failed_request_has_no_score(tmp_path: Path) -> None:
    """An error is no answer of the model: it is counted, and the exit status is 1."""
    done = run(tmp_path, [{"sample_id": "a", "text": "", "error": "timeout"}, HI], "--json")
    assert done.exit_code == 1
    assert (json.loads(done.stdout)["errors"], json.loads(done.stdout)["scored"]) == (1, 1)


@pytest.mark.parametrize(
    "failed",
    [
        {"id": "a", "choices": [{"message": {"content": "I"}, "finish_reason": "error"}]},
        {"id": "a", "error": {"message": "x"}, "choices": [{"message": {"content": "I"}}]},
        {"id": "1", "custom_id": "a", "response": None, "error": {"code": "batch_expired"}},
        {"id": "1", "custom_id": "a", "response": {"body": {"error": {"message": "bad"}}}},
    ],
)
def test_score_error_of_an_api_is_no_answer(tmp_path: Path, failed: dict[str, Any]) -> None:
    report = json.loads(run(tmp_path, [failed, HI], "--json").stdout)
    assert (report["errors"], report["scored"]) == (1, 1)


def test_score_counts_answers_that_were_cut(tmp_path: Path) -> None:
    cut = {"id": "a", "choices": [{"message": {"content": "I"}, "finish_reason": "length"}]}
    assert json.loads(run(tmp_path, [cut, HI], "--json").stdout)["cut"] == 1
    assert "1 completions were cut at the token limit" in run(tmp_path, [cut, HI]).stderr


def test_score_summary_shows_metrics_and_parts(tmp_path: Path) -> None:
    """The metrics of `swiftkit eval` and the parts on stdout; exit status 0 when all is paired."""
    done = run(tmp_path, [{"id": "a", "completion": RIGHT}, HI])
    assert done.exit_code == 0, done.output
    for said in ("tool_accuracy", "chain_success", "abstention", "parameter values", "schema"):
        assert said in done.stdout
    assert "2 of 2 completions scored, 100.0 % exact" in done.stderr


def test_explain_shows_each_fault_and_its_cost(tmp_path: Path) -> None:
    """The expected and the given calls, each fault with its code, and the cost of each part; control
    characters are tamed."""
    text = WRONG.replace('"Oslo"', '"Os\\u001blo"') + RIGHT.replace("weather", "wether")
    done = run(tmp_path, [{"id": "a", "completion": text}, HI], "--explain", "a")
    for said in (
        'expected  weather(city="Oslo", days=3)', 'weather: days is "3", expected 3', "wrong_type", "unknown_tool",
        "unexpected wether", "x count 0.5000",
        f"{tmp_path}/completions.jsonl:1",
    ):  # fmt: skip
        assert said in done.stdout, said
    costs = [line.split() for line in done.stdout.splitlines()]
    assert ["parameter", "values", "0.0000", "0.50", "0.5000"] in costs
    assert "\x1b" not in done.stdout
    assert "row b" not in done.stdout


def test_explain_unknown_row_is_wrong_usage(tmp_path: Path) -> None:
    """Wrong usage, which names rows that there are."""
    done = run(tmp_path, [HI], "--explain", "q")
    assert done.exit_code == 2
    assert "rows with one: b" in done.stderr


def test_score_mode_bfcl_takes_bfcls_verdict(tmp_path: Path) -> None:
    """BFCL's verdict instead of ours: 3.0 is no integer there."""
    line = {"id": "a", "completion": RIGHT.replace("3", "3.0")}
    properties = {"city": {"type": "string"}, "days": {"type": "integer"}}
    function = {"name": "weather", "parameters": {"properties": properties, "required": []}}
    truth = [{"weather": {"city": ["Oslo"], "days": [3]}}]
    item = {"category": "simple_python", "function": [function], "ground_truth": truth}
    row = ROWS[0] | {"scoring": json.dumps({"bfcl": item})}
    assert ", 100.0 % exact" in run(tmp_path, [line], rows=[row]).output
    assert ", 0.0 % exact" in run(tmp_path, [line], "--mode", "bfcl", rows=[row]).output


def test_score_mode_bfcl_refuses_a_row_that_is_not_bfcls(tmp_path: Path) -> None:
    """Wrong usage, which names the row; the mode in a row's own options is a bad gold."""
    done = run(tmp_path, [HI], "--mode", "bfcl")
    assert done.exit_code == 2
    assert "rows.jsonl:1" in done.stderr
    assert "--mode" in done.stderr
    row = ROWS[0] | {"scoring": '{"mode": "bfcl"}'}
    done = run(tmp_path, [{"id": "a", "completion": RIGHT}], rows=[row])
    assert done.exit_code == 2
    assert "rows.jsonl:1: bad gold" in done.stderr


@pytest.mark.parametrize(
    "lines",
    [[], [{"id": "a"}], [{"id": "a", "completion": 5}], [{"id": "a", "completion": [RIGHT, None]}], ["x"],
     [{"prompt": ["x"], "completion": []}], [{"id": "nobody", "completion": "x"}],
     [{"sample_id": "a", "text": "", "tool_calls": [5]}]],
)  # fmt: skip
def test_score_unusable_file_is_named(tmp_path: Path, lines: list[Any]) -> None:
    """Exit status 2 and one clean message with the place."""
    done = run(tmp_path, lines)
    assert done.exit_code == 2
    assert done.stderr.startswith("swiftkit: ")
    assert str(tmp_path) in done.stderr


def test_score_bad_gold_is_named_by_its_line(tmp_path: Path) -> None:
    """Gold or options that cannot be used are an error of the data."""
    for broken in ({"expected_calls": "{"}, {"scoring": '{"mood": 1}'}):
        done = run(tmp_path, [HI], rows=[ROWS[0] | broken, ROWS[1]])
        assert done.exit_code == 2
        assert "rows.jsonl:1: bad gold" in done.stderr


def test_unread_answers_are_counted_and_a_format_can_be_named(tmp_path: Path) -> None:
    """A call in another format than the named one is not read, and that is said."""
    foreign = {"id": "b", "completion": "<my_tool>weather</my_tool>"}
    result = run(tmp_path, [{"id": "a", "completion": RIGHT}, foreign], "--json")
    assert json.loads(result.stdout)["read_as"] == {"hermes": 1, "unread": 1}
    assert json.loads(result.stdout)["metrics"]["abstention"]["value"] == 0
    result = run(tmp_path, [{"id": "a", "completion": RIGHT}, HI], "--wire-format", "mistral")
    assert "answers: 1 unread, 1 no call" in result.stderr
    result = run(
        tmp_path, [{"id": "a", "completion": RIGHT}, HI], "--explain", "a", "--wire-format", "glm4"
    )
    assert "calls are written as hermes, not as glm4" in result.stdout
