"""The prompt that a server tells, and servers that tell none.

The servers here are no real ones: they answer as the servers' sources and documents say (the
request that told it is in each case). The real ones are asked in tests/e2e/test_served_prompt*.py;
no real SGLang or Ollama is.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers.fault_server import fault_server
from helpers.servers import Reply, Server, error, message, serve

from swiftkit.client import body as client_body
from swiftkit.client.client import Endpoint
from swiftkit.errors import EndpointError
from swiftkit.preflight.prompt_requests import ServedPrompt
from swiftkit.preflight.served_prompt import PromptServer, served_prompt

KEY = "sk-canary-7361"
QUESTION = [{"role": "user", "content": "Which trees grow in Oslo?"}]
TOOLS = [{"type": "function", "function": {"name": "trees", "parameters": {"type": "object"}}}]
IDS = [5, 0, 151644]
TEXT = "<|im_start|>user\n"
ANSWER = message("Oak.").body
RENDER, TOKENIZE = "/v1/chat/completions/render", "/tokenize"
HTML = Reply(b"<html>busy</html>", headers={"Content-Type": "text/html"})
Script = Callable[[dict[str, Any]], Reply]


def ask(server: Server, **settings: Any) -> ServedPrompt:
    endpoint = Endpoint(server.url, KEY, 5.0, first_wait=0.001)
    return asyncio.run(served_prompt(endpoint, QUESTION, TOOLS, settings))


def listing(owner: Any) -> Reply:
    return Reply({"object": "list", "data": [{"id": "tiny", "owned_by": owner}]})


def always(reply: Reply) -> Script:
    return lambda _: reply


def chat_knowing(field: str, **more: Any) -> Script:
    """An answer with more in it for a request that has the field."""
    return lambda body: Reply(ANSWER | more) if body.get(field) else Reply(ANSWER)


@pytest.mark.parametrize(
    ("owner", "chat", "pages", "expected"),
    [
        (
            "vllm",
            error(400),
            {RENDER: Reply({"token_ids": IDS, "sampling_params": {}})},
            ServedPrompt("vllm", tuple(IDS), None, None, RENDER),
        ),
        (
            "vllm",
            chat_knowing("return_token_ids", prompt_token_ids=IDS, prompt_text=TEXT),
            {RENDER: error(403, "Scale-out endpoints are disabled.")},
            ServedPrompt("vllm", tuple(IDS), TEXT, None, "/v1/chat/completions (return_token_ids)"),
        ),
        (
            "vllm",
            Reply(ANSWER),  # of a time before return_token_ids
            {TOKENIZE: Reply({"count": 3, "tokens": IDS, "token_strs": None})},
            ServedPrompt("vllm", tuple(IDS), None, None, TOKENIZE),
        ),
        (
            "sglang",
            chat_knowing(
                "return_prompt_token_ids",
                choices=[ANSWER["choices"][0] | {"prompt_token_ids": IDS}],
            ),
            {},
            ServedPrompt(
                "sglang", tuple(IDS), None, None, "/v1/chat/completions (return_prompt_token_ids)"
            ),
        ),
        (
            "swift",
            chat_knowing("return_details", prompt_token_ids=IDS),
            {},
            ServedPrompt("swift", tuple(IDS), None, None, "/v1/chat/completions (return_details)"),
        ),
        (
            "llamacpp",
            Reply(ANSWER),
            {"/apply-template": Reply({"prompt": TEXT}), TOKENIZE: Reply({"tokens": IDS})},
            ServedPrompt("llama-server", tuple(IDS), TEXT, None, "/apply-template, /tokenize"),
        ),
        (
            "llamacpp",
            Reply(ANSWER),
            {"/apply-template": Reply({"prompt": TEXT})},
            ServedPrompt("llama-server", None, TEXT, None, "/apply-template"),
        ),
        (
            "library",
            chat_knowing("_debug_render_only", _debug_info={"rendered_template": TEXT}),
            {},
            ServedPrompt("ollama", None, TEXT, None, "/v1/chat/completions (_debug_render_only)"),
        ),
        (
            "openai",
            Reply(ANSWER),
            {},
            ServedPrompt("other", None, None, 7, "/v1/chat/completions (usage.prompt_tokens)"),
        ),
        (
            "my-company",  # swift deploy --owned_by my-company
            chat_knowing("return_details", prompt_token_ids=IDS),
            {},
            ServedPrompt("swift", tuple(IDS), None, None, "/v1/chat/completions (return_details)"),
        ),
    ],
    ids="render chat tokenize sglang swift llama text ollama other owner".split(),
)
def test_each_server_is_asked_in_its_own_way(
    owner: str, chat: Any, pages: dict[str, Reply], expected: ServedPrompt
) -> None:
    """The best way that it has; tools, settings and the model go with the request."""
    asked = []
    with serve(chat if callable(chat) else always(chat)) as server:
        server.listing = listing(owner)
        for page, reply in pages.items():
            server.pages[page] = lambda body, reply=reply: asked.append(body) or reply
        assert ask(server, enable_thinking=False) == expected
        asked += server.requests
    chats = [body for body in asked if "messages" in body]
    assert chats
    for body in chats:
        assert (body["model"], body["messages"], body["tools"]) == ("tiny", QUESTION, TOOLS)
        assert body["chat_template_kwargs"] == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("page", "value", "server_name"),
    [
        ("/props", {"default_generation_settings": {}}, "llama-server"),
        ("/api/version", {"version": "0.31.0"}, "ollama"),
        ("/server_info", {"model_path": "x"}, "sglang"),
        ("/version", {"version": "0.32.0"}, "vllm"),
        ("/version", ["0.32.0"], "other"),
    ],
)
def test_a_server_is_known_by_its_pages_too(page: str, value: Any, server_name: str) -> None:
    """Where its list of models has another owner, as behind a proxy."""

    async def name(url: str) -> str:
        async with PromptServer(Endpoint(url, KEY, 5.0)) as server:
            return server.name

    with serve(always(Reply(ANSWER))) as server:
        server.pages[page] = always(Reply(value))
        assert asyncio.run(name(server.url)) == server_name


def test_an_owner_that_is_no_text_says_nothing() -> None:
    """The list is still a list of models."""
    with serve(always(Reply(ANSWER))) as server:
        server.listing = listing(["vllm"])
        assert ask(server).server == "other"


@pytest.mark.parametrize(
    "fault",
    [
        error(404),
        error(405),
        error(400, "no such template"),
        error(500),
        HTML,
        Reply(b""),
        Reply(b"\xff\x00"),
        Reply(b"[" * 100_000),
        Reply([1, 2]),
        Reply({"token_ids": []}),
        Reply({"token_ids": None}),
        Reply({"token_ids": "5 0"}),
        Reply({"token_ids": [5, "0"]}),
        Reply({"token_ids": [5, True]}),
        Reply({"token_ids": [-1]}),
        Reply(b"", 307, {"Location": "http://elsewhere/"}),
        Reply({"token_ids": IDS}, fault="half"),
        Reply(fault="reset"),
    ],
    ids=lambda reply: f"{reply.status} {str(reply.body)[:20]} {reply.fault}",
)
def test_a_page_that_does_not_tell_is_passed_over(fault: Reply) -> None:
    """The next way tells; the page is not asked again for the next row."""
    calls = []

    async def twice(url: str) -> list[ServedPrompt]:
        async with PromptServer(Endpoint(url, KEY, 5.0, first_wait=0.001)) as server:
            return [await server.prompt(QUESTION), await server.prompt(QUESTION)]

    with serve(chat_knowing("return_token_ids", prompt_token_ids=IDS)) as server:
        server.listing = listing("vllm")
        server.pages[RENDER] = lambda body: calls.append(body) or fault
        prompts = asyncio.run(twice(server.url))
        assert {prompt.ids for prompt in prompts} == {tuple(IDS)}
    assert len(calls) == 1


def test_a_mere_count_does_not_end_the_asking_for_ids() -> None:
    """One row that /render fails on does not make the next rows' prompts unknown."""
    replies = iter([error(500), Reply({"token_ids": IDS})])

    async def twice(url: str) -> list[ServedPrompt]:
        async with PromptServer(Endpoint(url, KEY, 5.0)) as server:
            return [await server.prompt(QUESTION), await server.prompt(QUESTION)]

    with serve(always(Reply(ANSWER))) as server:
        server.listing = listing("vllm")
        server.pages[RENDER] = lambda _: next(replies)
        first, second = asyncio.run(twice(server.url))
    assert (first.server, first.ids, first.count) == ("vllm", None, 7)
    assert second.ids == tuple(IDS)


def test_a_busy_page_is_asked_again() -> None:
    """429 and 503 pass."""
    replies = iter([error(429), error(503), Reply({"token_ids": IDS})])
    with serve(always(error(400))) as server:
        server.listing = listing("vllm")
        server.pages[RENDER] = lambda _: next(replies)
        assert ask(server).via == RENDER


def test_reasoning_goes_to_tokenize_under_its_newer_key() -> None:
    """vLLM 0.32.0 reads both keys in a chat, and one of them at /tokenize."""
    asked: list[Any] = []
    answer = {"role": "assistant", "content": "Oak.", "reasoning_content": "Trees."}

    async def prompt(url: str) -> ServedPrompt:
        return await served_prompt(Endpoint(url, KEY, 5.0), [*QUESTION, answer, *QUESTION])

    with serve(always(error(400))) as server:
        server.listing = listing("vllm")
        server.pages[TOKENIZE] = lambda body: asked.append(body) or Reply({"tokens": IDS})
        asyncio.run(prompt(server.url))
    told = {"role": "assistant", "content": "Oak.", "reasoning": "Trees."}
    assert asked[0]["messages"][1] == told
    assert "reasoning_content" in answer


@pytest.mark.parametrize("reply", [error(400, f"bad {KEY}"), error(404), HTML, Reply({"usage": 7})])
def test_a_server_that_tells_nothing_is_an_error_with_the_reasons(reply: Reply) -> None:
    """Without the key, which some servers repeat."""
    with serve(always(reply)) as server, pytest.raises(EndpointError) as caught:
        ask(server)
    assert "tells no prompt: /v1/chat/completions" in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_refused_key_and_an_unreachable_server_end_it() -> None:
    """At once, with what to do; the key is not shown."""
    with serve(always(error(401, f"bad {KEY}"))) as server:
        with pytest.raises(EndpointError, match="OPENAI_API_KEY") as caught:
            ask(server)
        assert KEY not in str(caught.value)
        assert len(server.requests) == 1
        server.listing = error(403)
        with pytest.raises(EndpointError, match="OPENAI_API_KEY"):
            ask(server)
        server.stop()
        with pytest.raises(EndpointError, match="cannot be reached"):
            ask(server)


def test_a_list_without_models_wants_a_name() -> None:
    """A server without /v1/models is asked for the model that was named."""
    with serve(always(Reply(ANSWER)), models=None) as server:
        with pytest.raises(EndpointError, match="names no model"):
            ask(server)
        endpoint = Endpoint(server.url, KEY, 5.0)
        prompt = asyncio.run(served_prompt(endpoint, QUESTION, model="mine"))
        assert prompt.count == 7
        assert server.requests[-1]["model"] == "mine"


def test_a_base_url_without_v1_is_mended() -> None:
    """As everywhere in swiftkit."""
    with serve(chat_knowing("return_details", prompt_token_ids=IDS)) as server:
        server.url = server.url.removesuffix("/v1") + "/"
        assert ask(server).ids == tuple(IDS)


def test_time_and_size_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that stalls, and one that does not end, are passed over."""
    monkeypatch.setattr(client_body, "MOST_BYTES", 1000)

    async def prompt(url: str) -> ServedPrompt:
        return await served_prompt(Endpoint(url, KEY, timeout=0.5), QUESTION)

    with serve(chat_knowing("return_token_ids", prompt_token_ids=IDS)) as server:
        server.listing = listing("vllm")
        for fault in (Reply(fault="stall"), Reply({"token_ids": [1] * 1000})):
            server.pages[RENDER] = always(fault)
            started = time.monotonic()
            assert asyncio.run(prompt(server.url)).ids == tuple(IDS)
            assert time.monotonic() - started < 3


TOLD = ("ok", "201", "null", "list", "num", "errplus", "once-503", "once-429")
BROKEN = (
    "400 402 403 404 408 413 418 422 500 502 529 204 206 garbage half shape_list shape_null"
    " shape_str empty emptybody errin200 redir redirhost redir302 rstafter stall slow stallbody"
    " nochunkend 429huge"
).split()


@pytest.fixture(scope="module")
def fault_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that breaks as each question says."""
    with fault_server(tmp_path_factory.mktemp("faults") / "log") as url:
        yield url


@pytest.mark.parametrize("mode", TOLD)
def test_an_odd_answer_still_has_its_count(fault_url: str, mode: str) -> None:
    """Only the count is read; a fault that passes is asked again."""
    assert ask_fault(fault_url, mode).count == 3


@pytest.mark.parametrize("mode", BROKEN)
def test_a_broken_server_gives_an_error(fault_url: str, mode: str) -> None:
    """In bounded time: three ways of half a second each."""
    started = time.monotonic()
    with pytest.raises(EndpointError, match="tells no prompt") as caught:
        ask_fault(fault_url, mode)
    assert time.monotonic() - started < 8
    assert KEY not in str(caught.value)


def ask_fault(url: str, mode: str) -> ServedPrompt:
    endpoint = Endpoint(url, KEY, timeout=0.5, first_wait=0.01)
    return asyncio.run(served_prompt(endpoint, [{"role": "user", "content": f"Q mode={mode}"}]))
