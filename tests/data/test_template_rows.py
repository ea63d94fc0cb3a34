"""`swiftkit convert --template-of`: with published chat templates, each turn is trained once as it is
generated, or its row is refused.

The templates come with TRL's wheel (scripts/setup.sh); without it these tests are skipped.
"""

import json
import shutil
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.chat_templates import SETUP_FOLDER, TOKENS
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.cli.data import convert
from swiftkit.data.account import ConvertReport, summary
from swiftkit.data.convert import convert_files
from swiftkit.data.convert_record import ConvertOptions
from swiftkit.data.model_template import ModelTemplate, model_template
from swiftkit.data.template_rows import rows_for_template
from swiftkit.data.to_openai import openai_messages
from swiftkit.errors import DataError, UsageError
from swiftkit.rendering.loss_spans import RenderedConversation, render_conversation

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
USER = {"role": "user", "content": "Rain?"}
ANSWER = {"role": "assistant", "content": "No."}
THOUGHT = {"role": "assistant", "content": "Yes.", "reasoning_content": "The radar."}
CALLING = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {
            "id": "abcdefghi",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
        }
    ],
}
RESULT = {"role": "tool", "tool_call_id": "abcdefghi", "content": "dry"}
TALK = {"messages": [USER, THOUGHT, USER, ANSWER], "topic": "rain", "id": "w"}
CALL = {"messages": [USER, CALLING, RESULT, ANSWER], "tools": [TOOL], "id": "c"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """NAME -> a folder with the published template of this name and its tokens."""
    root = tmp_path_factory.mktemp("models")

    @cache
    def folder(name: str) -> Path:
        return model_folder(root / name)

    return folder


def model_folder(folder: Path) -> Path:
    file = SETUP_FOLDER / f"{folder.name}.jinja"
    if not file.is_file():
        pytest.skip(f"{file.name} comes with TRL's wheel: run scripts/setup.sh")
    folder.mkdir()
    (folder / "chat_template.jinja").write_bytes(file.read_bytes())
    bos, *stops = TOKENS[max(filter(folder.name.startswith, TOKENS), key=len)]
    decoder = {str(number): {"content": stop} for number, stop in enumerate(stops)}
    config = {"bos_token": bos, "eos_token": stops[0], "added_tokens_decoder": decoder}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    generation = {"eos_token_id": list(range(len(stops)))}
    (folder / "generation_config.json").write_text(json.dumps(generation))
    return folder


def converted(
    records: list[dict[str, Any]], model: Path, folder: Path, **options: Any
) -> tuple[ConvertReport, list[dict[str, Any]], list[dict[str, Any]]]:
    """The report, the rows and the rejects."""
    raw, out = folder / "raw.jsonl", folder / "out.jsonl"
    raw.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    how = ConvertOptions(**{"target": "sft", "template_of": str(model)} | options)
    report = convert_files([raw], out, None, how)
    files = []
    for file in (out, out.with_suffix(".rejects.jsonl")):
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        files.append([json.loads(line) for line in lines])
    return report, *files  # type: ignore[return-value]


def losses(row: dict[str, Any]) -> list[bool]:
    return [m.get("loss", True) for m in row["messages"] if m["role"] in ("assistant", "tool_call")]


def test_a_turn_that_is_changed_later_gets_its_own_row(models: Any, tmp_path: Path) -> None:
    """Qwen3 drops earlier reasoning: the whole row without that turn's loss, and a row that ends
    with it; the same columns, an id with the turn's number."""
    report, (whole, own), _ = converted([TALK], models("qwen3"), tmp_path)
    assert (whole["id"], losses(whole)) == ("w", [False, True])
    assert (own["id"], losses(own)) == ("w~turn1", [True])
    assert own["messages"] == [USER, THOUGHT]
    assert own.keys() == whole.keys()
    assert own["topic"] == "rain"
    assert (report.rows_in, report.rows_accepted, report.rows_out) == (1, 1, 2)
    account = report.template
    assert account is not None
    assert (account.rows_as_they_are, account.rows_with_turns_left_out) == (0, 1)
    assert (account.rows_of_one_turn, account.turns) == (1, {"own_row": 1, "ok": 1})


def test_no_whole_row_without_a_loss(models: Any, tmp_path: Path) -> None:
    """Where the only turn that keeps its place has no loss, only the row of the other is written;
    earlier answers in it have none."""
    talk = [USER, ANSWER | {"loss": False}, USER, THOUGHT, USER, ANSWER | {"loss": False}]
    _, (own,), _ = converted([{"messages": talk}], models("qwen3"), tmp_path)
    assert own["id"] == "raw.jsonl:1~turn2"
    assert losses(own) == [False, True]


def test_a_row_that_is_right_stays(models: Any, tmp_path: Path) -> None:
    """With a template that writes each turn once and for all, also with calls."""
    report, rows, _ = converted([CALL], models("qwen3_instruct_2507"), tmp_path)
    assert [losses(row) for row in rows] == [[True, True]]
    assert report.template is not None
    assert report.template.rows_as_they_are == 1


def test_a_missing_end_token_is_no_fault(models: Any, tmp_path: Path) -> None:
    """GLM's text has none; training adds it."""
    _, rows, rejects = converted([CALL], models("glm4moe"), tmp_path)
    assert rows
    assert not rejects


@pytest.mark.parametrize(
    ("name", "record", "code"),
    [
        ("qwen2_5", TALK, "template_drops_reasoning"),
        ("llama3", CALL, "template_drops_calls"),
        ("nemotron_3_nano", {"messages": [USER, ANSWER]}, "template_needs_setting"),
        ("gemma", {"messages": [{"role": "system", "content": "Hi"}, USER, ANSWER]}, "template_refuses"),
        ("qwen3", {**TALK, "chat_template_kwargs": {"messages": []}}, "bad_settings"),
    ],
)  # fmt: skip
def test_what_a_template_cannot_train_is_refused(
    models: Any, tmp_path: Path, name: str, record: dict[str, Any], code: str
) -> None:
    """By its code, with the message's place and a fix; rows in = accepted + rejected."""
    report, rows, (reject,) = converted([record], models(name), tmp_path)
    assert (report.rejects, rows, report.rows_in) == ({code: 1}, [], 1)
    assert reject["code"] == code
    assert reject["fix"]
    if code.startswith(("template_drops", "template_needs")):
        assert reject["reason"].startswith("messages[1]: ")
        assert report.template is not None
        assert sum(report.template.turns.values()) >= 1


def test_thinking_is_written_into_the_rows(models: Any, tmp_path: Path) -> None:
    """With the switch that the fix names, the row passes; other settings stay."""
    record = {"messages": [USER, ANSWER], "chat_template_kwargs": {"depth": 1}}
    _, _, (reject,) = converted([record], models("nemotron_3_nano"), tmp_path)
    assert "--thinking off" in reject["fix"]
    model = models("nemotron_3_nano")
    report, (row,), _ = converted([record], model, tmp_path, thinking=False)
    assert row["chat_template_kwargs"] == {"depth": 1, "enable_thinking": False}
    assert "thinking off" in summary(report)


def test_prompts_of_grpo_have_to_be_renderable(models: Any, tmp_path: Path) -> None:
    """Nothing is split; what the template refuses is a reject."""
    _, (row,), _ = converted([CALL], models("qwen3"), tmp_path, target="grpo")
    assert row["messages"] == [USER]
    system = {"role": "system", "content": "Hi"}
    record = {"messages": [system, USER, ANSWER]}
    report, _, _ = converted([record], models("gemma"), tmp_path, target="grpo")
    assert report.rejects == {"template_refuses": 1}


def test_both_answers_of_a_pair_are_looked_at(models: Any, tmp_path: Path) -> None:
    """Earlier turns have no loss there; a rejected answer whose reasoning is dropped is refused."""
    earlier = {"messages": [USER, THOUGHT, USER], "chosen": [ANSWER]}
    pair = {**earlier, "rejected": [{"role": "assistant", "content": "Hm."}]}
    report, rows, _ = converted([pair], models("qwen2_5"), tmp_path, target="preference")
    assert (len(rows), report.rows_rejected) == (1, 0)
    bad = {**earlier, "rejected": [THOUGHT]}
    report, _, _ = converted([bad], models("qwen2_5"), tmp_path, target="preference")
    assert report.rejects == {"template_drops_reasoning": 1}


def test_kto_with_a_call_as_text(models: Any, tmp_path: Path) -> None:
    """Reasoning and call of the last answer are one text; it is trained."""
    calling = {**CALLING, "reasoning_content": "The radar."}
    record = {"messages": [USER, calling], "tools": [TOOL], "label": True}
    _, (row,), _ = converted([record], models("qwen3"), tmp_path, target="kto")
    assert row["messages"][1]["content"].startswith("<think>")


def test_a_token_seam_is_trained_at_the_end_of_a_row(models: Any, tmp_path: Path) -> None:
    """Prompt and answer have two line breaks, and the next prompt one token for both."""
    talk = [USER, {"role": "assistant", "content": "\nNo."}, USER, ANSWER]
    model = tmp_path / "qwen3_instruct_2507"
    shutil.copytree(models("qwen3_instruct_2507"), model)
    report, rows, _ = converted([{"messages": talk}], model, tmp_path)
    assert len(rows) == 1
    assert "token seams were not looked for" in report.notes[0]
    tokenizer_of_line_breaks(["<|im_start|>", "<|im_end|>"]).save(str(model / "tokenizer.json"))
    model_template.cache_clear()
    report, rows, _ = converted([{"messages": talk}], model, tmp_path)
    assert [losses(row) for row in rows] == [[False, True], [True]]
    assert report.template is not None
    assert report.template.turns == {"token_seam": 1, "ok": 1}
    assert report.notes == []


def tokenizer_of_line_breaks(special: list[str]) -> Any:
    """A token for each character, and one for two line breaks."""
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {chr(code): code for code in range(128)} | {"\n\n": 128}
    model = tokenizers.models.BPE(vocabulary, [("\n", "\n")])
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.add_special_tokens(special)
    return tokenizer


def test_control_tokens_in_a_text_stay_text(models: Any, tmp_path: Path) -> None:
    """An answer that quotes the end token does not end there, with a tokenizer or without."""
    talk = [USER, {"role": "assistant", "content": "It is <|im_end|>, you see."}]
    _, rows, rejects = converted([{"messages": talk}], models("qwen3_instruct_2507"), tmp_path)
    assert (len(rows), rejects) == (1, [])


def test_an_answer_with_half_a_loss_is_refused(models: Any, tmp_path: Path) -> None:
    """The text without a loss, its call with one: training would stop at it."""
    record = {
        "messages": [USER, ANSWER | {"loss": False}, CALLING | {"loss": True}],
        "tools": [TOOL],
    }
    report, _, _ = converted([record], models("qwen3"), tmp_path)
    assert report.rejects == {"mixed_loss": 1}


def test_workers_make_the_same_rows(models: Any, tmp_path: Path) -> None:
    """To the byte, and the same account."""
    records = [TALK, CALL, {"messages": [USER, ANSWER]}] * 5
    reports = []
    texts = []
    for workers in (1, 2):
        report, _, _ = converted(records, models("qwen3"), tmp_path, workers=workers)
        reports.append(report.template)
        texts.append((tmp_path / "out.jsonl").read_bytes())
    assert reports[0] == reports[1]
    assert texts[0] == texts[1]


def test_max_samples_counts_what_is_written(models: Any, tmp_path: Path) -> None:
    """The account speaks of the rows in the file."""
    report, rows, _ = converted([TALK, TALK], models("qwen3"), tmp_path, max_samples=3)
    account = report.template
    assert account is not None
    assert len(rows) == report.rows_out == 3
    assert (account.rows_with_turns_left_out, account.rows_of_one_turn) == (2, 1)


def test_wrong_folders_are_wrong_usage(tmp_path: Path) -> None:
    """One sentence with a fix, before anything is written."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "chat_template.jinja").write_text("{% if %}")
    for folder in (tmp_path / "none", tmp_path, tmp_path / "broken", "a\0b", "x" * 5000):
        with pytest.raises(UsageError, match="--template-of"):
            model_template(str(folder))


def test_command(models: Any, tmp_path: Path) -> None:
    """The account as JSON; --thinking alone is wrong usage."""
    raw = tmp_path / "raw.jsonl"
    raw.write_text(json.dumps(TALK), encoding="utf-8")
    command = [str(raw), "-o", str(tmp_path / "out.jsonl")]
    given = [*command, "--template-of", str(models("qwen3")), "--thinking", "on", "--json"]
    done = CliRunner().invoke(convert, given)
    assert done.exit_code == 0, done.output
    account = json.loads(done.stdout)["template"]
    assert (account["thinking"], len(account["sha256"])) == (True, 64)
    wrong = CliRunner().invoke(convert, [*command, "--thinking", "on"])
    assert isinstance(wrong.exception, UsageError)


words = st.sampled_from(["Oslo", "雨", "a  b", "\n", " x\n", "<b>"])
answers = st.builds(
    lambda text, thought, loss, calls: (text, thought, loss, calls),
    words,
    st.none() | words,
    st.sampled_from([None, None, True, False]),
    st.booleans(),
)


def row_of(turns: list[Any]) -> Any:
    messages: list[Any] = []
    for text, thought, loss, calls in turns:
        messages.append({"role": "user", "content": "Rain?"})
        parts = [{"role": "assistant", "content": text}]
        if thought:
            parts[0]["reasoning_content"] = thought
        if calls:
            call = {"name": "weather", "arguments": {"city": text}}
            parts.append({"role": "tool_call", "content": json.dumps(call)})
        for part in parts:
            messages.append(part if loss is None else {**part, "loss": loss})
        if calls:
            messages.append({"role": "tool_response", "content": "dry"})
            messages.append({"role": "assistant", "content": "Dry.", "loss": False})
    return {"id": "r", "source": "raw.jsonl:1", "messages": messages, "tools": json.dumps([TOOL])}


def rendered(row: Any, model: ModelTemplate) -> RenderedConversation:
    conversation = openai_messages(row["messages"], "row", reads_markup=False)
    tools = json.loads(row["tools"])
    return render_conversation(model.template, model.form, conversation, tools, {})


def answer_losses(row: Any) -> list[bool]:
    """Whether each turn has a loss, calls being a part of the text before them."""
    found: list[bool] = []
    before = ""
    for message in row["messages"]:
        if message["role"] == "assistant" or (message["role"] == "tool_call" and before == "user"):
            found.append(message.get("loss") is not False)
        before = message["role"]
    return found


@pytest.mark.parametrize("name", ["qwen3", "qwen3_instruct_2507", "glm4moe", "gemma4_v2"])
@settings(max_examples=40, deadline=None)
@given(turns=st.lists(answers, min_size=1, max_size=3))
def test_each_turn_is_trained_once_as_it_is_generated(
    models: Any, name: str, turns: list[Any]
) -> None:
    """In exactly one row, and there the text that holds it is the generated one; or the row is
    refused."""
    model = model_template(str(models(name)))
    row = row_of(turns)
    counts: Counter[str] = Counter()
    try:
        made = rows_for_template(row, model, None, "sft", counts)
    except DataError as error:
        if not error.code.startswith("template_"):
            raise
        return
    wanted: Counter[tuple[int, str]] = Counter()
    for number, turn in enumerate(rendered(row, model).turns):
        if answer_losses(row)[number]:
            wanted[number, turn.generated] += 1
    trained: Counter[tuple[int, str]] = Counter()
    for new, _ in made:
        whole = rendered(new, model)
        for number, turn in enumerate(whole.turns):
            if answer_losses(new)[number]:
                assert turn.status == "ok"
                assert turn.span is not None
                trained[number, whole.text[slice(*turn.span)]] += 1
    assert trained == wanted
    assert counts.total() == wanted.total()
