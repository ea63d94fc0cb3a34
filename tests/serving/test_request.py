"""What OpenAI's clients send is read, and what a server cannot do is refused by name."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.serving.errors import RequestError
from swiftkit.serving.messages import fold_reasoning
from swiftkit.serving.request import ChatRequest, ServerFeatures, read_request

ABLE = ServerFeatures(("tiny", "adapter"), wire="hermes", no_json="")
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object"}, "strict": True},
}
OTHER = {"type": "function", "function": {"name": "clock"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
USER = {"role": "user", "content": "hi"}
CALLING = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    ],
}


def read(server: ServerFeatures = ABLE, **body: Any) -> ChatRequest:
    return read_request(json.dumps({"model": "tiny", "messages": [USER], **body}).encode(), server)


def refused(server: ServerFeatures = ABLE, **body: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        read(server, **body)
    return caught.value


def messages(*sent: Any) -> list[dict[str, Any]]:
    return read(messages=list(sent)).fields["messages"]  # type: ignore[no-any-return]


def test_messages_without_content_get_an_empty_text() -> None:
    """A history with calls has no content, and a call without parameters empty arguments."""
    without = {key: value for key, value in CALLING.items() if key != "content"}
    result = {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "ok"}]}
    for answer in (CALLING, without):
        sent = messages(USER, answer, result)
        assert sent[1]["content"] == ""
        assert sent[1]["tool_calls"][0] == {
            "id": "call_1",
            "type": "function",
            "function": {"name": "weather", "arguments": "{}"},
        }
        assert sent[2]["content"] == "ok"


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_of_an_earlier_answer_is_kept_under_one_key(key: str) -> None:
    """Whichever a client sends back; folded into the text where a template reads it there."""
    sent = messages(USER, {**CALLING, key: "I look."}, {**CALLING, key: None})
    assert [message.get("reasoning_content") for message in sent] == [None, "I look.", None]
    folded = fold_reasoning(sent)
    assert [message["content"] for message in folded] == [
        "hi",
        "<think>\nI look.\n</think>\n\n",
        "",
    ]
    assert folded[1]["tool_calls"] == sent[1]["tool_calls"]
    assert "reasoning_content" not in folded[1]


@pytest.mark.parametrize(
    "given",
    [{"reasoning": ["I look."]}, {"reasoning": "I look.", "reasoning_content": "No, I guess."}],
)
def test_reasoning_that_cannot_be_kept_is_refused(given: dict[str, Any]) -> None:
    """No text, or two different ones."""
    assert "messages[1]" in str(refused(messages=[USER, CALLING | given, USER]))


def test_lone_surrogates_are_replaced_wherever_they_stand() -> None:
    """Escapes in a client's JSON: in texts, in a call's arguments, in a tool; emoji stay."""
    function = {"name": "weather", "arguments": '{"city": "\\ud835"}'}
    call = {"id": "1", "type": "function", "function": function}
    answer = {"role": "assistant", "content": "\ud83d\ude00", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "1", "content": "\udc00"}
    tool = {"type": "function", "function": {"name": "weather", "description": "\ud835"}}
    fields = read(messages=[USER, answer, result], tools=[tool]).fields
    assert fields["messages"][1]["content"] == "\U0001f600"
    sent = fields["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(sent) == {"city": "\ufffd"}
    assert fields["messages"][2]["content"] == "\ufffd"
    assert fields["tools"][0]["function"]["description"] == "\ufffd"


def test_developer_and_later_system_messages_stand_in_front() -> None:
    """developer is system; system messages come together in front, where templates take one."""
    sent = messages(
        {"role": "developer", "content": "a"}, USER, {"role": "system", "content": "b"}, USER
    )
    assert [message["role"] for message in sent] == ["system", "user", "user"]
    assert sent[0]["content"] == "a\n\nb"


@pytest.mark.parametrize(
    ("body", "expected"),
    [({"max_tokens": 5}, 5), ({"max_completion_tokens": 6}, 6), ({"max_tokens": None}, None)],
)
def test_max_tokens_under_both_names_is_read(body: dict[str, Any], expected: int | None) -> None:
    """max_tokens is the old name; null is as good as nothing."""
    assert read(**body).fields["max_tokens"] == expected
    assert read(max_tokens=5, max_completion_tokens=6).fields["max_tokens"] == 6


def test_stop_of_one_text_becomes_a_list() -> None:
    """ms-swift takes a list alone."""
    asked = read(stop="END")
    assert (asked.stops, asked.fields["stop"]) == (("END",), ["END"])
    assert read(stop=["a", "b"]).stops == ("a", "b")
    assert read(stop=None).stops == ()
    assert "empty" in refused(stop="").message


def test_tool_choice_none_offers_no_tools() -> None:
    """none offers nothing; what concerns the API alone does not reach the prompt."""
    asked = read(tools=[TOOL])
    assert asked.tools == ("weather",)
    assert "strict" not in asked.fields["tools"][0]["function"]
    assert (
        read(tools=[]).fields["tools"],
        read(tools=[TOOL], tool_choice="none").fields["tools"],
    ) == (None, None)
    assert read(tools=[TOOL], parallel_tool_calls=False).parallel is False


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("required", ("weather", "clock")),
        ({"type": "function", "function": {"name": "clock"}}, ("clock",)),
    ],
)
def test_forced_call_is_held_to_its_schema(choice: Any, names: tuple[str, ...]) -> None:
    """The answer is begun as a call, and what follows fits the schema of one of the tools."""
    asked = read(tools=[TOOL, OTHER], tool_choice=choice)
    assert asked.tools == names
    assert asked.fields["chat_template_kwargs"]["response_prefix"] == "<tool_call>\n"
    assert asked.schema is not None
    schemas = asked.schema.get("anyOf", [asked.schema])
    assert tuple(schema["properties"]["name"]["const"] for schema in schemas) == names


def test_definitions_of_a_forced_tool_come_to_the_top() -> None:
    """`$ref: #/$defs/X` means the top of the schema, to which X therefore goes."""
    parameters = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/X"}},
        "$defs": {"X": {"type": "integer"}},
    }
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    schema = read(tools=[tool], tool_choice="required").schema
    assert schema is not None
    assert schema["$defs"] == {"X": {"type": "integer"}}
    assert "$defs" not in schema["properties"]["arguments"]
    again = {
        "type": "function",
        "function": {"name": "g", "parameters": parameters | {"$defs": {"X": {}}}},
    }
    assert "'X'" in refused(tools=[tool, again], tool_choice="required").message


def test_response_format_becomes_a_schema_or_is_refused() -> None:
    """Honoured where an answer can be held to a schema, else refused with the reason."""
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    assert read(response_format=wanted).schema == SCHEMA
    assert read(response_format={"type": "json_object"}).schema == {"type": "object"}
    assert read(response_format={"type": "text"}).schema is None
    assert read(response_format=wanted).fields["chat_template_kwargs"] == {"enable_thinking": False}
    unable = ServerFeatures(("tiny",), wire="hermes", no_json="the server lacks llguidance")
    assert "lacks llguidance" in refused(unable, response_format=wanted).message
    assert "cannot be forced" in refused(unable, tools=[TOOL], tool_choice="required").message


GPT_OSS = ServerFeatures(("tiny",), wire="harmony", no_json="gpt-oss answers in channels")
VLLM = ServerFeatures(("tiny",), backend="vllm", wire="hermes", no_json="")


@pytest.mark.parametrize(
    ("body", "param", "reason"),
    [
        ({"model": "gpt-4"}, "model", "tiny, adapter"),
        ({"messages": []}, "messages", "length"),
        ({"messages": "hi"}, "messages", "array"),
        ({"messages": ["hi"]}, "messages[0]", "not an object"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages", "no question"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "robot"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "None"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "neither"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0]", "text alone"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]", "not a part"),
        ({"messages": [USER, {"role": "function", "name": "f", "content": "x"}]}, "messages[1]", "old form"),
        ({"messages": [USER, CALLING | {"tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}]},
         "messages[1].tool_calls[0]", "JSON"),
        ({"messages": [USER, CALLING | {"tool_calls": "x"}]}, "messages[1].tool_calls", "list"),
        ({"tools": [{"type": "custom", "custom": {}}]}, "tools[0]", "function"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": "x"}}]}, "tools[0]", "JSON Schema"),
        ({"tool_choice": "required"}, "tool_choice", "none such"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice", "none such"),
        ({"tools": [TOOL], "tool_choice": "any"}, "tool_choice", "required"),
        ({"tools": [TOOL], "response_format": {"type": "json_object"}}, "response_format", "both"),
        ({"response_format": {"type": "xml"}}, "response_format", "json_schema"),
        ({"response_format": {"type": "json_schema"}}, "response_format", "not a JSON Schema"),
        ({"max_tokens": 0}, "max_tokens", ">= 1"),
        ({"temperature": 3}, "temperature", "<= 2.0"),
        ({"n": 0}, "n", ">= 1"),
        ({"stop": [1]}, "stop[0]", "str"),
        ({"stream": "yes"}, "stream", "bool"),
        ({"logit_bias": {"50256": -100}}, "logit_bias", "not supported"),
        ({"functions": [{}]}, "functions", "tools"),
        ({"frequency_penalty": 1}, "frequency_penalty", "transformers"),
        ({"min_p": 0.1}, "min_p", "transformers"),
        ({"modalities": ["audio"]}, "modalities", "text"),
        ({"verbosity": "low"}, "verbosity", "prompt"),
        ({"reasoning_effort": "high"}, "reasoning_effort", "enable_thinking"),
        ({"top_logprobs": 21}, "top_logprobs", "20"),
        ({"nonsense": 1}, None, "unknown parameter `nonsense`"),
    ],
)  # fmt: skip
def test_request_that_cannot_be_honoured_is_refused(
    body: dict[str, Any], param: str | None, reason: str
) -> None:
    """With the place in the body and the reason, in OpenAI's error object; only an unknown model is
    a 404."""
    error = refused(**body)
    assert error.status == (404 if "model" in body else 400)
    assert reason in error.message
    assert param is None or (error.param or "").startswith(param)
    assert error.body()["error"].keys() == {"message", "type", "param", "code"}


def test_fields_that_ask_for_nothing_are_accepted() -> None:
    """Defaults that clients spell out, and what concerns OpenAI's platform alone."""
    read(
        frequency_penalty=0,
        presence_penalty=0.0,
        logit_bias={},
        modalities=["text"],
        verbosity="medium",
        n=1,
    )
    read(
        user="me",
        metadata={"a": "b"},
        store=False,
        service_tier="auto",
        prediction={"type": "content"},
        seed=None,
    )
    read(VLLM, frequency_penalty=1, min_p=0.1)
    assert read(GPT_OSS, reasoning_effort="high").fields["chat_template_kwargs"] == {
        "reasoning_effort": "high"
    }
    assert read(top_p=0).fields["temperature"] == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"model": 1}', b"[" * 100_000])
def test_body_that_is_no_json_is_a_request_error(body: bytes) -> None:
    """Never an error of the server's."""
    with pytest.raises(RequestError):
        read_request(body, ABLE)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "role", "text"]), inner)
    ),
    max_leaves=5,
)
keys = st.sampled_from(
    "messages tools tool_choice stop n seed response_format stream_options chat_template_kwargs images top_k".split()
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(keys, anything, max_size=4))
def test_read_request_of_any_json_reads_or_refuses(body: dict[str, Any]) -> None:
    """No body of any shape raises anything else."""
    with contextlib.suppress(RequestError):
        assert read(**body).fields["messages"]
