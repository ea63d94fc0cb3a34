"""A model served by the recipes, asked by ordinary clients: the openai SDK, LiteLLM, and plain
HTTP.

One server of each backend for all tests. vLLM's needs the environment of scripts/setup_vllm.sh:
SWIFTKIT_VLLM_VENV.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest
from helpers.paths import ROOT
from pydantic import BaseModel

LIMIT = {"transformers": 4096, "vllm": 1024}  # tokens of prompt and answer together
KEY = "sk-of-the-test"
PLUGINS = (
    ROOT / "swiftkit/swift_plugins/openai_server.py",
    Path(__file__).with_name("breaking_stream.py"),
)
pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@dataclass
class Served:
    url: str
    backend: str
    tools: list[Any]
    messages: list[Any]
    client: openai.OpenAI

    def ask(self, **body: Any) -> Any:
        body = {"model": "swiftkit", "messages": self.messages, **body}
        return self.client.chat.completions.create(**body)

    def post(self, path: str, body: Any, key: str = KEY) -> tuple[int, Any]:
        """The status and the JSON of a plain HTTP request."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        request = urllib.request.Request(f"{self.url}{path}", data, headers)  # noqa: S310 - our own server
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


@pytest.fixture(scope="module", params=["transformers", "vllm"])
def served(
    request: pytest.FixtureRequest, demo: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The demo's model behind the recipe; afterwards no process of it is left."""
    backend = str(request.param)
    if backend == "vllm" and not os.environ.get("SWIFTKIT_VLLM_VENV"):
        pytest.skip(
            "vLLM was not tried: set SWIFTKIT_VLLM_VENV to what scripts/setup_vllm.sh has made"
        )
    name = "deploy_vllm" if backend == "vllm" else "deploy"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        "bash",
        f"recipes/{name}.sh",
        f"recipes/tiny/{name}.yaml",
        "--model",
        demo / "merged",
        "--port",
        port,
    ]
    command += ["--api_key", KEY, "--external_plugins", *PLUGINS]
    log = tmp_path_factory.mktemp(backend) / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=out, stderr=out)
    row = next(row for row in rows(demo / "eval.jsonl") if row["category"] == "single")
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server, log)
        family = psutil.Process(server.pid).children(recursive=True)
        url = f"http://127.0.0.1:{port}/v1"
        with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
            yield Served(url, backend, json.loads(row["tools"]), row["messages"], client)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    assert not [
        process
        for process in family
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    ]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def wait_for(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310
        except OSError:
            time.sleep(0.3)
        else:
            return
    pytest.fail(log.read_text()[-3000:])


def test_a_conversation_with_tools(served: Served) -> None:
    """The call comes without its markup, and the history with its result is taken back, content
    null and all."""
    answer = served.ask(tools=served.tools)
    (choice,) = answer.choices
    (call,) = choice.message.tool_calls
    assert (answer.model, choice.finish_reason, choice.message.content) == (
        "swiftkit",
        "tool_calls",
        "",
    )
    assert call.function.name in {tool["function"]["name"] for tool in served.tools}
    assert isinstance(json.loads(call.function.arguments), dict)
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens

    result = {
        "role": "tool",
        "tool_call_id": call.id,
        "content": [{"type": "text", "text": "172.5"}],
    }
    calling = {"role": "assistant", "content": None, "tool_calls": [call.to_dict()]}
    histories = (
        choice.message,
        calling,
        {key: value for key, value in calling.items() if key != "content"},
    )
    prompts = {
        tuple(
            details(served, [*served.messages, message, result], tools=served.tools)[
                "prompt_token_ids"
            ]
        )
        for message in histories
    }
    assert len(prompts) == 1  # however a client writes it, the model reads the same


def details(served: Served, messages: list[Any], **more: Any) -> dict[str, Any]:
    answer = served.ask(
        messages=messages, max_completion_tokens=4, extra_body={"return_details": True}, **more
    )
    assert answer.usage.completion_tokens <= 4
    return answer.to_dict()  # type: ignore[no-any-return]


def test_streamed_in_chunks_and_by_the_helper(served: Served) -> None:
    """The same call, with its index; usage where it is asked for; the SDK's own accumulation
    understands it."""
    (expected,) = served.ask(tools=served.tools).choices[0].message.tool_calls
    options = {"include_usage": True}
    chunks = list(served.ask(tools=served.tools, stream=True, stream_options=options))
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert deltas[0].role == "assistant"
    assert "".join(delta.content or "" for delta in deltas) == ""
    sent = [call for delta in deltas for call in delta.tool_calls or []]
    assert {call.index for call in sent} == {0}
    assert len(sent) > 1  # the arguments come as they are written
    assert "".join(call.function.arguments for call in sent) == expected.function.arguments
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][
        -1
    ] == "tool_calls"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0

    strict = [
        {"type": "function", "function": tool["function"] | {"strict": True}}
        for tool in served.tools
    ]
    with served.client.chat.completions.stream(
        model="swiftkit", messages=served.messages, tools=strict
    ) as stream:
        kinds = {event.type for event in stream}
        message = stream.get_final_completion().choices[0].message
    assert "tool_calls.function.arguments.done" in kinds
    (call,) = message.tool_calls or []
    assert call.function.name == expected.function.name
    assert call.function.parsed_arguments == json.loads(expected.function.arguments)
    again = served.client.chat.completions.parse(
        model="swiftkit", messages=served.messages, tools=strict
    )
    assert (
        again.choices[0].message.tool_calls[0].function.parsed_arguments
        == call.function.parsed_arguments
    )  # type: ignore[index]


def test_what_a_request_may_say(served: Served) -> None:
    """One stop text, which is not in the answer; a developer; the length by its new name; several
    choices."""
    plain = [{"role": "developer", "content": "Be brief."}, *served.messages]
    free = served.ask(messages=plain, max_completion_tokens=12).choices[0]
    assert free.finish_reason in ("length", "stop")
    stop = free.message.content[2:4]
    cut = served.ask(messages=plain, max_completion_tokens=12, stop=stop).choices[0]
    assert (cut.message.content, cut.finish_reason) == (
        free.message.content.partition(stop)[0],
        "stop",
    )
    streamed = served.ask(messages=plain, max_completion_tokens=12, stop=stop, stream=True)
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == cut.message.content
    )

    two = served.ask(n=2, max_completion_tokens=5)
    assert [choice.index for choice in two.choices] == [0, 1]
    chunks = [
        choice
        for chunk in served.ask(n=2, max_completion_tokens=5, stream=True)
        for choice in chunk.choices
    ]
    texts = [
        "".join(one.delta.content or "" for one in chunks if one.index == index) for index in (0, 1)
    ]
    assert texts == [choice.message.content for choice in two.choices]
    assert [one.finish_reason for one in chunks if one.finish_reason] == ["length", "length"]

    none = served.ask(tools=served.tools, tool_choice="none", max_completion_tokens=5).choices[0]
    assert (none.message.tool_calls, none.finish_reason) == (None, "length")
    logged = served.ask(max_completion_tokens=2, logprobs=True, top_logprobs=3).choices[0].logprobs
    assert [len(token.top_logprobs) for token in logged.content] == [3, 3]


def test_a_seed_repeats_a_sample(served: Served) -> None:
    """Also among others that are answered at the same time; another seed is another sample."""

    async def sampled(seeds: list[int]) -> list[str]:
        async with openai.AsyncOpenAI(base_url=served.url, api_key=KEY, max_retries=0) as client:
            body: dict[str, Any] = {
                "model": "swiftkit",
                "messages": served.messages,
                "max_completion_tokens": 12,
            }
            asked = (
                client.chat.completions.create(**body, temperature=1, seed=seed) for seed in seeds
            )
            return [
                str(answer.choices[0].message.content) for answer in await asyncio.gather(*asked)
            ]

    together = asyncio.run(sampled([1, 2, 3, 1]))
    assert together[0] == together[3] == asyncio.run(sampled([1]))[0]
    assert len(set(together)) > 1


class Reading(BaseModel):
    celsius: int
    sunny: bool


def test_answers_held_to_a_schema(served: Served) -> None:
    """response_format and forced calls are honoured, or refused with what the server lacks; never
    passed over."""
    named = {"type": "function", "function": {"name": served.tools[0]["function"]["name"]}}
    wanted: list[dict[str, Any]] = [
        {"tools": served.tools, "tool_choice": choice} for choice in ("required", named)
    ]
    if served.backend == "transformers" and find_spec("llguidance") is None:
        for body in (*wanted, {"response_format": {"type": "json_object"}}):
            with pytest.raises(openai.BadRequestError, match="llguidance"):
                served.ask(**body)
        return
    client = served.client.chat.completions
    parsed = (
        client.parse(model="swiftkit", messages=served.messages, response_format=Reading)
        .choices[0]
        .message
    )
    assert isinstance(parsed.parsed, Reading)
    assert (
        served.ask(response_format={"type": "json_object"}, max_tokens=30)
        .choices[0]
        .message.content[0]
        == "{"
    )
    for body in wanted:
        for answer in (served.ask(**body).choices[0], streamed_message(served, body)):
            (call,) = answer.message.tool_calls
            assert answer.finish_reason == "tool_calls"
            assert (
                call.function.name == named["function"]["name"] or body["tool_choice"] == "required"
            )
            assert isinstance(json.loads(call.function.arguments), dict)
    bad = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nonsense"}}}
    with pytest.raises(openai.BadRequestError, match="nonsense"):
        served.ask(response_format=bad)


def streamed_message(served: Served, body: dict[str, Any]) -> Any:
    tools = [
        {"type": "function", "function": tool["function"] | {"strict": True}}
        for tool in body["tools"]
    ]
    asked = body | {"model": "swiftkit", "messages": served.messages, "tools": tools}
    with served.client.chat.completions.stream(**asked) as stream:
        return stream.get_final_completion().choices[0]


def test_errors_are_openai_errors(served: Served) -> None:
    """With the status by which the SDK chooses its exception, streamed or not."""
    cases: list[tuple[type[openai.APIStatusError], str, dict[str, Any]]] = [
        (openai.NotFoundError, "is not served here", {"model": "gpt-4"}),
        (openai.BadRequestError, "robot", {"messages": [{"role": "robot", "content": "x"}]}),
        (openai.BadRequestError, "unknown parameter", {"extra_body": {"nonsense": 1}}),
        (
            openai.BadRequestError,
            "tokens",
            {"messages": [{"role": "user", "content": "long " * 20_000}]},
        ),
    ]
    for kind, said, body in cases:
        for stream in (False, True):
            with pytest.raises(kind, match=said) as caught:
                served.ask(**body, stream=stream)
            assert caught.value.type == "invalid_request_error"
    stranger = served.client.with_options(api_key="sk-wrong")
    for call in (
        stranger.models.list,
        lambda: stranger.completions.create(model="swiftkit", prompt="x"),
    ):
        with pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
            call()
    assert served.client.models.retrieve("swiftkit").id == "swiftkit"
    for path, body in (("/chat/completions", b"{"), ("/completions", b"{}"), ("/nowhere", {})):
        status, answer = served.post(path, body)
        assert status == (404 if path == "/nowhere" else 400)
        assert answer["error"]["message"]


def test_an_error_in_the_middle_of_a_stream_is_told(served: Served) -> None:
    """As an event that the SDK raises, behind what had been said; the server goes on."""
    broken = [{"role": "user", "content": "BREAK " + served.messages[-1]["content"]}]
    said: list[Any] = []
    with pytest.raises(openai.APIError, match="the GPU fell off the bus"):
        said.extend(served.ask(messages=broken, stream=True))
    assert said
    assert served.ask(max_tokens=1).choices


def test_one_bad_request_fails_alone(served: Served) -> None:
    """Of 25 at once two are refused, and a long prompt takes no room from the others, who get what
    they get alone."""
    alone = served.ask(tools=served.tools).choices[0].message.tool_calls[0].function
    one, two = (
        served.ask(
            messages=[{"role": "user", "content": "long " * n}], tools=served.tools, max_tokens=1
        ).usage.prompt_tokens
        for n in (10, 20)
    )
    # leaves room for a few tokens
    nearly = "long " * (10 + (LIMIT[served.backend] - 9 - one) // ((two - one) // 10))

    async def asked() -> list[Any]:
        async with openai.AsyncOpenAI(base_url=served.url, api_key=KEY, max_retries=0) as client:
            bodies: list[dict[str, Any]] = [
                {"messages": served.messages, "tools": served.tools} for _ in range(22)
            ]
            bodies.insert(
                3,
                {
                    "messages": [{"role": "user", "content": "long " * 20_000}],
                    "tools": served.tools,
                },
            )
            bodies.insert(
                5, {"messages": [{"role": "user", "content": nearly}], "tools": served.tools}
            )
            bodies.insert(
                9, {"messages": [*served.messages, {"role": "tool_call", "content": "{"}]}
            )
            requests = (client.chat.completions.create(model="swiftkit", **body) for body in bodies)
            return await asyncio.gather(*requests, return_exceptions=True)

    answers = asyncio.run(asked())
    bad = [answer for answer in answers if isinstance(answer, Exception)]
    assert [type(one) for one in bad] == [openai.BadRequestError] * 2
    good = [answer for answer in answers if not isinstance(answer, Exception)]
    long = max(good, key=lambda answer: answer.usage.prompt_tokens)
    assert LIMIT[served.backend] - 30 < long.usage.total_tokens <= LIMIT[served.backend]
    for answer in good:
        if answer is not long:
            assert answer.choices[0].message.tool_calls[0].function == alone


def test_litellm(served: Served) -> None:
    """The client behind many agent frameworks: a call, streamed and not."""
    litellm = pytest.importorskip("litellm", reason="LiteLLM is not installed: pip install litellm")
    asked = {
        "model": "openai/swiftkit",
        "api_base": served.url,
        "api_key": KEY,
        "messages": served.messages,
    }
    whole = litellm.completion(**asked, tools=served.tools).choices[0]
    assert whole.finish_reason == "tool_calls"
    chunks = list(litellm.completion(**asked, tools=served.tools, stream=True))
    built = litellm.stream_chunk_builder(chunks, messages=served.messages).choices[0]
    assert (
        built.message.tool_calls[0].function.arguments
        == whole.message.tool_calls[0].function.arguments
    )
