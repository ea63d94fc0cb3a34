"""openai-harmony, OpenAI's own renderer, asked for the text of conversations in OpenAI's chat form.

It reads a vocabulary that it downloads once, or finds in the folder that TIKTOKEN_ENCODINGS_BASE
names (o200k_base.tiktoken).
"""

import json
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import strategies as st

Message = dict[str, Any]


@cache
def encoding() -> Any:
    """Skips the test where the package or its vocabulary is missing."""
    if find_spec("openai_harmony") is None:
        pytest.skip("not compared with OpenAI's renderer: pip install openai-harmony==0.0.8")
    import openai_harmony

    try:
        name = openai_harmony.HarmonyEncodingName.HARMONY_GPT_OSS
        return openai_harmony.load_harmony_encoding(name)
    except openai_harmony.HarmonyError as error:
        pytest.skip(f"not compared with OpenAI's renderer, which lacks its vocabulary: {error}")


def rendered(messages: list[Message], tools: list[Any], complete: bool, date: str) -> str:
    """The text that openai-harmony gives for training (complete) or for the next answer.

    A training of one question keeps its analysis, which the package drops by default.
    """
    import openai_harmony as oh

    about = oh.SystemContent.new().with_conversation_start_date(date)
    made = [oh.Message.from_role_and_content(oh.Role.SYSTEM, about)]
    made += _developer(messages, tools)
    names = {}
    for message in messages:
        for call in message.get("tool_calls", []):
            names[call["id"]] = call["function"]["name"]
    for message in messages:
        made += _harmony_messages(message, messages, names)
    conversation = oh.Conversation.from_messages(made)
    if not complete:
        ids = encoding().render_conversation_for_completion(conversation, oh.Role.ASSISTANT)
        return str(encoding().decode_utf8(ids))
    questions = [message for message in messages if message["role"] == "user"]
    config = oh.RenderConversationConfig(auto_drop_analysis=len(questions) > 1)
    ids = encoding().render_conversation_for_training(conversation, config)
    return str(encoding().decode_utf8(ids))


def _developer(messages: list[Message], tools: list[Any]) -> list[Any]:
    import openai_harmony as oh

    content = oh.DeveloperContent.new()
    has_system = messages[0]["role"] == "system"
    if has_system:
        content = content.with_instructions(messages[0]["content"])
    descriptions = []
    for tool in tools:
        function = tool["function"]
        text, parameters = function.get("description") or "", function.get("parameters")
        descriptions.append(oh.ToolDescription.new(function["name"], text, parameters))
    if descriptions:
        content = content.with_function_tools(descriptions)
    if not has_system and not descriptions:
        return []
    return [oh.Message.from_role_and_content(oh.Role.DEVELOPER, content)]


def _harmony_messages(
    message: Message, messages: list[Message], names: dict[str, str]
) -> list[Any]:
    """The messages of Harmony for one of the chat; a call brings its own result along."""
    import openai_harmony as oh

    if message["role"] == "user":
        return [oh.Message.from_role_and_content(oh.Role.USER, message["content"])]
    if message["role"] != "assistant":
        return []
    made = []
    calls = message.get("tool_calls", [])
    said = {"analysis": message.get("reasoning_content")}
    said["commentary" if calls else "final"] = message["content"]
    for channel, text in said.items():
        if text or channel == "final":
            spoken = oh.Message.from_role_and_content(oh.Role.ASSISTANT, text or "")
            made.append(spoken.with_channel(channel))
    for call in calls:
        arguments = json.dumps(json.loads(call["function"]["arguments"]), ensure_ascii=False)
        called = oh.Message.from_role_and_content(oh.Role.ASSISTANT, arguments)
        called = called.with_channel("commentary").with_content_type("<|constrain|>json")
        made.append(called.with_recipient(f"functions.{call['function']['name']}"))
        for result in messages:
            if result.get("tool_call_id") == call["id"]:
                author = oh.Author.new(oh.Role.TOOL, f"functions.{names[call['id']]}")
                answer = oh.Message.from_author_and_content(author, result["content"])
                made.append(answer.with_channel("commentary").with_recipient("assistant"))
    return made


_WORDS = st.sampled_from(["a", "b c", "天气", "x<|end|>y", 'say "hi"', "1", "two\nlines"])
_NAMES = st.sampled_from(["city", "unit", "days", "a_b", "名", "get.x"])
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    # the package reads numbers of many digits one unit off in the last place
    st.sampled_from([0.5, -0.0, 100.0, 1e15, 1e16, 1e-4, 1.5e-5, 1e-5, 1e-7, 2.5e300, 2**64]),
    _WORDS,
)
_DEFAULTS = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_NAMES, inner, max_size=2),
    max_leaves=4,
)
_KINDS = ["string", "number", "integer", "boolean", "object", "array", "null", "dict"]


def _with_schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(_KINDS) | st.lists(st.sampled_from(_KINDS), max_size=2),
            "description": _WORDS,
            "title": _WORDS,
            "default": _DEFAULTS,
            "nullable": st.booleans(),
            "enum": st.lists(_WORDS | st.integers(0, 3), max_size=3),
            "examples": st.lists(_WORDS | st.integers(0, 3), max_size=2),
            "items": inner,
            "oneOf": st.lists(inner, max_size=3),
            "properties": st.dictionaries(_NAMES, inner, max_size=3),
            "required": st.lists(_NAMES, max_size=2),
        },
    )


SCHEMAS = st.recursive(st.just({}) | st.just(True), _with_schemas, max_leaves=8)


@st.composite
def tools(draw: st.DrawFn) -> list[Any]:
    """One to three tools: any keywords in any place, mostly an object of parameters."""
    made = []
    for number in range(draw(st.integers(1, 3))):
        function = {"name": f"tool_{number}"}
        if draw(st.booleans()):
            function["description"] = draw(_WORDS | st.just("") | st.just("a\r\nb\n\n"))
        if draw(st.integers(0, 9)):
            parameters = draw(_with_schemas(SCHEMAS))
            if draw(st.integers(0, 9)):
                parameters["type"] = "object"
                parameters.pop("oneOf", None)
            function["parameters"] = parameters
        made.append({"type": "function", "function": function})
    return made


@st.composite
def conversations(draw: st.DrawFn, complete: bool) -> list[Message]:
    """One to three questions with calls, several at once too, and their answers, the last one open
    where it is asked for the next answer."""
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(_WORDS)})
    rounds = draw(st.integers(1, 3))
    for number in range(rounds):
        messages.append({"role": "user", "content": draw(_WORDS)})
        for _ in range(draw(st.integers(0, 2))):
            messages += _calls(draw, f"call_{len(messages)}")
        is_open = number == rounds - 1 and not complete
        if not is_open:
            messages.append(_spoken(draw, {"role": "assistant", "content": draw(_WORDS)}))
    return messages


def _calls(draw: st.DrawFn, identity: str) -> list[Message]:
    calls, results = [], []
    for number in range(draw(st.integers(1, 2))):
        arguments = draw(st.dictionaries(_NAMES, _SCALARS, max_size=2))
        function = {"name": f"tool_{number}", "arguments": json.dumps(arguments)}
        calls.append({"id": f"{identity}_{number}", "type": "function", "function": function})
        text = draw(_WORDS)
        results.append({"role": "tool", "tool_call_id": f"{identity}_{number}", "content": text})
    beside = draw(st.just("") | _WORDS)
    answer = {"role": "assistant", "content": beside, "tool_calls": calls}
    return [_spoken(draw, answer), *results]


def _spoken(draw: st.DrawFn, answer: Message) -> Message:
    if draw(st.booleans()):
        answer["reasoning_content"] = draw(_WORDS)
    return answer
