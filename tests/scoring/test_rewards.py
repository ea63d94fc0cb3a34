"""GRPO's rewards from the columns that swift hands over, and data that cannot be rewarded."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.preflight_recipes import preflight

from swiftkit.errors import DataError, UsageError
from swiftkit.recipe.recipe import RecipeFinding
from swiftkit.sandbox.tool_pool import ToolOutcome
from swiftkit.scoring import rewards
from swiftkit.scoring.gold import gold_from
from swiftkit.scoring.score import score_text
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import hermes
from swiftkit.toolcall.wire_format import load

GOLD = '[{"name": "f", "arguments": {"a": 1}}, {"name": "f", "arguments": {"a": 2}}]'
TOOLS = '[{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}}}}]'
HALF, OTHER = (hermes.render([ToolCall("f", {"a": value})]) for value in (1, 2))
RIGHT, SWAPPED = HALF + OTHER, OTHER + HALF
QUESTION = {"role": "user", "content": "q"}


def test_a_completion_scores_as_everywhere_else() -> None:
    """Gold, options and schemas are those of the row."""
    wrong = hermes.render([ToolCall("f", {"a": "x"})])
    columns = {"expected_calls": [GOLD] * 4, "tools": [TOOLS, None, TOOLS, json.loads(TOOLS)]}
    columns["scoring"] = [None, '{"ordered": true}', "", None]
    found = rewards.scores([RIGHT, SWAPPED, HALF, wrong], columns)
    assert [score.exact for score in found] == [True, False, False, False]
    assert found[2] == score_text(HALF, gold_from(GOLD, "gold", "", TOOLS))
    assert found[3].parts["schema"] == 0 < found[2].parts["schema"]


def test_a_rollout_is_scored_by_its_chain() -> None:
    """swift hands over the last answer; all of them stand in rollout_infos."""
    infos = {
        "answers": [HALF, "Done."],
        "steps": '[[{"name": "f", "arguments": {"a": 1}}]]',
        "num_turns": 2,
    }
    (score,) = rewards.scores(["Done."], {"expected_calls": [GOLD], "rollout_infos": [infos]})
    assert score.exact
    (single,) = rewards.scores([HALF], {"expected_calls": [GOLD], "rollout_infos": [{}]})
    assert not single.exact


def test_completions_without_gold_stop_the_run() -> None:
    """A stream of rows is looked at as it comes; a reward of 0 would train on nothing."""
    for columns in ({}, {"expected_calls": [GOLD, None]}, {"expected_calls": [GOLD, "nonsense"]}):
        with pytest.raises(DataError, match="expected_calls"):
            rewards.scores([RIGHT, RIGHT], columns)


@pytest.mark.parametrize(
    ("outcomes", "wanted", "results", "worth"),
    [
        ([], 0, None, 1),
        ([], 1, None, 0),
        ([ToolOutcome(1)], 0, None, 0),  # no call was wanted
        ([ToolOutcome(1)], 1, None, 1),
        ([ToolOutcome(error="no")], 1, None, 0),
        ([ToolOutcome(1), ToolOutcome(error="no")], 2, None, 0.5),
        ([ToolOutcome(1)], 2, None, 0.5),  # one is missing
        ([ToolOutcome(1)] * 4, 2, None, 0.5),  # two too many
        ([ToolOutcome(1)] * 2, 1, None, 0.5),
        ([ToolOutcome(error="no"), ToolOutcome(1)], 1, None, 0.5),
        ([ToolOutcome({"a": 1.0}), ToolOutcome("x")], 2, ["x", {"a": 1}], 1),
        ([ToolOutcome("x"), ToolOutcome("x")], 2, ["x", "y"], 0.5),
        ([ToolOutcome("x")] * 4, 2, ["x", "x"], 0.5),  # more than were wanted
        ([ToolOutcome("x")], 2, ["x", "y"], 0.5),
        ([ToolOutcome(True)], 1, [1], 0),
    ],
)
def test_success_is_the_share_of_calls_that_gave_a_right_result(
    outcomes: list[ToolOutcome], wanted: int, results: Any, worth: float
) -> None:
    """Without known results, of calls that gave any result."""
    assert rewards.success(outcomes, wanted, results) == worth


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"expected_calls": None}, "no expected_calls"),
        (
            {"expected_calls": [{"name": "f", "arguments": {}}]},
            "expected_calls is list, not JSON text",
        ),
        ({"expected_calls": "{"}, "expected_calls: bad gold"),
        ({"expected_calls": '[{"name": "f"}]'}, "expected_calls: bad gold"),
        ({"scoring": '{"order": true}'}, "expected_calls: bad gold: scoring: "),
        ({"state": "[]"}, "state: "),
        ({"expected_results": "{}"}, "expected_results: "),
        ({"expected_results": "[1]"}, "expected_results: 1 results for 2 calls"),
        (
            {"messages": [QUESTION, {"role": "tool_call", "content": "x"}]},
            "expected_calls: a recorded call is not JSON",
        ),
    ],
)
def test_rows_that_cannot_be_rewarded_are_named(fault: dict[str, Any], said: str) -> None:
    """The row, the column and how to mend it; before training, and all at once."""
    good = {"messages": [QUESTION], "expected_calls": GOLD, "tools": TOOLS, "state": None}
    rewards.check_rows([("data.jsonl:1", good)], chains=True)
    rows = [
        (f"data.jsonl:{number}", good | fault if number > 3 else good) for number in range(1, 10)
    ]
    with pytest.raises(DataError, match="6 rows cannot be rewarded") as caught:
        rewards.check_rows(rows, chains=True)
    assert f"data.jsonl:4: {said}" in str(caught.value)
    assert "data.jsonl:7" not in str(caught.value)
    assert caught.value.fix


def of_rows(recipe: Path, *flags: str) -> list[RecipeFinding]:
    """Preflight's findings about rewards; the rest of such a recipe is not there."""
    return [fault for fault in preflight(recipe, flags) if fault.rule == "unrewarded_row"]


def test_preflight_names_the_line_before_swift_starts(tmp_path: Path) -> None:
    """For JSONL files and our own rewards: file:line, the column and the fix."""
    recipe, data = tmp_path / "grpo.yaml", tmp_path / "rows.jsonl"
    data.write_text(
        json.dumps({"messages": [QUESTION], "expected_calls": GOLD}) + "\n", encoding="utf-8"
    )
    recipe.write_text(
        f"rlhf_type: grpo\nreward_funcs: [tool_call]\ndataset: [{data}#500]\n", encoding="utf-8"
    )
    assert of_rows(recipe) == []
    with data.open("a") as file:
        file.write(json.dumps({"messages": [QUESTION]}) + "\n")
    (finding,) = of_rows(recipe)
    assert f"{data}:2: no expected_calls" in str(finding)
    assert "swiftkit convert --to grpo" in str(finding)
    assert of_rows(recipe, "--reward_funcs", "accuracy") == []


def test_single_steps_are_no_chains(tmp_path: Path) -> None:
    """Rows of --each-step hold a step each: enough for one answer, not for a rollout of several
    turns."""
    recipe, data = tmp_path / "grpo.yaml", tmp_path / "rows.jsonl"
    data.write_text(
        json.dumps({"messages": [QUESTION], "expected_calls": GOLD, "chain": "a"}) + "\n",
        encoding="utf-8",
    )
    recipe.write_text(
        f"rlhf_type: grpo\nreward_funcs: [tool_chain]\ndataset: [{data}]\n", encoding="utf-8"
    )
    assert of_rows(recipe) == []
    (finding,) = of_rows(recipe, "--multi_turn_scheduler", "tool_calls")
    assert "convert without --each-step" in str(finding)


def test_the_training_decides_for_rows_that_name_no_format() -> None:
    """The agent template's format; a row's own stands against it, the environment above both."""
    answer = load("qwen3_coder").render([ToolCall("f", {"a": 1})])
    gold, own = '[{"name": "f", "arguments": {"a": 1}}]', '{"wire_format": "qwen3_coder"}'

    def values(run_format: rewards.RunFormat) -> list[float]:
        scoring = [run_format.scoring_of(each) for each in (None, own)]
        columns = {"expected_calls": [gold] * 2, "tools": [TOOLS] * 2, "scoring": scoring}
        return [score.value for score in rewards.scores([answer] * 2, columns)]

    assert values(rewards.run_format_of("", "")) == [1, 1]
    assert values(rewards.run_format_of("hermes", "")) == [0, 1]
    assert values(rewards.run_format_of("qwen3_5", "")) == [1, 1]
    assert values(rewards.run_format_of("qwen3_5", "hermes")) == [0, 0]
    assert values(rewards.run_format_of("hermes", "any")) == [1, 1]


def test_a_run_stops_where_no_answer_could_earn_anything() -> None:
    """An agent template that nobody knows, and rows of another format than the run's."""
    with pytest.raises(UsageError, match="the agent template mine is not known"):
        rewards.run_format_of("mine", "")
    assert rewards.run_format_of("mine", "any").name == "any"
    row = {"messages": [QUESTION], "expected_calls": GOLD, "scoring": '{"wire_format": "glm4"}'}
    rewards.check_rows([("row 1", row)], run_format=rewards.run_format_of("glm4", ""))
    with pytest.raises(DataError, match="wire format is glm4, and this training's is hermes"):
        rewards.check_rows([("row 1", row)], run_format=rewards.run_format_of("hermes", ""))


def test_equal_completions_of_a_group_are_scored_once() -> None:
    """Equal answers to one question share a score, single ones and chains; other golds do not."""
    infos = {"answers": [HALF, "Done."], "steps": '[[{"name": "f", "arguments": {"a": 1}}]]'}
    batches = [
        ([HALF] * 8, {"expected_calls": [GOLD] * 8}),
        (["Done."] * 8, {"expected_calls": [GOLD] * 8, "rollout_infos": [infos] * 8}),
    ]
    for completions, columns in batches:
        scores = rewards.scores(completions, columns)
        assert len({id(score) for score in scores}) == 1
    other = '[{"name": "f", "arguments": {"a": 1}}]'
    two = rewards.scores([HALF, HALF], {"expected_calls": [GOLD, other]})
    assert [score.exact for score in two] == [False, True]
