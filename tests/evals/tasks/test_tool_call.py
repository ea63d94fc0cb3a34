"""The tool-call task: rows to samples, responses to scores, scores to metrics."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import SHARED_DATA

from swiftkit.errors import DataError
from swiftkit.evals.tasks import tool_call
from swiftkit.records import Response, Sample
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import hermes

TOOL = {
    "name": "f",
    "description": "d",
    "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}},
}
USER = {"role": "user", "content": "q"}


def call(value: int) -> dict[str, str]:
    return {"role": "tool_call", "content": json.dumps({"name": "f", "arguments": {"x": value}})}


def result(text: str) -> dict[str, str]:
    return {"role": "tool_response", "content": text}


def load(tmp_path: Path, *rows: dict[str, Any]) -> list[Sample]:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tool_call.load(file)


def row(gold: list[Any] | None, *messages: dict[str, str], **more: Any) -> dict[str, Any]:
    extra = {} if gold is None else {"expected_calls": json.dumps(gold)}
    return {"messages": list(messages or [USER]), "tools": json.dumps([TOOL]), **extra, **more}


def metrics(*pairs: tuple[Sample, Response | None]) -> dict[str, tuple[float, float]]:
    """right and total of each metric."""
    scored = [
        (sample, 0, tool_call.score(sample, response) if response else None)
        for sample, response in pairs
    ]
    return {
        name: (sum(tally.right for tally in tallies), sum(tally.total for tally in tallies))
        for name, tallies in tool_call.metrics(scored).items()
    }


def answer(*values: int) -> Response:
    return Response("x", tool_calls=[ToolCall("f", {"x": value}) for value in values] or None)


def test_load_row_with_gold_is_one_sample_in_openai_form(tmp_path: Path) -> None:
    """Calls get ids, results point to them, contents are never null, bare tools are wrapped."""
    history = [{"role": "system", "content": "s"}, USER, call(1), call(2), result("a"), result("b")]
    (sample,) = load(tmp_path, row([{"name": "f", "arguments": {"x": 3}}], *history, id="r"))
    system, user, assistant, first, second = sample.messages
    assert (system["role"], user["content"], assistant["content"]) == ("system", "q", "")
    ids = [entry["id"] for entry in assistant["tool_calls"]]
    assert [first["tool_call_id"], second["tool_call_id"]] == ids
    assert len(set(ids)) == 2
    assert json.loads(assistant["tool_calls"][1]["function"]["arguments"]) == {"x": 2}
    assert sample.tools == [{"type": "function", "function": TOOL}]
    assert tool_call.score(sample, answer(3)).exact


def test_load_trailing_answer_is_not_sent(tmp_path: Path) -> None:
    """The server would take it as the beginning of the model's answer."""
    with_answer = row([], USER, {"role": "assistant", "content": "leak"})
    (sample,) = load(tmp_path, with_answer)
    assert sample.messages == [USER]


def test_load_training_row_is_a_chain_of_its_calling_turns(tmp_path: Path) -> None:
    """Each calling turn is asked with the true history before it; the closing text is not asked."""
    text = {"role": "assistant", "content": "let me see"}
    closing = {"role": "assistant", "content": "done"}
    samples = load(
        tmp_path,
        row(None, USER, text, call(1), result("a"), call(2), call(3), result("b"), closing, id="c"),
    )
    assert [sample.id for sample in samples] == ["c#1", "c#2"]
    assert [len(sample.messages) for sample in samples] == [1, 3]
    assert {sample.meta["chain"] for sample in samples} == {"c"}
    assert [len(sample.target.calls) for sample in samples] == [1, 2]


def test_load_calls_written_as_text_are_calls(tmp_path: Path) -> None:
    """An assistant message in the model's own wire format holds a gold call too."""
    spoken = {"role": "assistant", "content": hermes.render([ToolCall("f", {"x": 4})])}
    (sample,) = load(tmp_path, row(None, USER, spoken))
    assert tool_call.score(sample, answer(4)).exact


def test_load_training_row_without_calls_wants_none(tmp_path: Path) -> None:
    """It becomes one sample of abstention."""
    (sample,) = load(tmp_path, row(None, USER, {"role": "assistant", "content": "no tool fits"}))
    assert tool_call.score(sample, answer()).exact
    assert tool_call.score(sample, answer(1)).value == 0


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"messages": []}, "no_messages"),
        ({"messages": [{"content": "x"}]}, "bad_message"),
        ({"messages": [{"role": "user", "content": [1]}]}, "bad_content"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "unknown_role"),
        ({"messages": [USER, {"role": "tool_call", "content": "{"}]}, "broken_json"),
        ({"messages": [USER, {"role": "tool_call", "content": "{}"}]}, "bad_call"),
        ({"messages": [USER, result("r")]}, "orphan_result"),
        ({"messages": [USER, {"role": "assistant", "content": "<tool_call>{"}]}, "malformed_call"),
        ({"messages": [{"role": "system", "content": "x"}]}, "no_question"),
        ({"messages": [USER], "tools": "{"}, "bad_tools"),
        ({"messages": [USER], "tools": "3"}, "bad_tools"),
        ({"messages": [USER], "expected_calls": "nonsense"}, "bad_gold"),
        ({"messages": [USER], "expected_calls": [{"name": "f"}]}, "bad_gold"),
        ({"messages": [USER], "expected_calls": "[]", "id": "same"}, "duplicate_id"),
        ({"question": [[USER]], "function": []}, "no_gold"),
        (
            {"question": [[USER], [USER]], "initial_config": {}, "involved_classes": []},
            "bfcl_multi_turn",
        ),
    ],
)
def test_load_broken_row_is_named_by_its_line(
    tmp_path: Path, broken: dict[str, Any], code: str
) -> None:
    """Whatever is wrong, the error begins with file:line."""
    with pytest.raises(DataError, match=r"^\S+rows\.jsonl:2: ") as caught:
        load(tmp_path, row([], id="same"), broken)
    assert caught.value.code == code


def test_load_empty_file_is_refused(tmp_path: Path) -> None:
    """No row, no evaluation."""
    with pytest.raises(DataError, match="no rows"):
        load(tmp_path)


def test_score_markup_beside_tool_calls_is_judged_as_by_the_reward(tmp_path: Path) -> None:
    """`swift deploy` drops a broken block from tool_calls; the text still shows it, and the answer
    is malformed."""
    (sample,) = load(tmp_path, row([{"name": "f", "arguments": {"x": 1}}]))
    good = hermes.render([ToolCall("f", {"x": 1})])
    calls = [ToolCall("f", {"x": 1})]
    assert tool_call.score(sample, Response("x", text=good, tool_calls=calls)).exact
    assert (
        tool_call.score(
            sample, Response("x", text=f"{good}\n<tool_call>\n{{", tool_calls=calls)
        ).value
        == 0
    )
    assert tool_call.score(
        sample, Response("x", text="<tool_call><function=f>", tool_calls=calls)
    ).exact
    assert tool_call.score(sample, Response("x", text=good)).exact
    assert tool_call.score(sample, Response("x", text="I cannot")).value == 0


def test_metrics_sum_calls_and_chains(tmp_path: Path) -> None:
    """tool_accuracy counts calls, chain_success whole chains, abstention the samples that want no
    call."""
    gold = [{"name": "f", "arguments": {"x": 1}}, {"name": "f", "arguments": {"x": 2}}]
    first, second, silent = load(
        tmp_path,
        row(gold, chain="c", category="a"),
        row(gold[:1], chain="c", category="b"),
        row([], category="b"),
    )
    found = metrics((first, answer(1, 2)), (second, answer(9)), (silent, answer()))
    assert found["tool_accuracy"] == (3, 4)
    assert found["chain_success"] == (1, 2)
    assert found["abstention"] == (1, 1)
    assert found["name_accuracy"] == (2, 2)
    assert found["parameter_value_accuracy"] == (1, 2)
    assert found["schema_accuracy"] == (2, 2)
    assert (found["tool_accuracy[a]"], found["tool_accuracy[b]"]) == ((2, 2), (1, 2))


def test_metrics_chain_with_a_turn_without_score_does_not_count(tmp_path: Path) -> None:
    """An error or a cut makes a chain unknown, neither right nor wrong."""
    gold = [{"name": "f", "arguments": {"x": 1}}]
    first, second = load(tmp_path, row(gold, chain="c"), row(gold, chain="c"))
    assert metrics((first, answer(1)), (second, None))["chain_success"] == (0, 0)
    assert metrics((first, answer(1)))["chain_success"] == (0, 0)
    assert metrics((first, answer(1)), (second, answer(1)))["chain_success"] == (1, 1)


def test_metrics_abstention_has_a_recall_and_a_precision(tmp_path: Path) -> None:
    """Silence is measured against what wanted it; a malformed answer is no silence, and counts as
    wrong."""
    gold = [{"name": "f", "arguments": {"x": 1}}]
    calling, silent, noisy = load(tmp_path, row(gold), row([]), row([]))
    broken = Response("x", text="<tool_call>{")
    found = metrics((calling, answer()), (silent, answer()), (noisy, answer(1)))
    assert (found["abstention"], found["abstention_precision"]) == ((1, 2), (1, 2))
    assert found["format_accuracy"] == (0, 1)
    found = metrics((calling, broken), (silent, broken), (noisy, answer()))
    assert (found["abstention"], found["abstention_precision"]) == ((1, 2), (1, 1))
    assert found["tool_accuracy"] == (1, 3)


def test_metrics_each_tool_has_its_own_accuracy(tmp_path: Path) -> None:
    """By the tool that was wanted, with calls too many; a name that a model made up makes no
    metric."""
    other = {**TOOL, "name": "g"}
    gold = [{"name": "f", "arguments": {"x": 1}}, {"name": "g", "arguments": {"x": 2}}]
    wanted = row(gold) | {"tools": json.dumps([TOOL, other])}
    samples = load(tmp_path, wanted, wanted | {"id": "second"})
    calls = [
        ToolCall("f", {"x": 1}),
        ToolCall("g", {"x": 9}),
        ToolCall("g", {"x": 3}),
        ToolCall("h]", {}),
    ]
    found = metrics(
        (samples[0], Response("x", tool_calls=calls)), (samples[1], Response("x", text="no"))
    )
    assert (found["tool_accuracy[tool:f]"], found["tool_accuracy[tool:g]"]) == ((1, 2), (0, 3))
    assert not any("h]" in name for name in found)


def test_metrics_trials_give_pass_k_of_chains(tmp_path: Path) -> None:
    """Both trials of a chain right: pass^2; its names are known before anything is asked."""
    (sample,) = load(tmp_path, row([{"name": "f", "arguments": {"x": 1}}]))
    trials = [(sample, trial, tool_call.score(sample, answer(1 + trial))) for trial in range(2)]
    found = tool_call.metrics(trials)
    assert [tally.right for name in ("pass^1", "pass^2", "pass@2") for tally in found[name]] == [
        0.5,
        0,
        1,
    ]
    assert "pass^2" in tool_call.metrics([(sample, 0, None), (sample, 1, None)])


def test_load_bfcl_files_are_read_as_they_are() -> None:
    """Questions with the answers beside them: by category, and the gold itself scores 100 %."""
    folder = SHARED_DATA / "bfcl"
    if not folder.is_dir():
        pytest.skip(f"no BFCL in {folder}: set SWIFTKIT_SHARED_DATA to the folder of bfcl/")
    samples = tool_call.load(folder / "BFCL_v4_parallel.json")
    assert (len(samples), {sample.meta["category"] for sample in samples}) == (200, {"parallel"})
    gold = [
        [ToolCall(call.name, call.arguments) for call in sample.target.calls] for sample in samples
    ]
    pairs = [
        (sample, Response("x", tool_calls=calls))
        for sample, calls in zip(samples, gold, strict=True)
    ]
    right, total = metrics(*pairs)["tool_accuracy"]
    assert right == total > 400
