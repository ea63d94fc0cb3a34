"""61 published chat templates on 20 conversations, each compared with what transformers rendered and
with the spans that are to be trained (README.md of the shared cases)."""

import re
from dataclasses import asdict
from typing import Any

import pytest
from helpers.chat_templates import conversations, published, renderings

from swiftkit.errors import DataError
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.loss_spans import TurnLoss, render_conversation
from swiftkit.rendering.message_form import MessageForm, probe_form
from swiftkit.toolcall import reasoning

RENDERINGS = renderings()
# its content is absent; we hand the template "" as servers do, where some refuse what is absent
ABSENT_CONTENT = "c13"
# The template drops each call after the first, in silence. The case file's rule looks for names of
# functions, and the first call has the same name; the marks see it.
SECOND_CALL_LOST = {("gptoss", "c25"), ("gptoss", "c28"), ("gptoss", "c55")}


@pytest.fixture(params=RENDERINGS)
def lines(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """All renderings of one template."""
    return RENDERINGS[request.param]


@pytest.fixture
def template(lines: list[dict[str, Any]]) -> ChatTemplate:
    found = published(lines[0])
    if found is None:
        pytest.skip(
            f"its text is in {lines[0]['source']}: name a folder in SWIFTKIT_CHAT_TEMPLATES"
        )
    return found


def test_form_that_is_found_by_trying_is_the_form_of_the_renderings(
    template: ChatTemplate, lines: list[dict[str, Any]]
) -> None:
    assert probe_form(template) == form_of(lines[0])


def form_of(line: dict[str, Any]) -> MessageForm:
    return MessageForm(
        line["content_form"] == "blocks", line["arguments_form"] == "string", line["reasoning_key"]
    )


def test_text_is_that_of_transformers_and_so_is_a_refusal(
    template: ChatTemplate, lines: list[dict[str, Any]]
) -> None:
    """Messages as they are, content null and absent too."""
    for line in lines:
        messages, tools = conversations()[line["conversation"]]
        formed = [raw_form(message, line) for message in messages]
        try:
            text = template.render(formed, tools, line["add_generation_prompt"], **line["kwargs"])
        except DataError as error:
            text = f"{error.code}: {error.reason}"
        refused = line.get("error", "").removeprefix("TemplateError: ")
        if refused:
            expected = f"template_refuses: the chat template refuses the conversation: {refused}"
        else:
            expected = line["text"]
        assert text == expected, line["conversation"]


def raw_form(message: dict[str, Any], line: dict[str, Any]) -> dict[str, Any]:
    """A message in the template's form with what it lacks still lacking."""
    formed = form_of(line).apply([{"content": "", **message}])[0]
    if not isinstance(message.get("content"), str):
        formed.pop("content")
    return formed | {key: None for key, value in message.items() if value is None}


def test_turns_and_spans_are_those_of_the_case_file(
    template: ChatTemplate, lines: list[dict[str, Any]]
) -> None:
    form = probe_form(template)
    for line in lines:
        name = line["template"], line["conversation"]
        messages, tools = conversations()[line["conversation"]]
        try:
            rendered = render_conversation(template, form, messages, tools, line["kwargs"])
        except DataError:
            assert "error" in line, name
            continue
        if "error" in line:
            assert line["conversation"] == ABSENT_CONTENT, name
            continue
        assert rendered.text == line["text"], name
        for turn, expected in zip(rendered.turns, line["turns"], strict=True):
            if name in SECOND_CALL_LOST and turn.message == 1:
                assert (turn.status, turn.lost) == ("lost", ("calls",))
                continue
            assert as_in_case_file(turn) == expected_turn(expected), name
            check_empty_reasoning(turn, expected, line["template"])
        if name not in SECOND_CALL_LOST:
            trained = rendered.trained(with_empty_reasoning=True)
            assert [list(span) for span in trained] == line["trained"]


def check_empty_reasoning(turn: TurnLoss, expected: dict[str, Any], template: str) -> None:
    """A block without reasoning that the model would write is named, and nothing else."""
    block = turn.generated[: turn.empty_reasoning]
    assert re.sub(reasoning.ANY_TAG, "", block).strip() == ""
    # Kimi K3 has tags of its own, which the case file does not know; reasoning that a template drops
    # leaves an empty block too
    if template != "kimi_k3" and turn.status != "lost":
        assert bool(block) == ("empty_thinking_generated" in expected.get("ambiguous", []))


def as_in_case_file(turn: TurnLoss) -> dict[str, Any]:
    values = asdict(turn)
    for ours in ("why", "missing_end", "empty_reasoning"):
        del values[ours]
    values["lost"] = set(values["lost"])
    values["no_end"] = not values.pop("has_end")
    return values


def expected_turn(turn: dict[str, Any]) -> dict[str, Any]:
    span = turn.get("span")
    return {
        "message": turn["message"],
        "status": turn["status"],
        "generated": turn.get("generated", ""),
        "lost": set(turn["lost"]),
        "needs": turn.get("needs", {}),
        "no_end": turn.get("no_end", False),
        "prompt_length": turn.get("prompt_chars", 0),
        "span": tuple(span) if span else None,
        "row": turn.get("row", ""),
    }


@pytest.mark.parametrize("name", ["glm4moe", "glm4_6", "glm4_7"])
def test_missing_end_is_the_stop_token_with_which_the_next_message_begins(name: str) -> None:
    lines = RENDERINGS.get(name, [])
    template = published(lines[0]) if lines else None
    if template is None:
        pytest.skip("the template's text is not here")
    for line in lines:
        messages, tools = conversations()[line["conversation"]]
        for turn in render_conversation(template, MessageForm(), messages, tools).turns:
            has_calls = "tool_calls" in messages[turn.message]
            assert turn.missing_end == ("<|observation|>" if has_calls else "<|user|>")
