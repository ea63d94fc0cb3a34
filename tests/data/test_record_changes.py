"""What a person asks to be changed of records: columns under other names, messages cut at the ends,
questions after a tool's result where the model's own template takes them; and text alone."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.paths import ROOT, SHARED_CASES

from swiftkit.cli.main import main

QWEN3 = ROOT / "recipes" / "tiny" / "qwen3"
AFTER_RESULT = SHARED_CASES / "data" / "anthropic_text_after_result.jsonl"
HI = {"role": "user", "content": "Hi?"}
HELLO = {"role": "assistant", "content": "Hello."}
WEATHER = {
    "type": "function",
    "function": {"name": "w", "description": "d", "parameters": {"type": "object"}},
}
CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"id": "c1", "type": "function", "function": {"name": "w", "arguments": "{}"}},
]}  # fmt: skip
COLD = {"role": "tool", "tool_call_id": "c1", "content": "3C"}
# an answer to a question right after a tool's result
LATER = {"tools": [WEATHER], "messages": [HI, CALL, COLD, HI, HELLO]}


def run(folder: Path, records: Any, *options: str | Path) -> Result:
    """`swiftkit convert` of these records, a line each."""
    raw = folder / "raw.jsonl"
    raw.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    out = folder / "rows.jsonl"
    arguments = ["convert", str(raw), "-o", str(out), "--json", *map(str, options)]
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def rows(folder: Path, name: str = "rows.jsonl") -> list[dict[str, Any]]:
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def contents(folder: Path) -> list[list[str]]:
    return [[message["content"] for message in row["messages"]] for row in rows(folder)]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_columns_are_read_under_other_names(tmp_path: Path, workers: str) -> None:
    """Before the format is found; the account counts the records that had the column."""
    records = [{"ask": "Hi?", "reply": "Hello.", "topic": "t"}, {"ask": "Ho?", "reply": "Hello."}]
    options = [
        "--columns",
        "ask=prompt,reply=response",
        "--columns",
        "topic=",
        "--workers",
        workers,
    ]
    report = json.loads(run(tmp_path, records, *options).stdout)
    assert report["columns"] == {"ask=prompt": 2, "reply=response": 2, "topic=": 1}
    assert contents(tmp_path) == [["Hi?", "Hello."], ["Ho?", "Hello."]]
    assert "topic" not in rows(tmp_path)[0]


def test_plain_rows_are_renamed_too(tmp_path: Path) -> None:
    """The short way takes none of them."""
    records = [{"messages": [HI, HELLO], "topic": "t"}] * 3
    run(tmp_path, records, "--columns", "topic=subject")
    assert [row["subject"] for row in rows(tmp_path)] == ["t", "t", "t"]


def test_column_that_no_record_has_is_said(tmp_path: Path) -> None:
    """With the name that may be meant; columns inside of others cannot be renamed."""
    result = run(tmp_path, [{"prompt": "a", "reply": "b"}], "--columns", "replie=response")
    assert "no record has a column replie (did you mean reply?)" in result.stderr
    result = run(tmp_path, [{"prompt": "a", "response": "b"}], "--columns", "messages.mood=")
    assert "only a record's own columns" in result.stderr


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    """A null counts as none; two names may change places."""
    records = [
        {"ask": "Hi?", "prompt": "Ho?", "response": "b"},
        {"ask": "Hi?", "prompt": None, "response": "b"},
        {"prompt": None, "ask": "Hi?", "response": "b"},
    ]
    report = json.loads(run(tmp_path, records, "--columns", "ask=prompt").stdout)
    assert (report["rows_accepted"], report["rejects"]) == (2, {"column_exists": 1})
    assert "both ask and prompt" in report["examples"]["column_exists"]
    run(
        tmp_path, [{"prompt": "b", "response": "a"}], "--columns", "prompt=response,response=prompt"
    )
    assert contents(tmp_path) == [["a", "b"]]


@pytest.mark.parametrize("text", ["ask", "=prompt", "a=b,a=c", "a=a", "a=b,"])
def test_columns_that_say_nothing_are_wrong_usage(tmp_path: Path, text: str) -> None:
    result = run(tmp_path, [{"prompt": "a", "response": "b"}], "--columns", text)
    assert result.exit_code == 2
    assert "--columns" in result.stderr


def test_messages_are_cut_only_where_asked_for(tmp_path: Path) -> None:
    """The system text stays; the rows are counted."""
    welcome = {"role": "assistant", "content": "Welcome!"}
    system = {"role": "system", "content": "Be brief."}
    records = [
        {"messages": [system, welcome, HI, HELLO, HI]},
        {"messages": [HI, HELLO]},
        {"conversations": [{"from": "gpt", "value": "Welcome!"}, {"from": "human", "value": "Hi?"},
                           {"from": "gpt", "value": "Hello."}]},
    ]  # fmt: skip
    refused = json.loads(run(tmp_path, records).stdout)
    assert refused["rejects"] == {"bad_order": 2}
    assert "--cut-leading-assistant" in refused["examples"]["bad_order"]
    options = ("--cut-leading-assistant", "--cut-trailing-user")
    report = json.loads(run(tmp_path, records, *options).stdout)
    assert (report["cut_leading_assistant"], report["cut_trailing_user"]) == (2, 1)
    assert contents(tmp_path) == [
        ["Be brief.", "Hi?", "Hello."],
        ["Hi?", "Hello."],
        ["Hi?", "Hello."],
    ]


def test_result_after_the_last_answer_is_cut(tmp_path: Path) -> None:
    """Then the row ends with the call, which is an answer; a prompt with its gold is no row to cut."""
    records = [{"tools": [WEATHER], "messages": [HI, CALL, COLD]}]
    run(tmp_path, records, "--cut-trailing-user")
    assert [message["role"] for message in rows(tmp_path)[0]["messages"]] == ["user", "tool_call"]
    records = [{"messages": [HI, HELLO, HI], "solution": "2"}]
    report = json.loads(run(tmp_path, records, "--cut-trailing-user", "--to", "grpo").stdout)
    assert report["cut_trailing_user"] == 0
    assert contents(tmp_path) == [["Hi?", "Hello.", "Hi?"]]


def test_question_after_a_result_needs_the_models_template(tmp_path: Path) -> None:
    """ms-swift's own templates stop there; with the model's own one the row is taken."""
    refused = json.loads(run(tmp_path, [LATER]).stdout)
    assert refused["rejects"] == {"bad_order": 1}
    assert "messages[3]" in refused["examples"]["bad_order"]
    assert "--template-of" in refused["examples"]["bad_order"]
    report = json.loads(run(tmp_path, [LATER], "--template-of", QWEN3).stdout)
    assert report["rows_accepted"] == 1
    roles = [message["role"] for message in rows(tmp_path)[0]["messages"]]
    assert roles == ["user", "tool_call", "tool_response", "user", "assistant"]


def test_template_that_refuses_it_is_quoted(tmp_path: Path) -> None:
    """A template whose roles must alternate raises, and the reject has its words."""
    folder = tmp_path / "model"
    folder.mkdir()
    template = (
        "{% for m in messages %}{% if loop.previtem and loop.previtem.role == 'tool' and m.role =="
        " 'user' %}{{ raise_exception('no question here') }}{% endif %}<|{{ m.role }}|>"
        "{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name }}"
        "{{ c.function.arguments }}{% endfor %}<|end|>{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    config = {"chat_template": template, "eos_token": "<|end|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    report = json.loads(run(tmp_path, [LATER], "--template-of", folder).stdout)
    assert report["rejects"] == {"template_refuses": 1}
    assert "no question here" in report["examples"]["template_refuses"]


@pytest.mark.skipif(not AFTER_RESULT.is_file(), reason=f"no {AFTER_RESULT}")
def test_place_counts_the_sources_messages(tmp_path: Path) -> None:
    """The third message has the text behind two results, which a row has apart."""
    result = CliRunner().invoke(
        main, ["convert", str(AFTER_RESULT), "-o", str(tmp_path / "rows.jsonl")]
    )
    assert "messages[2]: user after" in result.stderr


def test_text_is_for_pretraining_alone(tmp_path: Path) -> None:
    """--to sft writes what swift pt reads, and says so; nothing else can be made of it."""
    records = [{"text": "The sea.", "url": "u"}, {"messages": [HELLO]}]
    result = run(tmp_path, records)
    assert contents(tmp_path) == [["The sea."], ["Hello."]]
    assert "2 rows are plain text, for swift pt" in result.stderr
    for target, code in (
        ("grpo", "no_question"),
        ("kto", "no_label"),
        ("preference", "no_rejected"),
    ):
        report = json.loads(run(tmp_path, records, "--to", target).stdout)
        assert report["rejects"] == {code: 2}


def test_check_warns_of_what_only_some_trainings_take(tmp_path: Path) -> None:
    """A text without a question, and a question after a result, are no errors."""
    run(tmp_path, [{"text": "The sea."}, LATER], "--template-of", QWEN3)
    result = CliRunner().invoke(main, ["check", str(tmp_path / "rows.jsonl"), "--json"])
    levels = {
        finding["code"]: finding["level"] for finding in json.loads(result.stdout)["findings"]
    }
    assert levels["plain_text"] == levels["question_after_result"] == "warn"
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("record", "target", "answer"),
    [
        ({"question": "1+1?", "answer": "2"}, "sft", "2"),
        ({"problem": "1+1?", "solution": "2"}, "sft", "2"),
        ({"question": "1+1?", "answer": "2"}, "grpo", None),
        ({"problem": "1+1?", "solution": "2"}, "grpo", None),
    ],
)
def test_target_decides_what_an_answer_is(
    tmp_path: Path, record: Any, target: str, answer: str | None
) -> None:
    """Trained by sft, compared with by grpo: then it is a column, and no message."""
    run(tmp_path, [record], "--to", target)
    (row,) = rows(tmp_path)
    assert [message["content"] for message in row["messages"]][1:] == ([answer] if answer else [])
    gold = [name for name in ("answer", "solution") if name in row]
    assert gold == ([] if answer else [name for name in record if name in ("answer", "solution")])


def test_gold_of_words_alone_is_said(tmp_path: Path) -> None:
    """grpo's gold of a plain pair is that nothing is called: said, with the way to another."""
    record = {"prompt": "1+1?", "response": "2"}
    result = run(tmp_path, [record], "--to", "grpo")
    assert json.loads(result.stdout)["gold_without_call"] == 1
    assert "--columns response=solution" in result.stderr
    run(tmp_path, [record], "--to", "grpo", "--columns", "response=solution")
    assert rows(tmp_path)[0]["solution"] == "2"
    assert "expected_calls" not in rows(tmp_path)[0]


def test_two_golds_are_not_guessed_between(tmp_path: Path) -> None:
    """sft names both, and the option that chooses one; with it the other stays a column."""
    record = {"problem": "1+1?", "solution": "It is 2.", "answer": "2"}
    report = json.loads(run(tmp_path, [record]).stdout)
    assert "solution and answer" in report["examples"]["no_answer"]
    assert "--columns solution=response" in report["examples"]["no_answer"]
    run(tmp_path, [record], "--columns", "solution=response")
    assert contents(tmp_path) == [["1+1?", "It is 2."]]
    assert rows(tmp_path)[0]["answer"] == "2"


def test_verdicts_in_a_table_have_no_quotes(tmp_path: Path) -> None:
    """A cell true is true; in JSON "true" is a text, and refused."""
    raw = tmp_path / "raw.csv"
    raw.write_text("prompt,completion,label\nq,a,true\nq,b,False\nq,c,1\nq,d,good\n")
    out = tmp_path / "rows.jsonl"
    result = CliRunner().invoke(
        main, ["convert", str(raw), "-o", str(out), "--to", "kto", "--json"]
    )
    assert [row["label"] for row in rows(tmp_path)] == [True, False, True]
    assert json.loads(result.stdout)["rejects"] == {"bad_label": 1}


@pytest.mark.skipif(not AFTER_RESULT.is_file(), reason="no shared cases here")
@pytest.mark.parametrize(
    ("name", "target", "rejects"),
    [
        ("c_kto_labels.jsonl", "kto", {"bad_label": 2, "no_label": 1}),
        ("c_rating_pref.jsonl", "preference", {}),
        ("dolly.jsonl", "sft", {}),
    ],
)
def test_shared_cases(tmp_path: Path, name: str, target: str, rejects: dict[str, int]) -> None:
    """Rows are read, or refused with a fitting code."""
    source, out = SHARED_CASES / "data" / name, tmp_path / "rows.jsonl"
    options = ["convert", str(source), "-o", str(out), "--to", target, "--json"]
    report = json.loads(CliRunner().invoke(main, options).stdout)
    assert report["rejects"] == rejects
    assert report["rows_accepted"] == report["rows_in"] - sum(rejects.values())
