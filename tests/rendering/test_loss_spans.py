"""What of a rendered conversation is trained: the rule on small templates, one for each status."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.errors import DataError
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.loss_spans import RenderedConversation, TurnLoss, render_conversation
from swiftkit.rendering.message_form import MessageForm

CALLS = "{% for c in m.tool_calls %}<call>{{ c.function | tojson }}{% endfor %}"
THOUGHT = "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}"
CONTENT = "{{ m.content }}"
BEGIN, END = "{% for m in messages %}<{{ m.role }}>", "<end>\n{% endfor %}"
PROMPT = "{% if add_generation_prompt %}<assistant>{% endif %}"
PLAIN = BEGIN + THOUGHT + CONTENT + CALLS + END + PROMPT
LAST_THINKS = (  # as Qwen3: an answer that is the last one has a block of reasoning
    BEGIN + "{% if loop.last and m.role == 'assistant' %}<think>\n{{ m.reasoning_content }}\n"
    "</think>\n\n{% endif %}{{ m.content }}" + END + PROMPT
)
MODES = (  # the prompt opens reasoning unless it is told not to
    BEGIN + THOUGHT + "{{ m.content }}" + END + "{% if add_generation_prompt %}<assistant>"
    "{% if enable_thinking is undefined or enable_thinking %}<think>{% endif %}{% endif %}"
)

TREE = {"role": "user", "content": "Name a tree."}
OAK = {"role": "assistant", "content": "Oak."}
MORE = {"role": "user", "content": "Another one?"}
ELM = {"role": "assistant", "content": "Elm."}
TEXT = (
    "<user>Name a tree.<end>\n<assistant>Oak.<end>\n<user>Another one?<end>\n<assistant>Elm.<end>\n"
)


def rendered(
    template: str, messages: Any, kwargs: Any = None, stops: tuple[str, ...] = ("<end>",)
) -> RenderedConversation:
    chat_template = ChatTemplate({"default": template}, stop_tokens=stops)
    return render_conversation(chat_template, MessageForm(), messages, None, kwargs)


def turn(template: str, messages: Any, **options: Any) -> TurnLoss:
    """The last one."""
    return rendered(template, messages, **options).turns[-1]


def answer(**parts: Any) -> dict[str, Any]:
    return {"role": "assistant", **parts}


def call(arguments: Any, name: str = "f") -> dict[str, Any]:
    return {"id": "a", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_answers_are_trained_with_their_end_and_without_the_line_break_after_it() -> None:
    conversation = rendered(PLAIN, [TREE, OAK, MORE, ELM])
    assert conversation.text == TEXT
    spans = conversation.trained(with_empty_reasoning=False)
    assert [TEXT[slice(*span)] for span in spans] == ["Oak.<end>", "Elm.<end>"]


def test_reasoning_text_and_calls_are_trained() -> None:
    message = answer(content="One.", reasoning_content="So.", tool_calls=[call('{"a": "b"}')])
    assert turn(PLAIN, [TREE, message]).generated == (
        '<think>So.</think>One.<call>{"name": "f", "arguments": {"a": "b"}}<end>'
    )


@pytest.mark.parametrize("content", ["a <end> b", "<end>", "a<end>", "<end>\n"])
def test_end_token_inside_an_answer_does_not_end_it(content: str) -> None:
    assert turn(PLAIN, [TREE, answer(content=content)]).generated == f"{content}<end>"


def test_first_of_two_end_tokens_ends_a_turn() -> None:
    """Phi-3 writes <|end|> and then <|endoftext|>."""
    template = PLAIN.replace("<end>\n{% endfor %}", "<end>\n<eos>{% endfor %}")
    assert turn(template, [TREE, OAK], stops=("<eos>", "<end>")).generated == "Oak.<end>"


def test_turn_without_an_end_token_says_which_one_is_missing() -> None:
    """GLM stops at the mark with which the next message begins."""
    template = PLAIN.replace("<end>\n", "")
    stops = ("<eos>", "<user>", "<tool>")
    asked, called = turn(template, [TREE, OAK], stops=stops), answer(tool_calls=[call({})])
    assert (asked.status, asked.generated, asked.has_end) == ("ok", "Oak.", False)
    assert asked.missing_end == "<user>"
    assert turn(template, [TREE, called], stops=stops).missing_end == "<tool>"
    assert turn(template, [TREE, OAK], stops=()).missing_end == ""


def test_turn_that_a_later_message_changes_has_a_row_of_its_own() -> None:
    first, second = rendered(LAST_THINKS, [TREE, OAK, MORE, ELM]).turns
    assert (first.status, second.status) == ("own_row", "ok")
    prompt = "<user>Name a tree.<end>\n<assistant>"
    assert first.row == f"{prompt}<think>\n\n</think>\n\nOak.<end>"
    assert (first.prompt_length, first.span) == (len(prompt), None)
    assert first.why.startswith(f"at character {len(prompt)} ")


def test_empty_reasoning_is_left_out_of_the_loss_on_demand() -> None:
    """Trained, it teaches not to think; with a reasoning in it, it is no empty one."""
    conversation = rendered(LAST_THINKS, [TREE, OAK])
    texts = []
    for choice in (True, False):
        for span in conversation.trained(with_empty_reasoning=choice):
            texts.append(conversation.text[slice(*span)])
    assert texts == ["<think>\n\n</think>\n\nOak.<end>", "Oak.<end>"]
    thought = answer(content="Oak.", reasoning_content="Trees.")
    assert turn(LAST_THINKS, [TREE, thought]).empty_reasoning == 0


def test_setting_without_which_no_turn_fits_its_prompt_is_named() -> None:
    thought = answer(content="Oak.", reasoning_content="Trees.")
    assert (turn(MODES, [TREE, OAK]).needs, turn(MODES, [TREE, thought]).needs) == (
        {"enable_thinking": False},
        {},
    )
    off = turn(MODES, [TREE, OAK], kwargs={"enable_thinking": False})
    assert (off.needs, off.generated) == ({}, "Oak.<end>")
    other_name = MODES.replace("enable_thinking", "thinking")
    assert turn(other_name, [TREE, OAK]).needs == {"thinking": False}


def test_prompt_that_no_turn_begins_with_cannot_be_trained() -> None:
    """DeepSeek R1's prompt opens reasoning that its history never shows."""
    template = PLAIN.replace("<assistant>{% endif %}", "<assistant><think>{% endif %}")
    last = turn(template, [TREE, answer(content="Oak.", tool_calls=[call({})])])
    assert (last.status, last.generated, last.lost) == ("not_prefix", "", ())
    assert "'<think>'" in last.why
    without_calls = turn(template.replace(CALLS, ""), [TREE, answer(tool_calls=[call({})])])
    assert without_calls.lost == ("calls",)


@pytest.mark.parametrize(
    ("kept", "message", "lost"),
    [
        (THOUGHT + CONTENT, answer(content="Oak.", tool_calls=[call({"a": 1})]), ("calls",)),
        (CONTENT + CALLS, answer(content="7", reasoning_content="7"), ("reasoning",)),
        (THOUGHT + CALLS, answer(content="f", tool_calls=[call({})]), ("content",)),
        (
            CONTENT,
            answer(content="f So.", reasoning_content="So.", tool_calls=[call({})]),
            ("calls", "reasoning"),
        ),
    ],
)
def test_parts_that_the_template_drops_are_lost(
    kept: str, message: dict[str, Any], lost: tuple[str, ...]
) -> None:
    """Also where the same text stands in another part."""
    last = turn(BEGIN + kept + END + PROMPT, [TREE, message])
    assert (last.status, last.lost) == ("lost", lost)


@pytest.mark.parametrize(
    "calls",
    [[call({"a": "x"}), call({"a": "y"})], [call({"a": 1}), call({"a": 2})], [call({})] * 2],
)
def test_second_call_of_the_same_function_that_is_dropped_is_lost(calls: list[Any]) -> None:
    """gpt-oss's template writes the first one alone."""
    template = PLAIN.replace("in m.tool_calls %}", "in (m.tool_calls or [])[:1] %}")
    assert turn(template, [TREE, answer(tool_calls=calls)]).lost == ("calls",)


def test_white_space_around_a_text_may_go() -> None:
    """Many templates strip it; what is dropped beside it is still seen."""
    trims = PLAIN.replace(CONTENT, "{{ m.content | trim }}")
    message = answer(content="\n Oak. ", tool_calls=[call({"a": "x"})] * 2)
    assert turn(trims, [TREE, message]).status == "ok"
    drops = trims.replace("in m.tool_calls %}", "in (m.tool_calls or [])[:1] %}")
    assert turn(drops, [TREE, message]).lost == ("calls",)


def test_turn_of_which_a_part_is_lost_is_not_trained() -> None:
    """Neither where it stands in the whole text nor in a row of its own."""
    message = answer(content="Oak.", tool_calls=[call({})])
    conversation = rendered(PLAIN.replace(CALLS, ""), [TREE, message, MORE, ELM])
    assert conversation.trained(with_empty_reasoning=True) == [conversation.turns[1].span]
    first = rendered(LAST_THINKS, [TREE, message, MORE, ELM]).turns[0]
    assert (first.status, first.row != "") == ("lost", True)


def test_text_that_is_changed_is_lost() -> None:
    template = PLAIN.replace(CONTENT, "{{ m.content | replace('k', 'c') }}")
    assert turn(template, [TREE, OAK]).lost == ("content",)


def test_turn_up_to_which_the_conversation_is_refused_says_why() -> None:
    last = "{% if messages[-1].role != 'tool' %}{{ raise_exception('No result.') }}{% endif %}"
    result = {"role": "tool", "tool_call_id": "a", "content": "1"}
    first = rendered(last + PLAIN, [TREE, answer(tool_calls=[call({})]), result]).turns[0]
    assert first.status == "refused"
    assert first.why.endswith("No result.")
    with pytest.raises(DataError, match="No result"):
        rendered(last + PLAIN, [TREE, OAK])


@pytest.mark.parametrize("name", ["messages", "tools", "add_generation_prompt", "self"])
def test_settings_cannot_replace_the_conversation(name: str) -> None:
    with pytest.raises(DataError) as caught:
        rendered(PLAIN, [TREE, OAK], {name: 1})
    assert caught.value.code == "bad_settings"


def test_characters_of_our_marks_in_a_message_do_no_harm() -> None:
    """Then the texts are searched for as they are."""
    message = answer(content="\U00100000 Oak.", tool_calls=[call({"a": "\U0010fffd"})])
    assert turn(PLAIN, [TREE, message]).status == "ok"
    assert turn(PLAIN.replace(CALLS, ""), [TREE, message]).lost == ("calls",)


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


def test_deeply_nested_arguments_are_refused() -> None:
    with pytest.raises(DataError):
        rendered(PLAIN, [TREE, answer(tool_calls=[call({"a": nested(5000)})])])


WORDS = st.sampled_from(
    ["", " ", "a", "<end>", "<think>", "</think>", "<assistant>", "\n", "é", "🌲"]
)
TEXTS = st.lists(WORDS, max_size=4).map("".join)
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none() | st.floats(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "assistant", "tool"])},
    optional={
        "content": TEXTS | st.none(),
        "reasoning_content": TEXTS,
        "tool_calls": st.lists(
            st.builds(call, st.dictionaries(TEXTS, VALUES, max_size=2), TEXTS), max_size=2
        ),
    },
)
ALL = [PLAIN, LAST_THINKS, MODES, PLAIN.replace("<end>\n", ""), PLAIN.replace(CALLS, "")]


@given(template=st.sampled_from(ALL), messages=st.lists(MESSAGES, min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_spans_lie_in_order_and_hold_what_is_generated(template: str, messages: list[Any]) -> None:
    """Of each turn that is trained, whatever the messages hold."""
    conversation = rendered(template, messages)
    assert conversation == rendered(template, messages)
    for each in conversation.turns:
        assert each.status in {"ok", "own_row", "lost", "not_prefix"}
        if each.span:
            start, end = each.span
            assert conversation.text[start:end] == each.generated
            assert start == each.prompt_length
        elif each.row:
            assert each.row[each.prompt_length :] == each.generated
        assert (each.status == "lost") <= bool(each.lost)
        assert each.empty_reasoning <= len(each.generated)
    for choice in (True, False):
        ends = [end for span in conversation.trained(with_empty_reasoning=choice) for end in span]
        assert all(first <= second for first, second in pairwise(ends))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "thinking",
                    "type",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(messages=JSON | st.lists(JSON, max_size=3), tools=JSON, kwargs=st.dictionaries(TEXTS, JSON))
@settings(max_examples=300, deadline=None)
def test_any_json_is_rendered_or_refused(messages: Any, tools: Any, kwargs: Any) -> None:
    """Never another exception than DataError."""
    template = ChatTemplate({"default": PLAIN + "{{ tools | tojson }}"}, stop_tokens=("<end>",))
    for form in (MessageForm(), MessageForm(True, True, "thinking")):
        try:
            conversation = render_conversation(template, form, messages, tools, kwargs)
        except DataError:
            continue
        assert all(isinstance(each, TurnLoss) for each in conversation.turns)
