"""Ask an OpenAI-compatible endpoint, cheaply, and say precisely what went wrong.

aiohttp carries the requests: per sample it takes a fraction of the CPU of the openai SDK or of
httpx, and this is the hot path of an evaluation (benchmarks/client). Faults are met as follows:

* One that may pass is asked again, on another address if there are several (client/retry.py).
* One that lasts becomes a `Response` with an `error`: counted apart, never a score.
* 402 means that the quota is used up: `SKIPPED`, out of the denominator; many in a row end it all.
* 401 and 403 before any answer, or MOST_REFUSALS in a row, and a server that is gone stop the
  run: EndpointError; one of several addresses is left out. A single 403 (a firewall that dislikes
  one text) is its sample's error.

Seen with `swift deploy` of ms-swift 4.6.0, and coped with here: the markup of a tool call stays in
`content` beside `tool_calls`; `finish_reason` is 'stop'; `model` in the answer is not the name that
was asked for (nobody reads it); one bad request fails its whole batch with a 400, so that a 400 may
be innocent: `Client.ask` marks it, and the runner asks it once more, alone.
"""

import time
from typing import NamedTuple

from swiftkit.client.completion import BadBodyError, read_completion
from swiftkit.client.concurrency import ConcurrencyLimit
from swiftkit.client.connection import Connection
from swiftkit.client.handshake import REFUSED, get_models, model_names, shake_hands
from swiftkit.client.hide_key import hide_key, hide_key_in_answer
from swiftkit.client.retry import Exchange, wait_before
from swiftkit.client.urls import base_url
from swiftkit.errors import EndpointError
from swiftkit.json_text import decode_or_none
from swiftkit.records import SKIPPED, Response
from swiftkit.terminal import say, shorten

_ERROR_BYTES = 10_000  # of an error's body are looked at
BAD_REQUEST = "HTTP 400"  # how the error begins that is asked again, alone
MOST_REFUSALS = 8  # 401 and 403 in a row of one address: its key is no longer good


class Endpoint(NamedTuple):
    """The addresses of a model and the manner of asking it.

    `timeout` and `first_wait` (the first back-off) are in seconds; a `concurrency` of 0 is adaptive
    (client/concurrency.py); `more` are further addresses of the same model.
    """

    url: str
    key: str = "EMPTY"
    timeout: float = 300.0
    concurrency: int = 16
    first_wait: float = 0.5
    more: tuple[str, ...] = ()
    stream: bool = False
    key_name: str = "OPENAI_API_KEY"  # the variable that held the key

    @property
    def urls(self) -> list[str]:
        """The base URLs, each once."""
        return list(dict.fromkeys(base_url(url) for url in (self.url, *self.more)))


class Client:
    """Open connections to an endpoint; use it in `async with`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.limit = ConcurrencyLimit(endpoint.concurrency)
        self._endpoint = endpoint
        key, timeout, key_name = endpoint.key, endpoint.timeout, endpoint.key_name
        self._all = [Connection(url, key, timeout, key_name) for url in endpoint.urls]
        self._usable = list(self._all)
        self._stopped = ""  # why nothing is asked any more
        self._payments_required = 0  # HTTP 402 in a row

    @property
    def is_quota_used_up(self) -> bool:
        """True after so many 402 in a row that no other answer is to be expected."""
        return self._payments_required >= max(16, self._endpoint.concurrency)

    async def __aenter__(self) -> "Client":
        for connection in self._all:
            connection.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._all:
            await connection.close()

    async def ask(self, body: bytes, sample_id: str, trial: int = 0) -> Response:
        """Send one chat-completions body (JSON bytes).

        Returns a Response, with an error if need be. Raises EndpointError where none can work.
        Like `handshake` it takes 401 and 403 as a refused key until the address has answered once.
        """
        attempt = 0
        connection: Connection | None = None
        while True:
            if self._stopped:
                raise EndpointError(self._stopped)
            last = connection  # another is asked, if there is one
            connection = min(self._usable, key=lambda each: (each is last, each.in_flight))
            if self.limit.is_adaptive:
                await self.limit.enter()
            start = time.perf_counter()
            try:
                exchange = await connection.ask(body)
            finally:
                if self.limit.is_adaptive:
                    self.limit.leave()
            self.limit.count(exchange.status)
            if exchange.status == 200:
                times = time.perf_counter() - start, exchange.first_token
                answer = hide_key_in_answer(exchange.body, self._endpoint.key)
                try:
                    response = read_completion(answer, sample_id, trial, *times)
                except BadBodyError as bad:
                    exchange = exchange._replace(error=f"HTTP 200, but {bad}")
                else:
                    self._payments_required = 0
                    connection.has_answered, connection.refusals = True, 0
                    return response
            error = self._describe(connection, exchange)
            wait = wait_before(exchange, attempt, self._endpoint.first_wait)
            if wait is None:
                return Response(sample_id, trial, error=error)
            await connection.wait(exchange, wait)
            attempt += 1

    async def served_models(self) -> list[str] | None:
        """Return the first address's models; None without such a page. Raises EndpointError."""
        first_wait = self._endpoint.first_wait
        return model_names(await get_models(self._all[0], self._describe, first_wait))

    async def handshake(self, model: str | None) -> str:
        """Return the model to ask, after one token was asked of it at each address.

        Of several addresses, unusable ones are left out. Raises EndpointError where none is left.
        """
        errors: list[EndpointError] = []
        usable: list[Connection] = []
        for connection in self._all:
            try:
                first_wait = self._endpoint.first_wait
                model = await shake_hands(connection, model, self._describe, first_wait)
                connection.has_answered = True
                usable.append(connection)
            except EndpointError as error:
                errors.append(error)
        if not usable:
            raise errors[0]
        for reason in errors:
            say(f"left out: {reason}")
        self._usable, self._stopped = usable, ""
        return str(model)

    def _describe(self, connection: Connection, exchange: Exchange) -> str:
        """Return the error of an exchange in one line, without the key.

        Raises EndpointError once no address can be used; one that is gone is left out.
        """
        error = describe_fault(exchange, self._endpoint.key)
        if exchange.error:
            self._leave_out_if_gone(connection, error)
            return error
        if exchange.status == 402:
            self._payments_required += 1
            return f"{SKIPPED}{error}"
        self._payments_required = 0
        if exchange.status in REFUSED:
            reason = refused_key(connection, error)
            if not connection.has_answered:
                self._stopped = reason
                raise EndpointError(reason)
            connection.refusals += 1
            if connection.refusals >= MOST_REFUSALS:
                self._leave_out(connection, f"{MOST_REFUSALS} requests in a row: {reason}")
        return error

    def _leave_out_if_gone(self, connection: Connection, error: str) -> None:
        """Leave out an address after 8 requests in a row without any answer. The last one is gone
        when every worker has had no answer four times running, with its waits."""
        has_others = len(self._usable) > 1
        most_silent = 8 if has_others else max(16, 4 * self.limit.allowed)
        if connection.silent >= most_silent:
            failed = f"{connection.silent} requests in a row failed: {error}"
            self._leave_out(connection, f"{connection.url} is gone: {failed}")

    def _leave_out(self, connection: Connection, reason: str) -> None:
        """Ask this address no more. Raises EndpointError where it is the last."""
        if connection not in self._usable:
            return
        if len(self._usable) > 1:
            self._usable.remove(connection)
            say(f"left out: {reason}")
        else:
            self._stopped = reason
            raise EndpointError(reason)


def describe_fault(exchange: Exchange, key: str) -> str:
    """Return the error of an exchange in one line, without the key: some servers repeat it."""
    if exchange.error:
        return hide_key(exchange.error, key)
    message = decode_or_none(exchange.body)
    if message is None:
        message = exchange.body[:_ERROR_BYTES].decode("utf-8", "replace")
    for field in ("error", "message", "detail"):
        if isinstance(message, dict) and field in message:
            message = message[field]
    text = shorten(hide_key(str(message)[:_ERROR_BYTES], key), 300)
    return f"HTTP {exchange.status}: {text or '(empty body)'}{exchange.remark}"


def refused_key(connection: Connection, error: str) -> str:
    """Return the message for an address that answered 401 or 403."""
    fix = f"set {connection.key_name} in the environment"
    return f"{connection.url} refused the key: {error} ({fix})"
