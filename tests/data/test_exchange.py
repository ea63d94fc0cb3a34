"""Requests and responses of logs: wherever they stand, whatever they are written in."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import GOLDEN, SHARED_CASES

from swiftkit.data.convert import convert_files
from swiftkit.data.convert_record import ConvertOptions, ConvertOutcome, convert_chunk
from swiftkit.data.exchange import REQUESTS, RESPONSES
from swiftkit.data.streams import assembled
from swiftkit.files.inputs import Chunk

QUESTION = [{"role": "user", "content": "Weather?"}]
ANSWER = {
    "id": "c1",
    "object": "chat.completion",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Rain."}}
    ],
}
OPTIONS = ConvertOptions()
MESSAGES = [*QUESTION, {"role": "assistant", "content": "Rain."}]


def outcome_of(record: dict[str, Any], target: str = "sft") -> ConvertOutcome:
    chunk = Chunk(Path("raw.jsonl"), [(1, json.dumps(record).encode())])
    (outcome,) = convert_chunk(chunk, ConvertOptions(target))
    return outcome


def rows_of(record: dict[str, Any], target: str = "sft") -> list[dict[str, Any]]:
    outcome = outcome_of(record, target)
    assert outcome.reject is None
    return [json.loads(row) for row in outcome.rows]


def placed(place: tuple[str, ...], value: Any) -> dict[str, Any]:
    for name in reversed(place):
        value = {name: value}
    return value  # type: ignore[no-any-return]


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("request_at", REQUESTS, ids=".".join)
def test_both_halves_are_found_at_every_pair_of_places(
    request_at: tuple[str, ...], as_text: bool
) -> None:
    """As objects, or as JSON text."""
    for response_at in RESPONSES:
        if request_at[0] == response_at[0]:
            continue
        asked: Any = {"messages": QUESTION, "temperature": 1}
        answered: Any = ANSWER
        if as_text:
            asked, answered = json.dumps(asked), json.dumps(answered)
        outcome = outcome_of({**placed(request_at, asked), **placed(response_at, answered)})
        assert outcome.reject is None
        assert json.loads(outcome.rows[0])["messages"] == MESSAGES
        assert not outcome.unread


def test_what_is_not_read_in_json_text_is_told_of() -> None:
    asked = [{"role": "user", "content": "Weather?", "mood": "bad"}]
    record = {"request": json.dumps({"messages": asked, "zzz": 1}), "response": json.dumps(ANSWER)}
    assert set(outcome_of(record).unread) == {"request.messages[].mood", "request.zzz"}
    hidden = json.dumps({"messages": QUESTION, "zzz": [{"name": "f", "arguments": {}}]})
    reject = outcome_of({"request": hidden, "response": ANSWER}).reject
    assert reject
    assert reject.code == "unread_field"


def test_an_answer_of_json_is_a_text() -> None:
    for answer in ('{"total": 42}', "[1, 2]", '"yes"'):
        for record in (
            {"messages": QUESTION, "response": answer},
            {"input": QUESTION, "output": {"role": "assistant", "content": answer}},
        ):
            outcome = outcome_of(record)
            assert outcome.reject is None
            assert json.loads(outcome.rows[0])["messages"][-1]["content"] == answer
            assert not outcome.unread


def test_keys_that_are_null_say_nothing() -> None:
    """As Parquet pads the records of a file of many APIs."""
    nulls = dict.fromkeys(("candidates", "stop_reason", "generations", "output", "content"))
    record = {
        "request": {"messages": QUESTION, "contents": None, "input": None},
        "response": {**nulls, **ANSWER},
        **dict.fromkeys(("messages", "choices", "outputs", "body", "error")),
    }
    assert rows_of(record)[0]["messages"] == MESSAGES
    chat = {"messages": MESSAGES, "choices": None, "response": None, "output": None}
    assert outcome_of(chat).source_format == "openai"


def test_two_values_of_a_key_in_json_text_are_refused() -> None:
    asked = '{"messages": [{"role": "user", "content": "A", "content": "B"}]}'
    reject = outcome_of({"request": {"body": asked}, "response": ANSWER}).reject
    assert reject
    assert reject.code == "duplicate_key"


def test_several_choices_have_ids_of_their_own() -> None:
    """With the id of the log, or the place in the file, so that an evaluation can tell them
    apart."""
    choices = [{"message": {"role": "assistant", "content": text}} for text in "abc"]
    record: dict[str, Any] = {"request": {"messages": QUESTION}, "response": {"choices": choices}}
    ids = [row["id"] for row in rows_of(record, "whole")]
    assert ids == ["raw.jsonl:1", "raw.jsonl:1~2", "raw.jsonl:1~3"]
    ids = [row["id"] for row in rows_of(record | {"id": 7}, "whole")]
    assert ids == ["7", "7~choice2", "7~choice3"]


def test_choices_of_two_records_of_one_id_are_told_apart(tmp_path: Path) -> None:
    choices = [{"message": {"role": "assistant", "content": text}} for text in "ab"]
    record = {"id": 7, "request": {"messages": QUESTION}, "response": {"choices": choices}}
    out = tmp_path / "out.jsonl"
    convert_files([written(tmp_path / "a.jsonl", [record] * 2)], out, None, ConvertOptions("grpo"))
    ids = [json.loads(line)["id"] for line in out.read_text(encoding="utf-8").splitlines()]
    assert ids == ["7", "7~choice2", "7~2", "7~2~choice2"]


def test_a_truncated_log_is_refused() -> None:
    """LiteLLM cuts long texts in its spend logs."""
    text = "abc... (litellm_truncated 2000 chars) ...xyz"
    record = {"messages": [{"role": "user", "content": text}], "response": ANSWER}
    reject = outcome_of(record).reject
    assert reject
    assert reject.code == "incomplete_log"


def test_the_texts_of_calls_in_a_response_are_calls() -> None:
    """As a server without a parser of calls returns them."""
    text = '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'
    response = {"choices": [{"message": {"role": "assistant", "content": text}}]}
    (row,) = rows_of({"request": {"messages": QUESTION}, "response": response})
    assert [message["role"] for message in row["messages"]] == ["user", "tool_call"]


BATCH_INPUTS: list[dict[str, Any]] = [
    {"custom_id": "r1", "method": "POST", "url": "/v1/x", "body": {"messages": QUESTION}},
    {"custom_id": "r2", "method": "POST", "url": "/v1/x", "body": {"input": "Weather?"}},
    {"custom_id": "r3", "params": {"messages": QUESTION, "max_tokens": 9}},
    {"key": "r4", "request": {"contents": [{"role": "user", "parts": [{"text": "Weather?"}]}]}},
]
_ITEM = {"type": "message", "role": "assistant"}
BATCH_OUTPUTS: list[dict[str, Any]] = [
    {"id": "b1", "custom_id": "r1", "response": {"status_code": 200, "body": ANSWER}},
    {
        "id": "b2",
        "custom_id": "r2",
        "response": {
            "status_code": 200,
            "body": {
                "object": "response",
                "status": "completed",
                "output": [{**_ITEM, "content": [{"type": "output_text", "text": "Rain."}]}],
            },
        },
    },
    {
        "custom_id": "r3",
        "result": {
            "type": "succeeded",
            "message": {
                **_ITEM,
                "content": [{"type": "text", "text": "Rain."}],
                "stop_reason": "end_turn",
            },
        },
    },
    {
        "key": "r4",
        "response": {
            "candidates": [{"content": {"parts": [{"text": "Rain."}]}, "finishReason": "STOP"}]
        },
    },
]


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_a_batch_finds_its_requests_in_the_folder_beside_it(tmp_path: Path) -> None:
    """Of OpenAI's chat completions and responses, Anthropic's and Gemini's batches."""
    out = tmp_path / "out.jsonl"
    report = convert_files([written(tmp_path / "b.jsonl", BATCH_OUTPUTS)], out, None, OPTIONS)
    assert report.rejects == {"no_request": 4}
    assert "requests/NAME" in report.examples["no_request"]
    raw = written(tmp_path / "batch.jsonl", BATCH_OUTPUTS)
    written(tmp_path / "requests" / "batch.jsonl", BATCH_INPUTS)
    report = convert_files([raw], out, None, OPTIONS)
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert report.rows_rejected == 0
    assert [row["id"] for row in rows] == ["r1", "r2", "r3", "r4"]
    assert [row["messages"] for row in rows] == [MESSAGES] * 4


def test_a_request_that_is_there_twice_belongs_to_no_response(tmp_path: Path) -> None:
    raw, out = written(tmp_path / "batch.jsonl", BATCH_OUTPUTS[:1]), tmp_path / "out.jsonl"
    other = {"custom_id": "r1", "body": {"messages": [{"role": "user", "content": "Snow?"}]}}
    written(tmp_path / "requests" / "batch.jsonl", [BATCH_INPUTS[0], other])
    report = convert_files([raw], out, None, OPTIONS)
    assert report.rejects == {"no_request": 1}


@pytest.mark.parametrize("record", BATCH_INPUTS)
def test_a_request_without_a_response_is_named(record: dict[str, Any]) -> None:
    reject = outcome_of(record).reject
    assert reject
    assert reject.code == "no_response"


@pytest.mark.parametrize(
    "pieces",
    [[], [None], ["a"], [[]], [{"choices": [{"delta": 1}]}], [{"type": "message_start"}]],
)
def test_what_is_no_stream_stays_or_has_no_answer(pieces: Any) -> None:
    assert assembled(pieces) is pieces or isinstance(assembled(pieces), dict)


@pytest.mark.parametrize(
    ("name", "has_gold"),
    [
        ("oai_req_resp", True),
        ("oai_responses_items", True),
        ("gemini_ft", True),
        ("bedrock_conv", True),
        ("langchain_type", True),
    ],
)
def test_shared_rows_are_read(name: str, has_gold: bool) -> None:
    """Whole, and with the first call as the gold of GRPO."""
    file = SHARED_CASES / "data" / f"{name}.jsonl"
    if not file.is_file():
        pytest.skip(f"no {file}")
    for line in file.read_text(encoding="utf-8").splitlines():
        (row,) = rows_of(json.loads(line))
        assert "tool_call" in [message["role"] for message in row["messages"]]
        golds = [json.loads(cut["expected_calls"]) for cut in rows_of(json.loads(line), "grpo")]
        assert bool(golds[0]) == has_gold
        assert golds[0][0]["name"] == "get_weather"


def test_no_other_format_is_taken_for_a_log() -> None:
    """A response in a column of a plain conversation, or an Alpaca row, is none."""
    logs = {"openai_log", "anthropic_log", "responses", "gemini", "bedrock", "langchain"}
    for file in GOLDEN.glob("*.json"):
        if file.stem in logs:
            continue
        for case in json.loads(file.read_text(encoding="utf-8")):
            chunk = Chunk(Path("raw.jsonl"), [(1, json.dumps(case["in"]).encode())])
            for outcome in convert_chunk(chunk, OPTIONS) if "out" in case else ():
                assert outcome.source_format not in logs
