"""HTTP with one address of an endpoint: each request ends in an Exchange, whatever happens."""

import asyncio
import ssl
import time
from functools import cache
from urllib.parse import urlsplit

import aiohttp

from swiftkit import __version__
from swiftkit.client.body import TooLargeError, read_body, read_error
from swiftkit.client.proxies import Proxy, proxy_for
from swiftkit.client.retry import Exchange, parse_retry_after, waiting_for
from swiftkit.client.stream import read_stream
from swiftkit.client.urls import is_local
from swiftkit.errors import UsageError
from swiftkit.terminal import say, shorten

_SAID_FROM = 5.0  # seconds; a shorter wait is no silence

# Until when a wait was said, by address: a judge is asked through a connection for each sample.
_said_until: dict[str, float] = {}


class Connection:
    """`silent` counts requests in a row without any answer; `refused` says why none connects.

    `refusals` counts 401 and 403 in a row, `has_answered` that the key was good once.
    """

    def __init__(
        self, url: str, key: str, timeout: float, key_name: str = "OPENAI_API_KEY"
    ) -> None:
        self.url, self.key_name = url, key_name
        self.in_flight = self.silent = self.refusals = 0
        self.has_answered = False
        self.refused = ""
        self._key, self._timeout = key, timeout
        self._session: aiohttp.ClientSession | None = None
        self._proxy: Proxy | None = None

    def open(self) -> None:
        if not all(32 < ord(character) < 127 for character in self._key):
            reason = "holds a space, a line break or a letter beyond ASCII in its middle"
            raise UsageError(f"{self.key_name} {reason} (give the key alone)")
        # a company's proxy cannot reach this machine's own server
        self._proxy = None if is_local(self.url) else proxy_for(self.url)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "Authorization": f"Bearer {self._key}",
                "Content-Type": "application/json",
                "User-Agent": f"swiftkit/{__version__}",
            },
        )

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    async def ask(self, body: bytes) -> Exchange:
        """POST `body` to /chat/completions."""
        url = f"{self.url}/chat/completions"
        return await self._exchange("POST", url, body, self._timeout)

    async def list_models(self, timeout: float) -> Exchange:
        """GET /models."""
        return await self.fetch(f"{self.url}/models", None, timeout)

    async def fetch(self, url: str, body: bytes | None, timeout: float) -> Exchange:
        """Ask any page of the same server: POST with a body (JSON), GET without one."""
        method = "GET" if body is None else "POST"
        return await self._exchange(method, url, body, min(timeout, self._timeout))

    async def wait(self, exchange: Exchange, seconds: float) -> None:
        """Wait before asking again after this exchange; of a long wait all workers say one line."""
        now = time.monotonic()
        if seconds >= _SAID_FROM and now >= _said_until.get(self.url, 0.0):
            _said_until[self.url] = now + seconds
            say(f"{self.url}: {waiting_for(exchange, seconds)}")
        await asyncio.sleep(seconds)

    async def _exchange(
        self, method: str, url: str, body: bytes | None, timeout: float
    ) -> Exchange:
        assert self._session, "use it in `async with`"  # noqa: S101
        self.in_flight += 1
        proxy, through = self._proxy, self._proxy.note if self._proxy else ""
        start = time.perf_counter()
        try:
            # A redirect would take the key elsewhere, and turn POST into GET.
            async with self._session.request(
                method,
                url,
                data=body,
                timeout=_limit(timeout),
                allow_redirects=False,
                proxy=proxy.url if proxy else None,
                max_line_size=65536,
                max_field_size=65536,
            ) as response:
                # "created" (201) is what some frameworks say to every POST
                status = 200 if response.status == 201 else response.status
                content, first_token = await _read(response, status, start)
        except TooLargeError as failure:
            return Exchange(0, error=str(failure))  # the server is there: it is not silent
        except TimeoutError:
            error = f"no answer within {timeout:g} s{through}"
        except aiohttp.ClientConnectorError as failure:
            error = self.refused = _connection_error(failure, self.url) + through
        except aiohttp.ClientHttpProxyError as failure:
            assert proxy  # noqa: S101
            error = proxy.refusal(failure.status, failure.message)
            self.refused = error if failure.status == 407 else ""
        except (aiohttp.ClientError, ConnectionError) as failure:
            reason = shorten(failure or type(failure).__name__, 300)
            error = f"connection broke: {reason}{through}"
        else:
            self.silent, self.refused = 0, ""
            if 300 <= status < 400:
                target = response.headers.get("Location", "nowhere")
                content = f"redirects to {target}".encode()
            retry_after = parse_retry_after(response.headers.get("Retry-After"))
            remark = proxy.remark(status, content.lstrip().startswith(b"<")) if proxy else ""
            return Exchange(status, content, "", retry_after, first_token, remark)
        finally:
            self.in_flight -= 1
        self.silent += 1
        return Exchange(0, error=error)


@cache  # it takes two microseconds, for each request
def _limit(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds)


async def _read(response: aiohttp.ClientResponse, status: int, start: float) -> tuple[bytes, float]:
    """Return the body, and the seconds from `start` to the first token of a stream, else 0."""
    if status != 200:
        return await read_error(response.content), 0.0
    if response.content_type == "text/event-stream":  # also where none was asked for
        return await read_stream(response.content, start)
    return await read_body(response.content), 0.0


def _connection_error(failure: aiohttp.ClientConnectorError, url: str) -> str:
    if isinstance(failure, aiohttp.ClientConnectorCertificateError):
        return f"its TLS certificate is not trusted: {failure.certificate_error}"
    reason = failure.strerror or failure
    if isinstance(failure, ssl.SSLError) or "SSL" in str(failure):
        return f"no TLS connection: {reason} (is it http://{urlsplit(url).netloc}?)"
    return f"no connection: {reason}"
