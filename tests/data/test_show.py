"""`swiftkit show`: what it says of a row is what real swift trains on, and no data can drive the
terminal."""

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.paths import ROOT

from swiftkit.cli.main import main
from swiftkit.data import encode as encoder
from swiftkit.data import show
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import hermes

MODEL = ROOT / "recipes" / "tiny" / "qwen3"
END = "<|im_end|>\n"
QUESTION = {"role": "user", "content": "Weather in 北京 🌤️?"}
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "天气", "parameters": {"type": "object"}},
}
CITY = {"city": "北京 🏙️"}
CALLS = [{"id": "1", "function": {"name": "weather", "arguments": json.dumps(CITY)}}]
CALL = {"role": "assistant", "content": None, "tool_calls": CALLS}
HOSTILE = "晴天 ☀️ \x1b[2J\x07\x9b31m\r ⟦x⟧ [bold]"


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


STEPS = {
    "tools": [TOOL],
    "messages": [
        QUESTION,
        CALL,
        {"role": "tool", "tool_call_id": "1", "content": "晴"},
        said("assistant", HOSTILE),
    ],
}
SPOKEN = {"tools": [TOOL], "messages": [QUESTION, {**CALL, "content": "I look."}]}
ENGLISH = {
    "messages": [
        said("system", "Be short."),
        said("user", "Say hi."),
        said("assistant", "Hi there."),
    ]
}
TURNS = {
    "messages": [
        said("user", "one"),
        said("assistant", "1"),
        said("user", "two"),
        said("assistant", "2"),
    ]
}
PROMPT = {"messages": TURNS["messages"][:3], "expected_calls": "[]"}
LOSSLESS = {
    "messages": [
        said("user", "q"),
        {"role": "tool_call", "content": '{"name": "f", "arguments": {}}', "loss": False},
    ]
}


class Letters:
    """A stand-in for swift's template: a token is a byte, and the trained part is what stands
    between { and }."""

    max_length = 40
    template_meta = SimpleNamespace(template_type="letters")
    standard_keys = ("messages",)

    def set_mode(self, mode: str) -> None:
        self.mode = mode

    def batched_preprocess(self, batch: dict[str, Any], **_: Any) -> dict[str, Any]:
        print("noise of code that came with the model")
        return batch

    def encode(self, row: dict[str, Any]) -> dict[str, Any]:
        ids = list(
            "".join(
                f"{message['role']}:{message['content']};" for message in row["messages"]
            ).encode()
        )
        if b"unencodable" in bytes(ids):
            raise ValueError("swift says\nno")
        if self.mode != "train":
            return {"input_ids": ids}
        start = (
            bytes(ids).rfind(b"assistant:") + len("assistant:")
            if b"assistant:" in bytes(ids)
            else len(ids)
        )
        return {"input_ids": ids, "labels": [-100] * start + ids[start:]}

    def decode(self, ids: Sequence[int], **options: bool) -> str:
        assert options == {"skip_special_tokens": False, "clean_up_tokenization_spaces": False}
        return bytes(ids).decode("utf-8", "replace")

    @property
    def tokenizer(self) -> "Letters":
        return self


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without swift: what is tested is what is around it."""
    template = Letters()
    monkeypatch.setattr(
        show,
        "load_encoder",
        lambda settings: encoder.Encoder(template, template, settings.max_length),
    )


def write(path: Path, *rows: Any) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(data: Path | str, *flags: str, model: Path = MODEL) -> Result:
    arguments = ["show", str(data), "--model", str(model), *flags]
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


# --- around swift
# ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("letters")
def test_a_person_sees_the_first_row(tmp_path: Path) -> None:
    """The text with brackets on stdout; place, counts, bound and the way to other rows on
    stderr."""
    data = write(tmp_path / "rows.jsonl", "", ENGLISH, TURNS, "{")
    result = run(data, "--max-length", "99")
    assert result.exit_code == 0
    assert result.stdout == "system:Be short.;user:Say hi.;assistant:⟦Hi there.;⟧\n"
    assert (
        f"{data}:2: 50 tokens (10 trained, between ⟦ and ⟧); fits into max_length 99; template: letters"
        in result.stderr
    )
    assert "the first of 3 rows; another one: --row N" in result.stderr
    assert run(data, "--row", "3").stdout == "user:one;assistant:1;user:two;assistant:⟦2;⟧\n"
    assert "another" not in run(data, "--row", "3").stderr


@pytest.mark.usefixtures("letters")
def test_show_row_above_max_length_is_truncated(tmp_path: Path) -> None:
    """A row is truncated above max_length and not at it, and a person is told what swift does
    then."""
    data = write(tmp_path / "rows.jsonl", ENGLISH)
    for bound, truncated in (("49", True), ("50", False)):
        (row,) = lines(run(data, "--json", "--max-length", bound))
        assert (row["n_tokens"], row["truncated"], row["max_length"]) == (50, truncated, int(bound))
        assert ("swift deletes such a row" in run(data, "--max-length", bound).stderr) == truncated
    assert "1 longer than max_length" in run(data, "--json", "--max-length", "49").stderr
    assert lines(run(data, "--json"))[0]["max_length"] is None


@pytest.mark.usefixtures("letters")
def test_show_bad_row_gives_reason_and_status_1(tmp_path: Path) -> None:
    """With --json each has a line of its own and the rest is printed; a person gets place, code,
    reason and fix."""
    stray = {"messages": [said("user", "q"), {"role": "tool", "tool_call_id": "9", "content": "x"}]}
    unencodable = {"messages": [said("user", "unencodable"), said("assistant", "a")]}
    data = write(tmp_path / "rows.jsonl", ENGLISH, "{", stray, {"what": 1}, unencodable, TURNS)
    result = run(data, "--json")
    assert result.exit_code == 1
    assert [(row["row"], "error" in row) for row in lines(result)] == [
        (1, False), (2, True), (3, True), (4, True), (5, True), (6, False),
    ]  # fmt: skip
    assert all(row.keys() == {"row", "error"} for row in lines(result) if "error" in row)
    assert (
        f"6 rows, 0 longer than max_length, 4 failed, the first: {data}:2: broken_json"
        in result.stderr
    )
    for number, said_of_it in (
        ("2", "mend or delete this line"),
        ("4", "unknown_format"),
        ("5", "swift says no"),
    ):
        result = run(data, "--row", number)
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"{data}:{number}: " in result.stderr
        assert said_of_it in result.stderr


@pytest.mark.usefixtures("letters")
def test_data_cannot_drive_the_terminal(tmp_path: Path) -> None:
    """No control character of the data is printed, brackets are unambiguous, and nothing but rows
    is on stdout."""
    data = write(tmp_path / "rows.jsonl", STEPS, {"\x1b[2J": 1, "\x9b2J": 1})
    for flags in ((), ("--json",), ("--row", "2")):
        result = run(data, *flags)
        assert not set("\x1b\x07\x9b\r") & set(result.stdout + result.stderr)
        assert "noise" not in result.stdout
    assert "晴天 ☀️ \\u001b[2J\\u0007\\u009b31m\\u000d \\u27e6x\\u27e7 [bold]" in run(data).stdout
    assert HOSTILE in lines(run(data, "--json"))[0]["text"]


@pytest.mark.usefixtures("letters")
@pytest.mark.parametrize(("term", "coloured"), [("xterm", True), ("dumb", False)])
def test_colour_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, term: str, coloured: bool
) -> None:
    """Green replaces the brackets where the terminal can show it; the data's own sequences are dead
    there too."""
    data = write(
        tmp_path / "rows.jsonl",
        {"messages": [said("user", "\x1b[31m ⟦"), said("assistant", "yes")]},
    )
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("NO_COLOR", raising=False)
    reader, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stdout, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        with pytest.raises(SystemExit) as ended:
            main(["show", str(data), "--model", str(MODEL)])
        seen = os.read(reader, 10_000).decode()
    os.close(reader)
    assert ended.value.code == 0
    expected = "⟦;assistant:\x1b[32m\x1b[1myes;\x1b[0m" if coloured else "\\u27e6;assistant:⟦yes;⟧"
    assert seen == f"user:\\u001b[31m {expected}\r\n"


@pytest.mark.usefixtures("letters")
def test_a_row_without_an_answer_is_a_prompt(tmp_path: Path) -> None:
    """GRPO and evaluation rows are shown as they are asked: nothing trained, not even an earlier
    answer."""
    data = write(tmp_path / "rows.jsonl", PROMPT, {"messages": TURNS["messages"][:1]})
    assert [(row["trained"], row["n_trained"]) for row in lines(run(data, "--json"))] == [
        ([], 0)
    ] * 2
    result = run(data)
    assert result.stdout == "user:one;assistant:1;user:two;\n"
    assert "nothing trained" in result.stderr


@pytest.mark.usefixtures("letters")
def test_rows_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    """One row of a long file takes no time, and no row costs the memory of another."""
    data = write(tmp_path / "rows.jsonl", *[TURNS] * 50_000)
    assert "the first of 50000 rows" in run(data).stderr
    assert lines(run(data, "--json", "--row", "49999"))[0]["row"] == 49999
    settings = encoder.ShowSettings(MODEL)
    rows = show.encoded_rows(data, show.records_of(data, None, settings), settings)
    assert next(rows).row == 1


@pytest.mark.parametrize(
    ("text", "flags", "spans"),
    [
        ("a北b", "00001", ["b"]),
        ("ab🌤c", "0100001", ["b", "c"]),
        ("a北b", "01110", ["北"]),
        ("a北b", "00110", ["北"]),  # the trained part begins within the character
        ("a北b", "01100", []),  # and ends within it: the character is part of what follows
        ("a北b", "01011", ["北b"]),
        ("", "", []),
    ],
)
def test_spans_where_a_character_is_cut(text: str, flags: str, spans: list[str]) -> None:
    """Spans are of whole characters, in order, whatever token of a character is trained."""
    shown, found = encoder.locate(Letters(), list(text.encode()), [flag == "1" for flag in flags])
    assert shown == text
    assert [shown[start:end] for start, end in found] == spans


def test_spans_where_a_tokenizer_drops_spaces() -> None:
    """SentencePiece drops the space that a piece begins with, so pieces do not add up to the
    text."""
    words = ["▁Hello", "▁big", "▁world", "</s>"]
    tokenizer = SimpleNamespace(
        decode=lambda ids, **_: (
            "".join(words[token] for token in ids).replace("▁", " ").removeprefix(" ")
        )
    )
    text, spans = encoder.locate(tokenizer, [0, 1, 2, 3], [False, True, False, True])
    assert (text, [text[start:end] for start, end in spans]) == (
        "Hello big world</s>",
        [" big", "</s>"],
    )


@pytest.mark.parametrize(
    ("data", "model", "flags", "message"),
    [
        ("rows.jsonl", "none", [], "--model none: no such folder"),
        ("rows.jsonl", "rows.jsonl", [], "--model rows.jsonl: no such folder"),
        (
            "rows.jsonl",
            "empty",
            [],
            "--model empty: there is no config.json in it; give a model's folder",
        ),
        ("rows.jsonl", "lora", [], "it is a LoRA adapter: give its base model"),
        ("rows.jsonl", "bare", [], "--model bare: there is no tokenizer in it"),
        ("rows.jsonl", "broken", [], "config.json cannot be read"),
        ("none.jsonl", "", [], "none.jsonl: no such file or folder"),
        ("empty", "", [], "empty is a folder; give one file of rows"),
        ("blank.jsonl", "", [], "blank.jsonl: no rows"),
        ("blank.jsonl", "", ["--json"], "blank.jsonl: no rows"),
        ("blank.jsonl", "", ["--row", "1"], "--row 1: the file has no rows"),
        ("rows.jsonl", "", ["--row", "2"], "--row 2: the line is blank"),
        ("rows.jsonl", "", ["--row", "4", "--json"], "--row 4: the last row is on line 3"),
        ("rows.jsonl", "", ["--row", "0"], "--row"),
        ("rows.jsonl", "", ["--max-length", "0"], "--max-length"),
        (
            "rows.jsonl",
            "",
            ["--from", "parquet"],
            "--from parquet: unknown format; known: alpaca_tool",
        ),
    ],
)
def test_wrong_usage_is_said_before_torch_is_imported(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    data: str,
    model: str,
    flags: list[str],
    message: str,
) -> None:
    """Exit status 2, one line that names the file or flag, no traceback."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(encoder, "_import_swift", lambda _: pytest.fail("swift was imported"))
    for file in (
        "lora/adapter_config.json",
        "bare/config.json",
        "broken/config.json",
        "broken/tokenizer.json",
    ):
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).touch()
    Path("empty").mkdir()
    write(Path("rows.jsonl"), ENGLISH, "", TURNS)
    write(Path("blank.jsonl"), "", " ")
    result = run(data, *flags, model=Path(model) if model else MODEL)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    if "Usage:" not in result.stderr:  # click's own
        assert len(result.stderr.splitlines()) == 1


def test_help_explains_the_marks() -> None:
    """What brackets, spans and exit statuses mean is in the help text."""
    output = " ".join(CliRunner().invoke(main, ["show", "--help"]).output.split())
    for words in (
        "between ⟦ and ⟧",
        "spans [start, end)",
        "Exit status",
        "--max-length",
        "\\uXXXX",
    ):
        assert words in output


# --- real swift
# ------------------------------------------------------------------------------------------

SESSION = """
import json, sys
from click.testing import CliRunner
from swiftkit.cli.main import main
for line in sys.stdin:
    result = CliRunner().invoke(main, ["show", *json.loads(line)])
    kept = {"status": result.exit_code, "stdout": result.stdout, "stderr": result.stderr}
    print("RESULT " + json.dumps(kept | {"bug": repr(result.exception)}))
"""
KNOWN = ["--model", str(MODEL), "--model-type", "qwen3", "--template-backend", "swift"]
REAL = [*KNOWN, "--template", "qwen3_nothinking"]
OWN = [*REAL[:4], *REAL[6:]]  # with the model's own chat template, which the folder has


def real_swift(*commands: list[str]) -> list[SimpleNamespace]:
    """The results of several commands in one process: importing swift takes longer than all of
    them."""
    asked = "".join(json.dumps(command) + "\n" for command in commands)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = [sys.executable, "-c", SESSION]
    done = subprocess.run(
        process,
        input=asked,
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=True,
    )
    assert not done.stderr, done.stderr
    return [
        SimpleNamespace(**json.loads(line.removeprefix("RESULT ")))
        for line in done.stdout.splitlines()
    ]


@pytest.mark.e2e
def test_what_real_swift_trains_on(tmp_path: Path) -> None:
    """Text, spans, counts and truncation of tool calls, Chinese, emoji, several turns; swift's
    refusals in a line."""
    data = write(tmp_path / "rows.jsonl", STEPS, ENGLISH, "{", TURNS, PROMPT, LOSSLESS)
    beside_call = write(tmp_path / "beside.jsonl", SPOKEN)
    whole, person, ambiguous_type, ambiguous_template, unknown, no_agent, agent, no_such, *owns = (
        real_swift(
            [str(data), *REAL, "--json", "--max-length", "100"],
            [str(data), *REAL, "--row", "1"],
            [str(data), "--model", str(MODEL)],
            [str(data), *KNOWN],
            [str(data), *KNOWN, "--template", "qwen3_nothink"],
            [str(data), *KNOWN, "--template", "chatml", "--row", "1"],
            [str(data), *KNOWN, "--template", "chatml", "--agent-template", "hermes", "--row", "1"],
            [str(data), *REAL, "--agent-template", "herms"],
            [str(data), *OWN, "--row", "4"],
            [str(beside_call), *OWN],
        )
    )
    assert (whole.status, "1 failed" in whole.stderr) == (1, True)
    rows = {row["row"]: row for row in map(json.loads, whole.stdout.splitlines())}
    answers = {
        1: [hermes.render([ToolCall("weather", CITY)]) + END, HOSTILE + END],
        2: ["Hi there." + END],
        4: ["1" + END, "2" + END],
        5: [],
        6: [END],  # swift trains the end of the last answer even where its loss is off
    }
    assert rows.pop(3).keys() == {"row", "error"}
    for number, row in rows.items():
        assert [row["text"][start:end] for start, end in row["trained"]] == answers[number]
        assert (row["n_tokens"], row["n_trained"]) == (
            count(row["text"]),
            sum(map(count, answers[number])),
        )
        assert row["truncated"] == (row["n_tokens"] > 100)
        assert row["template"] == "qwen3_nothinking"
    assert rows[1]["truncated"]
    assert QUESTION["content"] in rows[1]["text"][: rows[1]["trained"][0][0]]
    assert rows[2]["text"].startswith(
        f"<|im_start|>system\nBe short.{END}<|im_start|>user\nSay hi."
    )
    assert rows[5]["text"].endswith(f"two{END}<|im_start|>assistant\n")
    assert f"⟦{answers[1][0]}⟧" in person.stdout
    assert "\x1b" not in person.stdout
    assert person.stderr.count("\n") == 1
    assert "fits into max_length 4096" in person.stderr
    assert "qwen3, qwen3_emb, qwen3_reranker; choose one with --model-type" in ambiguous_type.stderr
    assert "qwen3_nothinking; choose one with --template" in ambiguous_template.stderr
    assert "near: qwen3_nothinking" in unknown.stderr
    own, beside = owns
    assert "template: the model's own" in own.stderr
    assert own.stdout.count(f"{END.strip()}⟧\n") == 2  # the line break behind it is not trained
    assert "⟦I look.\n<tool_call>" in beside.stdout  # one line break, which the template writes
    assert (no_agent.status, no_agent.stdout) == (1, "")
    assert "the template chatml has no agent template" in no_agent.stderr
    assert "give --agent-template, to swift as --agent_template, one of react_en" in no_agent.stderr
    assert f"⟦{answers[1][0]}⟧" in agent.stdout
    assert "--agent-template herms: ms-swift has no such name; near: hermes" in no_such.stderr
    for refused in (ambiguous_type, ambiguous_template, unknown, no_such):
        assert (refused.status, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)


@pytest.mark.e2e
def test_gpt_oss_is_shown_in_harmony(tmp_path: Path) -> None:
    """Its rows with tools need our own template, which swift does not have."""
    tokenizers = pytest.importorskip("tokenizers")
    shutil.copytree(MODEL, tmp_path / "model")
    tokenizer = tokenizers.Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.add_special_tokens(
        [f"<|{name}|>" for name in "start end message channel constrain call return".split()]
    )
    tokenizer.save(str(tmp_path / "model" / "tokenizer.json"))
    config = json.loads((MODEL / "config.json").read_text(encoding="utf-8"))
    changed = config | {"model_type": "gpt_oss", "architectures": ["GptOssForCausalLM"]}
    (tmp_path / "model" / "config.json").write_text(json.dumps(changed), encoding="utf-8")
    (result,) = real_swift(
        [str(write(tmp_path / "rows.jsonl", STEPS)), "--model", str(tmp_path / "model"), "--json"]
    )
    row = json.loads(result.stdout)
    call, answer = [row["text"][start:end] for start, end in row["trained"]]
    assert row["template"] == "gpt_oss"
    assert "functions.weather" in call
    assert call.endswith("<|call|>")
    assert answer.endswith(f"{HOSTILE}<|return|>")


@pytest.mark.e2e
def test_question_after_a_result_is_trained_by_the_models_own_template(tmp_path: Path) -> None:
    """And by Harmony's renderer; swift's own template stops there, and says so."""
    call = {"role": "tool_call", "content": json.dumps({"name": "weather", "arguments": CITY})}
    result, asked = said("tool_response", "3C"), said("user", "In words?")
    messages = [QUESTION, call, result, asked, said("assistant", "Cold.")]
    data = write(tmp_path / "rows.jsonl", {"tools": STEPS["tools"], "messages": messages})
    gpt_oss = ["--model", str(ROOT / "recipes" / "tiny" / "gpt_oss"), "--json"]
    own, harmony, swifts = real_swift(
        [str(data), *OWN, "--json"], [str(data), *gpt_oss], [str(data), *REAL, "--json"]
    )
    for shown, end in ((own, END.strip()), (harmony, "<|return|>")):
        row = json.loads(shown.stdout)
        _, answer = [row["text"][start:stop] for start, stop in row["trained"]]
        assert answer.endswith(f"Cold.{end}")
        assert row["text"].index("3C") < row["text"].index("In words?")
    assert swifts.status == 1
    assert "response_role" in json.loads(swifts.stdout)["error"]


def count(text: str) -> int:
    """Tokens of a text by the model's tokenizer file alone."""
    tokenizers = pytest.importorskip("tokenizers")
    return len(tokenizers.Tokenizer.from_file(str(MODEL / "tokenizer.json")).encode(text).ids)
