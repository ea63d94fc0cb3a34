"""Ask an OpenAI-compatible endpoint, cheaply, and say precisely what went wrong when it does not answer.

aiohttp carries the requests: per sample it takes a tenth of the CPU of the openai SDK and less of httpx, and this is
the hot path of an evaluation. What is done about faults:

* 408, 409, 425, 429, 5xx, resets, time-outs and bodies that are no chat completion are asked again, a few times, with
  jittered exponential waits (AWS Architecture Blog, "Exponential Backoff And Jitter") or as `Retry-After` says.
* What is still wrong then is a `Response` with an `error`: counted apart, never a score.
* 402 means that the quota is used up: `SKIPPED`, which leaves the denominator.
* 401, 403 and a server that is gone stop the run: EndpointError.

Seen with `swift deploy` of ms-swift 4.6.0, and coped with here: the markup of a tool call stays in `content` beside
`tool_calls`; `finish_reason` is 'stop'; `model` in the answer is not the name that was asked for (nobody reads it);
one bad request fails its whole batch with a 400, so that a 400 may be innocent: `Client.ask` marks it, and the runner
asks it once more, alone.
"""

import asyncio
import contextlib
import email.utils
import random
import time
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import msgspec

from swiftkit import __version__
from swiftkit.errors import EndpointError, UsageError
from swiftkit.records import Response
from swiftkit.wire import BadBodyError, read_completion

SKIPPED = "skipped: "  # how the error of a sample begins that leaves the denominator
BAD_REQUEST = "HTTP 400"  # how the error begins that is asked again, alone
RETRIED = frozenset({408, 409, 425, 429})
REFUSED = frozenset({401, 403})
ATTEMPTS = 5
LONGEST_WAIT = 60.0  # seconds; a Retry-After beyond TOO_LONG is an error at once
TOO_LONG = 600.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Endpoint(NamedTuple):
    """Where and how to ask. `timeout` and `first_wait` (the first back-off) are in seconds."""

    url: str
    key: str = "EMPTY"
    timeout: float = 300.0
    concurrency: int = 16
    first_wait: float = 0.5


class _Answer(NamedTuple):
    """One HTTP exchange: `status` 0 means that none took place, and `error` says why."""

    status: int
    body: bytes = b""
    error: str = ""
    retry_after: float | None = None


def base_url(typed: str) -> str:
    """The base URL that a person means: a scheme is added, `/chat/completions` cut, `/v1` added to a bare host."""
    url = typed.strip() if "://" in typed else f"http://{typed.strip()}"
    url = url.rstrip("/").removesuffix("/chat/completions").removesuffix("/models").rstrip("/")
    parts = urlsplit(url)
    if parts.username or parts.query:
        raise UsageError(
            "--base-url holds a name, a key or a query (give the key as OPENAI_API_KEY in the environment)"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--base-url {typed!r} is no web address (example: http://127.0.0.1:8000/v1)")
    return url if parts.path.strip("/") else f"{url}/v1"


class Client:
    """An open connection pool to one endpoint; use it in `async with`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.url = base_url(endpoint.url)
        self._completions = f"{self.url}/chat/completions"
        self._silent_in_a_row = 0

    async def __aenter__(self) -> "Client":
        local = urlsplit(self.url).hostname in LOOPBACK
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=self._endpoint.timeout),
            headers={
                "Authorization": f"Bearer {self._endpoint.key}",
                "Content-Type": "application/json",
                "User-Agent": f"swiftkit/{__version__}",
            },
            trust_env=not local,  # a company's proxy cannot reach this machine's own server
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ask(self, body: bytes, sample_id: str, trial: int = 0) -> Response:
        """Send one chat-completions body (JSON bytes); always a Response, unless the endpoint cannot be used at all."""
        error = ""
        for attempt in range(ATTEMPTS):
            start = time.perf_counter()
            answer = await self._exchange(body)
            if answer.status == 200:
                try:
                    return read_completion(answer.body, sample_id, trial, time.perf_counter() - start)
                except BadBodyError as fault:
                    answer = _Answer(200, error=f"HTTP 200, but {fault}")
            error = self._describe(answer)
            wait = self._wait(answer, attempt)
            if wait is None or attempt == ATTEMPTS - 1:
                break
            await asyncio.sleep(wait)
        return Response(sample_id, trial, error=error)

    async def served_models(self) -> list[str] | None:
        """The names in /models; None where the endpoint has no such page. Raises EndpointError where it is unusable."""
        answer = await self._exchange(None)
        if answer.status == 0:
            raise EndpointError(
                f"{self.url} cannot be reached: {answer.error} "
                "(start the server, for example `bash recipes/deploy.sh`, or correct --base-url)"
            )
        self._describe(answer)
        try:
            listed = msgspec.json.decode(answer.body, type=_Models) if answer.status == 200 else None
        except msgspec.DecodeError:
            listed = None
        return [model.id for model in listed.data] if listed else None

    async def probe(self, model: str | None) -> str:
        """The model to ask, after one token was asked of it; raises EndpointError with the reason and the next step."""
        served = await self.served_models()
        if model is None:
            if not served:
                raise EndpointError(f"{self.url}/models names no model (give one by --model NAME)")
            model = served[0]
        listing = f" (served here: {', '.join(served)})" if served else ""
        if served and model not in served:
            raise EndpointError(f"{self.url} does not serve {model!r}{listing}")
        body = {"model": model, "messages": [{"role": "user", "content": "ping"}], "max_tokens": 1}
        answer = await self.ask(msgspec.json.encode(body), "probe")
        if answer.error and not answer.error.startswith(SKIPPED):
            hint = listing or " (check --base-url, which often ends in /v1, and --model)"
            if "api key" in answer.error.lower():  # swift deploy says it with a 400
                hint = " (set OPENAI_API_KEY in the environment)"
            raise EndpointError(f"{self.url} refused a first request to {model!r}: {answer.error}{hint}")
        return model

    async def _exchange(self, body: bytes | None) -> _Answer:
        """POST `body` to /chat/completions, or GET /models without one."""
        try:
            if body is None:
                request = self._session.get(f"{self.url}/models")
            else:
                request = self._session.post(self._completions, data=body)
            async with request as response:
                content = await response.read()
                self._silent_in_a_row = 0
                return _Answer(response.status, content, "", _retry_after(response.headers.get("Retry-After")))
        except TimeoutError:
            return self._silence(f"no answer within {self._endpoint.timeout:g} s")
        except aiohttp.ClientConnectorError as fault:
            return self._silence(f"no connection: {fault.strerror or fault}")
        except (aiohttp.ClientError, ConnectionError) as fault:
            return self._silence(f"connection broke: {fault or type(fault).__name__}")

    def _silence(self, fault: str) -> _Answer:
        """No answer; when every worker got none four times running, with its waits, the server is gone."""
        self._silent_in_a_row += 1
        if self._silent_in_a_row >= max(16, 4 * self._endpoint.concurrency):
            raise EndpointError(f"{self.url} is gone: {self._silent_in_a_row} requests in a row failed: {fault}")
        return _Answer(0, error=fault)

    def _describe(self, answer: _Answer) -> str:
        """The error of an exchange in one line, the key blotted out; raises EndpointError for 401 and 403."""
        if answer.error:
            return answer.error
        said = _server_message(answer.body)
        if self._endpoint.key != "EMPTY":  # some servers repeat the key that they refuse
            said = said.replace(self._endpoint.key, "***")
        line = f"HTTP {answer.status}: {said}"
        if answer.status in REFUSED:
            raise EndpointError(f"{self.url} refused the key: {line} (set OPENAI_API_KEY in the environment)")
        return f"{SKIPPED}{line}" if answer.status == 402 else line

    def _wait(self, answer: _Answer, attempt: int) -> float | None:
        """Seconds to wait before the next attempt, or None where another would not help."""
        if answer.status not in RETRIED and answer.status < 500 and answer.status not in (0, 200):
            return None
        if answer.retry_after is not None:
            return answer.retry_after if answer.retry_after <= TOO_LONG else None
        longest = min(LONGEST_WAIT, self._endpoint.first_wait * 2**attempt)
        return random.uniform(longest / 2, longest)  # noqa: S311 - not a secret


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


def _retry_after(header: str | None) -> float | None:
    """Seconds, from either form of the header (RFC 9110, 10.2.3); None where there is none or it makes no sense."""
    if not header:
        return None
    with contextlib.suppress(ValueError):
        return max(0.0, float(header))
    with contextlib.suppress(ValueError):
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    return None


def _server_message(body: bytes) -> str:
    """What the server says in its error body, in one line of at most 300 characters."""
    try:
        value: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        value = body.decode("utf-8", "replace")
    for field in ("error", "message", "detail"):
        if isinstance(value, dict) and field in value:
            value = value[field]
    return " ".join(str(value).split())[:300] or "(empty body)"
