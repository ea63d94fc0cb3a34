"""One address of an endpoint: HTTP exchanges with it, each of which ends in an Answer, whatever
happens."""

import ssl
import time
from urllib.parse import urlsplit

import aiohttp

from swiftkit import __version__
from swiftkit.client.retry import Answer, retry_after
from swiftkit.client.stream import read_stream
from swiftkit.client.urls import is_here
from swiftkit.errors import UsageError


class Host:
    """`silent` counts the exchanges in a row without any answer; `refused` says why nobody listens
    there."""

    def __init__(self, url: str, key: str, timeout: float) -> None:
        self.url = url
        self.in_flight = self.silent = 0
        self.refused = ""
        self._key, self._timeout = key, timeout
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        if any(ord(character) < 33 for character in self._key):
            raise UsageError(
                "OPENAI_API_KEY holds a space or a line break in its middle (give the key alone)"
            )
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
            trust_env=not is_here(self.url),
        )

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    async def ask(self, body: bytes, stream: bool = False) -> Answer:
        """POST `body` to /chat/completions."""
        return await self._exchange(
            "POST", f"{self.url}/chat/completions", body, self._timeout, stream
        )

    async def list_models(self, timeout: float) -> Answer:
        return await self._exchange(
            "GET", f"{self.url}/models", None, min(timeout, self._timeout), False
        )

    async def _exchange(
        self, method: str, url: str, body: bytes | None, timeout: float, stream: bool
    ) -> Answer:
        self.in_flight += 1
        try:
            return await self._answer(method, url, body, timeout, stream)
        except TimeoutError:
            return self._silence(f"no answer within {timeout:g} s")
        except aiohttp.ClientConnectorError as fault:
            self.refused = _why_not_connected(fault, self.url)
            return self._silence(self.refused)
        except (aiohttp.ClientError, ConnectionError) as fault:
            return self._silence(f"connection broke: {fault or type(fault).__name__}")
        finally:
            self.in_flight -= 1

    async def _answer(
        self, method: str, url: str, body: bytes | None, timeout: float, stream: bool
    ) -> Answer:
        assert self._session, "use it in `async with`"  # noqa: S101
        limit = aiohttp.ClientTimeout(total=timeout)
        start = time.perf_counter()
        # A redirect would take the key elsewhere, and turn POST into GET.
        async with self._session.request(
            method,
            url,
            data=body,
            timeout=limit,
            allow_redirects=False,
            max_line_size=65536,
            max_field_size=65536,
        ) as response:
            if stream and response.status == 200 and response.content_type == "text/event-stream":
                content, first_token = await read_stream(response.content, start)
            else:
                content, first_token = await response.read(), 0.0
            self.silent, self.refused = 0, ""
            if 300 <= response.status < 400:
                content = f"redirects to {response.headers.get('Location', 'nowhere')}".encode()
            return Answer(
                response.status,
                content,
                "",
                retry_after(response.headers.get("Retry-After")),
                first_token,
            )

    def _silence(self, fault: str) -> Answer:
        self.silent += 1
        return Answer(0, error=fault)


def _why_not_connected(fault: aiohttp.ClientConnectorError, url: str) -> str:
    if isinstance(fault, aiohttp.ClientConnectorCertificateError):
        return f"its TLS certificate is not trusted: {fault.certificate_error}"
    if isinstance(fault, ssl.SSLError) or "SSL" in str(fault):
        return (
            f"no TLS connection: {fault.strerror or fault} (is it http://{urlsplit(url).netloc}?)"
        )
    return f"no connection: {fault.strerror or fault}"
