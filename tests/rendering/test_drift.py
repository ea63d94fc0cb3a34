"""Planted differences between two texts of a conversation, each found, in its line, under its name.

The templates are the published ones; what is planted is what servers, ms-swift's own templates and
other revisions were seen to do. That equal texts have no difference: tests/preflight/test_parity.py.
"""

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from helpers.chat_templates import conversations, published, renderings

from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.drift import cause_of_count, find_drift, find_id_drift
from swiftkit.rendering.drift_causes import CAUSES
from swiftkit.rendering.message_form import probe_form
from swiftkit.rendering.neutral_messages import neutral
from swiftkit.rendering.render_request import RenderRequest

RENDERINGS = renderings()
Plant = Callable[[RenderRequest], str]


def template_named(name: str) -> ChatTemplate:
    found = published(RENDERINGS[name][0]) if name in RENDERINGS else None
    if found is None:
        pytest.skip("the chat templates are not here: bash scripts/setup.sh gets them")
    return found


def request_of(name: str, conversation: str) -> RenderRequest:
    template = template_named(name)
    messages, tools = conversations()[conversation]
    form = probe_form(template)
    request = RenderRequest(template, form, neutral(messages), tools)
    return replace(request, missing_end="<|user|>" if name == "glm4moe" else "")


def put(old: str, new: str, count: int = -1) -> Plant:
    """The text with something else in it."""

    def planted(request: RenderRequest) -> str:
        text = request.text()
        assert old in text
        return text.replace(old, new, count)

    return planted


def with_messages(change: Callable[[list[Any]], list[Any]]) -> Plant:
    return lambda request: replace(request, messages=change(list(request.messages))).text()


def with_tools(change: Callable[[Any], Any]) -> Plant:
    return lambda request: replace(request, tools=change(request.tools)).text()


def setting(**values: Any) -> Plant:
    return lambda request: replace(request, settings=values).text()


def without(key: str) -> Plant:
    return with_messages(
        lambda messages: [{k: v for k, v in each.items() if k != key} for each in messages]
    )


def system(text: str) -> Plant:
    def changed(messages: list[Any]) -> list[Any]:
        rest = messages[1:] if messages[0]["role"] == "system" else messages
        return [{"role": "system", "content": text}, *rest] if text else rest

    return with_messages(changed)


def on(day: datetime) -> Plant:
    return lambda request: replace(request, template=replace(request.template, now=day)).text()


def other_source(old: str, new: str) -> Plant:
    """The text by another revision of the template."""

    def planted(request: RenderRequest) -> str:
        source = request.template.source()
        assert old in source
        template = replace(request.template, named={"default": source.replace(old, new)})
        return replace(request, template=template).text()

    return planted


def last_end(new: str) -> Plant:
    return lambda request: new.join(request.text().rsplit("<|im_end|>", 1))


def indented(request: RenderRequest) -> str:
    tool = json.dumps((request.tools or [])[0], ensure_ascii=False)
    assert tool in request.text()
    return request.text().replace(tool, json.dumps((request.tools or [])[0], indent=2))


def described_by_null(tools: Any) -> Any:
    function = tools[0]["function"]
    named = {"name": function["name"], "description": None, **function, "strict": None}
    return [{**tools[0], "function": named}, *tools[1:]]


QWEN_SYSTEM = (
    "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant."
)
PLANTED: dict[str, list[tuple[str, str, Plant]]] = {
    "system_header": [
        ("qwen3", "c22", put("system\n# Tools", "system\n\n\n# Tools")),
        ("qwen3_instruct_2507", "c31", put("system\n# Tools", "system\n\n# Tools")),
    ],
    "empty_think": [
        ("qwen3", "c19", put("<think>\n\n</think>\n\n", "")),
        ("qwen3", "c04", put("assistant\nOak", "assistant\n<think>\n\n</think>\n\nOak")),
        ("glm4moe", "c22", put("<think></think>\n", "")),
    ],
    "line_break_before_call": [
        ("qwen2_5", "c22", put("One moment.\n<tool_call>", "One moment.\n\n<tool_call>")),
        ("glm4moe", "c22", put("One moment.\n<tool_call>", "One moment.<tool_call>")),
    ],
    "default_system_prompt": [
        ("qwen2_5", "c01", put(QWEN_SYSTEM, "<|im_start|>system\nYou are a helpful assistant.")),
        ("qwen2_5", "c07", put(f"{QWEN_SYSTEM}<|im_end|>\n", "")),
        ("qwen3", "c01", system("You are a helpful assistant.")),
        ("glm4moe", "c04", system("Answer in Chinese.")),
    ],
    "system_prompt": [
        ("qwen3", "c10", system("You are a pirate.")),
        ("llama3_2", "c19", system("")),
        ("gemma4", "c10", put("Answer briefly.", "Answer at length.")),
    ],
    "date": [
        ("llama3_2", "c07", on(datetime(2026, 2, 1))),
        ("llama3_1", "c01", setting(date_string="01 Dec 2026")),
    ],
    "dropped_reasoning": [
        ("qwen3_8", "c07", without("reasoning_content")),
        ("qwen3", "c40", without("reasoning_content")),
        ("gemma4", "c37", without("reasoning_content")),
    ],
    "reasoning_form": [
        ("qwen3", "c07", put("<think>\nThree and four make seven.\n", "<think>Three and four make seven.")),
        ("glm4moe", "c07", put("<think>Three", "<think>\nThree")),
    ],
    "bos_twice": [
        ("llama3_2", "c01", lambda request: "<|begin_of_text|>" + request.text()),
        ("gemma3", "c04", lambda request: "<bos>" + request.text()),
    ],
    "bos_missing": [
        ("llama3_1", "c10", put("<|begin_of_text|>", "", 1)),
        ("gemma4", "c01", put("<bos>", "", 1)),
    ],
    "bos_added": [("qwen3", "c10", lambda request: "<|endoftext|>" + request.text())],
    "tools_place": [("llama3_2", "c10", setting(tools_in_user_message=False))],
    "tools_block": [
        ("qwen3", "c19", with_tools(lambda _: None)),
        ("qwen3", "c22", put("You may call one or more functions", "You have functions")),
        ("glm4moe", "c10", put("# Tools", "## Available Tools")),
    ],
    "tools_order": [
        ("qwen3", "c10", with_tools(lambda tools: json.loads(json.dumps(tools, sort_keys=True)))),
        ("qwen2_5", "c31", with_tools(lambda tools: tools[::-1])),
        ("llama3_2", "c10", with_tools(lambda tools: json.loads(json.dumps(tools, sort_keys=True)))),
    ],
    "json_spacing": [
        ("qwen3", "c10", put('": ', '":')),
        ("qwen2_5", "c22", indented),
    ],
    "json_escaping": [
        ("qwen2_5", "c46", put("茶叶", "\\u8336\\u53f6")),
        ("qwen3", "c46", lambda request: re.sub(r"[^\x00-\x7f]", escaped, request.text())),
    ],
    "booleans": [("qwen2_5", "b1", put('"lit": true', '"lit": True'))],
    "null_printed": [
        ("qwen3", "c22", with_tools(described_by_null)),
        ("glm4moe", "c10", put("<think></think>\n<tool_call>", "<think></think>\nNone\n<tool_call>")),
    ],
    "call_ids": [("ids", "c31", put("call00", "call_77"))],
    "end_token": [
        ("qwen3", "c01", last_end("<|endoftext|>")),
        ("qwen2_5", "c10", last_end("")),
        ("gemma3", "c01", put("<end_of_turn>", "<eos>")),
    ],
    "added_end": [("glm4moe", "c01", lambda request: request.text() + "<|user|>")],
    "line_break_after_end": [
        ("qwen3", "c04", put("<|im_end|>\n", "<|im_end|>")),
        ("llama3_2", "c04", put("<|eot_id|>", "<|eot_id|>\n")),
        ("qwen2_5", "c01", lambda request: request.text().rstrip("\n")),
    ],
    "generation_prompt": [
        ("qwen3", "c01", lambda request: replace(request, is_prompt=True).text()),
        ("llama3_2", "c07", lambda request: replace(request, is_prompt=True).text()),
    ],
    "thinking_switch": [
        ("qwen3", "p1", setting(enable_thinking=False)),
        ("glm4moe", "p1", setting(enable_thinking=False)),
        ("qwen3_5_think", "p1", setting(enable_thinking=False)),
    ],
    "dropped_calls": [
        ("qwen2_5", "c22", without("tool_calls")),
        ("qwen3", "c28", put('<tool_call>\n{"name": "book_room", "arguments": {"room": "Oak", "hour": 10}}\n</tool_call>', "")),
    ],
    "effort_text": [
        ("qwen3_8", "c01", setting(reasoning_effort="low")),
        ("gptoss", "c01", setting(reasoning_effort="high")),
    ],
    "changed_template": [
        ("qwen3", "c01", other_source("<|im_start|>", "<|turn|>")),
        ("phi3_5", "c01", put("<|assistant|>\n", "<|bot|>\n")),
        ("qwen2_5", "c19", put("<tool_response>", "<result>")),
    ],
    "trailing_space": [("qwen3", "c01", put("Name a tree.", "Name a tree. "))],
    "other": [("qwen3", "c01", put("Oak.", "Elm."))],
}  # fmt: skip


def escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def planted_request(template: str, conversation: str) -> RenderRequest:
    if template == "ids":  # no template of TRL's wheel prints ids
        request = request_of("qwen2_5", conversation)
        source = request.template.source().replace(
            "{{- tool_call.name }}", "{{- tool_call.name }}#{{ message.tool_calls[0].id }}"
        )
        return replace(request, template=replace(request.template, named={"default": source}))
    if conversation == "p1":
        request = request_of(template, "c01")
        return replace(request, messages=request.messages[:1], is_prompt=True)
    if conversation == "b1":
        request = request_of(template, "c22")
        call = {"function": {"name": "set_lamp", "arguments": {"lit": True, "room": "Elm"}}}
        answer = {"role": "assistant", "content": "", "tool_calls": [call]}
        return replace(request, messages=[request.messages[0], answer])
    return request_of(template, conversation)


CASES = [
    pytest.param(cause, *case, id=f"{cause}-{case[0]}-{case[1]}")
    for cause, cases in PLANTED.items()
    for case in cases
]


def test_there_are_more_than_thirty_planted_differences() -> None:
    assert len(CASES) > 30


@pytest.mark.parametrize(("cause", "template", "conversation", "plant"), CASES)
def test_planted_difference_is_found_and_named(
    cause: str, template: str, conversation: str, plant: Plant
) -> None:
    request = planted_request(template, conversation)
    actual = plant(request)
    assert actual != request.text(), "nothing is planted"
    drift = find_drift(request, actual)
    assert drift is not None
    assert drift.cause == cause, drift
    assert set(drift.causes) == {cause}
    assert "▶" in drift.expected
    assert drift.expected != drift.actual
    assert "\n" not in drift.expected + drift.actual


def test_line_shows_where_the_texts_part_and_in_which_line() -> None:
    request = request_of("qwen3", "c22")
    drift = find_drift(request, request.text().replace("system\n# Tools", "system\n\n\n# Tools"))
    assert drift
    assert drift.line == 2
    assert drift.expected.startswith("<|im_start|>system⏎▶# Tools⏎⏎You may call")
    assert drift.actual.startswith("<|im_start|>system⏎▶⏎⏎# Tools⏎⏎You may call")


def test_several_causes_are_named_in_their_order() -> None:
    request = request_of("qwen3", "c46")
    text = request.text().replace("<|im_end|>\n", "<|im_end|>").replace("茶叶", "\\u8336\\u53f6")
    drift = find_drift(request, text)
    assert drift
    assert set(drift.causes) == {"line_break_after_end", "json_escaping"}
    assert drift.cause == drift.causes[0]


def test_another_template_of_the_folder_is_recognized() -> None:
    request = request_of("qwen3", "c22")
    other = template_named("qwen3_8")
    actual = replace(request, template=other).text()
    drift = find_drift(request, actual, [other])
    assert drift
    assert drift.causes == ("changed_template",)


@pytest.mark.parametrize("name", ["qwen3", "llama3_2", "glm4moe", "gemma4"])
def test_any_damage_has_a_name(name: str) -> None:
    """Text cut out and put in, anywhere: never an error, and always a known cause."""
    drawn = random.Random(name)  # noqa: S311
    for _ in range(60):
        request = request_of(name, drawn.choice(["c01", "c10", "c19", "c40", "c46"]))
        text = request.text()
        start = drawn.randrange(len(text) + 1)
        end = start + drawn.randrange(30)
        added = "".join(drawn.choices('a<|>\n "{}\\u中\ud800None', k=drawn.randrange(10)))
        damaged = text[:start] + added + text[end:]
        drift = find_drift(request, damaged)
        assert (drift is None) == (damaged == text)
        assert drift is None or set(drift.causes) <= set(CAUSES)


def test_ids_are_compared_with_the_text_around_the_first_difference() -> None:
    words = "a b c d e f g h i j k l".split()
    decode = lambda ids: " ".join(words[each] for each in ids)  # noqa: E731
    assert find_id_drift([1, 2, 3], [1, 2, 3], decode) is None
    assert find_id_drift([1, 2, 3], [1, 2], decode) == (2, "b c▶d", "b c▶")
    assert find_id_drift(range(11), [*range(9), 11], decode) == (
        9,
        "b c d e f g h i▶j k",
        "b c d e f g h i▶l",
    )


def test_count_names_a_cause_only_where_it_is_the_only_one() -> None:
    request = planted_request("qwen3", "p1")
    off = replace(request, settings={"enable_thinking": False}).text()
    assert cause_of_count(request, len, len(off)) == "thinking_switch"
    assert cause_of_count(request, len, 3) == "other"
