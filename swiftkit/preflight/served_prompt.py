"""Ask a running server for the prompt that it sends to the model for a chat request.

    async with PromptServer(Endpoint("http://127.0.0.1:8000", key)) as server:
        prompt = await server.prompt(messages, tools, {"enable_thinking": False})
        prompt.ids, prompt.text, prompt.via

Which server it is, its list of models says (`owned_by`), else pages that only that server has.
Each has several ways to tell a prompt (prompt_requests.py); what one way does not tell, the next is
asked for, down to the number of the prompt's tokens. A server is foreign: its answers are bounded
in time and size, and of another form than expected they are no answer.
"""

import json
from dataclasses import replace
from typing import Any

from swiftkit.client.client import Endpoint, describe_fault, refused_key
from swiftkit.client.connection import Connection
from swiftkit.client.handshake import REFUSED, get_models, listed_models
from swiftkit.client.retry import Exchange, wait_before
from swiftkit.client.urls import other_form
from swiftkit.errors import EndpointError
from swiftkit.json_text import decode_or_none
from swiftkit.preflight.prompt_requests import (
    LAST_WAY,
    WAYS,
    Json,
    NoPromptError,
    PromptRequest,
    ServedPrompt,
    Way,
)

_PROBE_TIMEOUT = 10.0  # seconds
_MAY_PASS = frozenset({408, 425, 429, 502, 503, 504})
# The owner that a server writes into its list of models
_OWNERS = {
    "vllm": "vllm",
    "sglang": "sglang",
    "llamacpp": "llama-server",
    "swift": "swift",
    "library": "ollama",
}
# Pages of a server's own, and a key that their JSON holds, for lists whose owner says nothing
_PAGES = (
    ("/props", "default_generation_settings", "llama-server"),
    ("/api/version", "version", "ollama"),
    ("/server_info", "model_path", "sglang"),
    ("/get_server_info", "model_path", "sglang"),
    ("/version", "version", "vllm"),
)


async def served_prompt(
    endpoint: Endpoint,
    messages: list[Any],
    tools: list[Any] | None = None,
    settings: Json | None = None,
    model: str | None = None,
) -> ServedPrompt:
    """Return the prompt of one chat request; see PromptServer, which is cheaper for several."""
    async with PromptServer(endpoint, model) as server:
        return await server.prompt(messages, tools, settings)


class PromptServer:
    """An open connection to a server's first address; use it in `async with`.

    `model` None is the first model served. Raises EndpointError where the server cannot be used.
    """

    def __init__(self, endpoint: Endpoint, model: str | None = None) -> None:
        self.name = ""  # vllm, sglang, llama-server, swift, ollama, other
        self.model = model or ""
        self._endpoint = endpoint
        self._connection = Connection(endpoint.urls[0], endpoint.key, endpoint.timeout)
        self._ways: tuple[Way, ...] = ()

    async def __aenter__(self) -> "PromptServer":
        self._connection.open()
        try:
            self.name = await self._find_out()
        except BaseException:
            await self._connection.close()
            raise
        # a proxy, or a setting, may give another server's name
        ways = dict.fromkeys([*WAYS[self.name], *WAYS["other"], LAST_WAY])
        self._ways = tuple(ways)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def prompt(
        self, messages: list[Any], tools: list[Any] | None = None, settings: Json | None = None
    ) -> ServedPrompt:
        """Return the prompt of a chat request with these OpenAI messages and tools.

        `settings` are its chat_template_kwargs. Raises EndpointError, with the reason of each way,
        where none tells the prompt.
        """
        request = PromptRequest(self.model, messages, tools, settings or {})
        reasons = []
        ways = self._ways
        for index, way in enumerate(ways):
            try:
                told = await way(self._ask, request)
            except NoPromptError as reason:
                reasons.append(str(reason))
            else:
                # What failed where this succeeded is not asked again; but a mere count, of a server
                # that can tell more, may be the fault of one conversation.
                if index and (way is not LAST_WAY or self.name == "other"):
                    self._ways = ways[index:]
                return replace(told, server=self.name) if told.server == "other" else told
        told_by_none = "; ".join(dict.fromkeys(reasons))
        fix = "is it a chat model, and does it take this conversation?"
        raise EndpointError(f"{self._connection.url} tells no prompt: {told_by_none} ({fix})")

    async def _find_out(self) -> str:
        """Return which server it is, and choose the model."""
        connection = self._connection
        listing = await get_models(connection, self._describe, self._endpoint.first_wait)
        models = listed_models(listing)
        if models is None:
            url = other_form(connection.url)
            models = listed_models(await connection.fetch(f"{url}/models", None, _PROBE_TIMEOUT))
            if models is not None:
                connection.url = url
        if not self.model:
            if not models:
                problem = f"{connection.url}/models names no model"
                raise EndpointError(f"{problem} (correct --base-url, or name the model)")
            self.model = models[0].id
        for model in models or []:
            if isinstance(model.owned_by, str) and model.owned_by in _OWNERS:
                return _OWNERS[model.owned_by]
        for page, key, server in _PAGES:
            exchange = await connection.fetch(self._url(page), None, _PROBE_TIMEOUT)
            value = decode_or_none(exchange.body) if exchange.status == 200 else None
            if isinstance(value, dict) and key in value:
                return server
        return "other"

    async def _ask(self, page: str, body: Json) -> bytes:
        """POST to a page below the server's root, and return what it answers.

        Raises NoPromptError, EndpointError where nothing else can be asked either.
        """
        data = json.dumps(body).encode()  # a lone surrogate stays an escape
        attempt = 0
        while True:
            exchange = await self._connection.fetch(self._url(page), data, self._endpoint.timeout)
            if exchange.status == 200:
                return exchange.body
            wait = wait_before(exchange, attempt, self._endpoint.first_wait)
            if wait is None or exchange.status not in _MAY_PASS:
                break
            await self._connection.wait(exchange, wait)
            attempt += 1
        error = self._describe(self._connection, exchange, page)
        raise NoPromptError(f"{page}: {error}")

    def _describe(self, connection: Connection, exchange: Exchange, page: str = "/models") -> str:
        """Return the error of an exchange. Raises EndpointError where no page would answer."""
        error = describe_fault(exchange, self._endpoint.key)
        # vLLM answers 403 for pages that are not enabled
        if exchange.status == 401 or (exchange.status in REFUSED and page == "/models"):
            raise EndpointError(refused_key(connection, error))
        if connection.refused:
            fix = "start the server, or correct --base-url"
            raise EndpointError(f"{connection.url} cannot be reached: {error} ({fix})")
        return error

    def _url(self, page: str) -> str:
        """Return the address of a page below the root; `/v1/...` where the base URL has its /v1."""
        url = self._connection.url
        root = url.removesuffix("/v1")
        return f"{url}{page.removeprefix('/v1')}" if page.startswith("/v1/") else f"{root}{page}"
