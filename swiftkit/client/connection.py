"""HTTP with one address of an endpoint: each request ends in an Exchange, whatever happens."""

import ssl
import time
from urllib.parse import urlsplit

import aiohttp

from swiftkit import __version__
from swiftkit.client.body import TooLargeError, read_body, read_error
from swiftkit.client.retry import Exchange, parse_retry_after
from swiftkit.client.stream import read_stream
from swiftkit.client.urls import is_local
from swiftkit.errors import UsageError
from swiftkit.terminal import shorten


class Connection:
    """`silent` counts requests in a row without any answer; `refused` says why none connects.

    `refusals` counts 401 and 403 in a row, `has_answered` that the key was good once.
    """

    def __init__(self, url: str, key: str, timeout: float) -> None:
        self.url = url
        self.in_flight = self.silent = self.refusals = 0
        self.has_answered = False
        self.refused = ""
        self._key, self._timeout = key, timeout
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        if any(ord(character) < 33 for character in self._key):
            fix = "give the key alone"
            raise UsageError(f"OPENAI_API_KEY holds a space or a line break in its middle ({fix})")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "Authorization": f"Bearer {self._key}",
                "Content-Type": "application/json",
                "User-Agent": f"swiftkit/{__version__}",
            },
            # a company's proxy cannot reach this machine's own server
            trust_env=not is_local(self.url),
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

    async def _exchange(
        self, method: str, url: str, body: bytes | None, timeout: float
    ) -> Exchange:
        assert self._session, "use it in `async with`"  # noqa: S101
        self.in_flight += 1
        start = time.perf_counter()
        try:
            # A redirect would take the key elsewhere, and turn POST into GET.
            async with self._session.request(
                method,
                url,
                data=body,
                timeout=aiohttp.ClientTimeout(total=timeout),
                allow_redirects=False,
                max_line_size=65536,
                max_field_size=65536,
            ) as response:
                status, headers, first_token = response.status, response.headers, 0.0
                if status == 201:  # "created": what some frameworks say to every POST
                    status = 200
                if status != 200:
                    content = await read_error(response.content)
                elif response.content_type == "text/event-stream":  # also where none was asked for
                    content, first_token = await read_stream(response.content, start)
                else:
                    content = await read_body(response.content)
        except TooLargeError as failure:
            return Exchange(0, error=str(failure))  # the server is there: it is not silent
        except TimeoutError:
            error = f"no answer within {timeout:g} s"
        except aiohttp.ClientConnectorError as failure:
            error = self.refused = _connection_error(failure, self.url)
        except (aiohttp.ClientError, ConnectionError) as failure:
            error = f"connection broke: {shorten(failure or type(failure).__name__, 300)}"
        else:
            self.silent, self.refused = 0, ""
            if 300 <= status < 400:
                content = f"redirects to {headers.get('Location', 'nowhere')}".encode()
            retry_after = parse_retry_after(headers.get("Retry-After"))
            return Exchange(status, content, "", retry_after, first_token)
        finally:
            self.in_flight -= 1
        self.silent += 1
        return Exchange(0, error=error)


def _connection_error(failure: aiohttp.ClientConnectorError, url: str) -> str:
    if isinstance(failure, aiohttp.ClientConnectorCertificateError):
        return f"its TLS certificate is not trusted: {failure.certificate_error}"
    reason = failure.strerror or failure
    if isinstance(failure, ssl.SSLError) or "SSL" in str(failure):
        return f"no TLS connection: {reason} (is it http://{urlsplit(url).netloc}?)"
    return f"no connection: {reason}"
