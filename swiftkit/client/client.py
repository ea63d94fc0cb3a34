"""Ask an OpenAI-compatible endpoint, cheaply, and say precisely what went wrong when it does not
answer.

aiohttp carries the requests: per sample it takes a fraction of the CPU of the openai SDK or of
httpx, and this is the hot path of an evaluation (benchmarks/client). What is done about faults:

* What may pass is asked again, on another address if there are several (client/retry.py).
* What is still wrong then is a `Response` with an `error`: counted apart, never a score.
* 402 means that the quota is used up: `SKIPPED`, which leaves the denominator. After many in a row
  nothing is asked.
* 401, 403 and a server that is gone stop the run: EndpointError. Of several addresses, one that is
  gone is left out.

Seen with `swift deploy` of ms-swift 4.6.0, and coped with here: the markup of a tool call stays in
`content` beside `tool_calls`; `finish_reason` is 'stop'; `model` in the answer is not the name that
was asked for (nobody reads it); one bad request fails its whole batch with a 400, so that a 400 may
be innocent: `Client.ask` marks it, and the runner asks it once more, alone.
"""

import asyncio
import time
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

from swiftkit.client.completion import BadBodyError, read_completion
from swiftkit.client.concurrency import Pace
from swiftkit.client.connection import Host
from swiftkit.client.handshake import REFUSED, list_models, probe
from swiftkit.client.retry import Answer, wait_before
from swiftkit.client.urls import base_url
from swiftkit.errors import EndpointError
from swiftkit.records import SKIPPED, Response
from swiftkit.terminal import say

BAD_REQUEST = "HTTP 400"  # how the error begins that is asked again, alone


class Endpoint(NamedTuple):
    """Where and how to ask. `timeout` and `first_wait` (the first back-off) are in seconds; a
    `concurrency` of 0 is adaptive (client/concurrency.py); `more` are further addresses of the same
    model."""

    url: str
    key: str = "EMPTY"
    timeout: float = 300.0
    concurrency: int = 16
    first_wait: float = 0.5
    more: tuple[str, ...] = ()
    stream: bool = False

    @property
    def urls(self) -> list[str]:
        """The base URLs, each once."""
        return list(dict.fromkeys(base_url(url) for url in (self.url, *self.more)))


class Client:
    """Open connections to an endpoint; use it in `async with`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._hosts = [Host(url, endpoint.key, endpoint.timeout) for url in endpoint.urls]
        self._all = list(self._hosts)
        self.pace = Pace(endpoint.concurrency)
        self._stopped = ""  # why nothing is asked any more
        self._unpaid = 0  # 402 in a row

    @property
    def quota_is_used_up(self) -> bool:
        """Whether so many answers in a row were 402 that no other is to be expected."""
        return self._unpaid >= max(16, self._endpoint.concurrency)

    async def __aenter__(self) -> "Client":
        for host in self._all:
            host.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for host in self._all:
            await host.close()

    async def ask(self, body: bytes, sample_id: str, trial: int = 0) -> Response:
        """Send one chat-completions body (JSON bytes); always a Response, unless the endpoint
        cannot be used at all."""
        attempt, last = 0, None
        while True:
            host = last = self._choose(last)
            if self.pace.adaptive:
                await self.pace.enter()
            start = time.perf_counter()
            try:
                answer = await host.ask(body, self._endpoint.stream)
            finally:
                if self.pace.adaptive:
                    self.pace.leave()
            self.pace.saw(answer.status)
            if answer.status == 200:
                try:
                    response = read_completion(
                        answer.body, sample_id, trial, time.perf_counter() - start
                    )
                except BadBodyError as bad:
                    answer = answer._replace(error=f"HTTP 200, but {bad}")
                else:
                    self._unpaid = 0
                    return _with_first_token(response, answer) if answer.first_token else response
            error = self._describe(host, answer)
            wait = wait_before(answer, attempt, self._endpoint.first_wait)
            if wait is None:
                return Response(sample_id, trial, error=error)
            await asyncio.sleep(wait)
            attempt += 1

    async def served_models(self) -> list[str] | None:
        """The names in /models of the first address; None where it has no such page. Raises
        EndpointError where it is unusable."""
        return await list_models(self._all[0], self._describe, self._endpoint.first_wait)

    async def probe(self, model: str | None) -> str:
        """The model to ask, after one token was asked of it at each address; raises EndpointError
        with the reason and the next step. Of several addresses, those that cannot be used are left
        out."""
        faults: list[EndpointError] = []
        good: list[Host] = []
        for host in self._all:
            try:
                model = await probe(host, model, self._describe, self._endpoint.first_wait)
                good.append(host)
            except EndpointError as fault:
                faults.append(fault)
        if not good:
            raise faults[0]
        for left_out in faults:
            say(f"left out: {left_out}")
        self._hosts, self._stopped = good, ""
        return str(model)

    def _choose(self, last: Host | None) -> Host:
        """The least busy address, another than `last` if there is one; raises EndpointError once
        nothing is to be asked."""
        if self._stopped:
            raise EndpointError(self._stopped)
        if len(self._hosts) == 1:
            return self._hosts[0]
        return min(self._hosts, key=lambda host: (host is last, host.in_flight))

    def _describe(self, host: Host, answer: Answer) -> str:
        """The error of an exchange in one line, the key blotted out; raises EndpointError where no
        sample can have an answer, or leaves the address out if others are left."""
        line = self._without_key(
            answer.error or f"HTTP {answer.status}: {_server_message(answer.body)}"
        )
        if answer.error:
            self._leave_out_if_gone(host, line)
            return line
        self._unpaid = self._unpaid + 1 if answer.status == 402 else 0
        if answer.status in REFUSED:
            self._stopped = (
                f"{host.url} refused the key: {line} (set OPENAI_API_KEY in the environment)"
            )
            raise EndpointError(self._stopped)
        return f"{SKIPPED}{line}" if answer.status == 402 else line

    def _without_key(self, text: str) -> str:
        """Some servers repeat the key that they refuse."""
        key = self._endpoint.key
        return text if key == "EMPTY" else text.replace(key, "***")

    def _leave_out_if_gone(self, host: Host, fault: str) -> None:
        """When every worker got no answer four times running, with its waits, the server is gone;
        sooner if others can take its place."""
        others = len(self._hosts) > 1
        if host not in self._hosts or host.silent < (
            8 if others else max(16, 4 * self.pace.allowed)
        ):
            return
        gone = f"{host.url} is gone: {host.silent} requests in a row failed: {fault}"
        if others:
            self._hosts.remove(host)
            say(f"left out: {gone}")
        else:
            self._stopped = gone
            raise EndpointError(gone)


def _with_first_token(response: Response, answer: Answer) -> Response:
    return msgspec.structs.replace(response, first_token=answer.first_token)


def _server_message(body: bytes) -> str:
    """What the server says in its error body, in one line of at most 300 characters."""
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = body.decode("utf-8", "replace")
    for field in ("error", "message", "detail"):
        if isinstance(value, dict) and field in value:
            value = value[field]
    return " ".join(str(value).split())[:300] or "(empty body)"
