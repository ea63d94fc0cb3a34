"""The address of an endpoint: what people type, and what they mean by it."""

import ipaddress
from urllib.parse import urlsplit

from swiftkit.errors import UsageError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PAGES = ("/chat/completions", "/completions", "/chat", "/models", "/responses", "/embeddings")


def base_url(typed: str) -> str:
    """The base URL that a person means: a scheme is added, the page cut off, `/v1` added to a bare
    host. Raises UsageError."""
    text = typed.strip()
    url = (text if "://" in text else f"{_scheme(text)}://{text}").rstrip("/")
    for page in _PAGES:
        url = url.removesuffix(page).rstrip("/")
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError where it is no number
    except ValueError as error:
        raise UsageError(
            f"--base-url is no web address: {error} (example: http://127.0.0.1:8000/v1)"
        ) from error
    if parts.username or parts.query:
        raise UsageError(
            "--base-url holds a name, a key or a query (give the key as OPENAI_API_KEY in the environment)"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in url:
        raise UsageError(
            f"--base-url {typed!r} is no web address (example: http://127.0.0.1:8000/v1)"
        )
    return url if parts.path.strip("/") else f"{url}/v1"


def other_form(url: str) -> str:
    """The same address with `/v1` at its end, or without: what to try where the one is not
    found."""
    return url.removesuffix("/v1") if url.endswith("/v1") else f"{url}/v1"


def is_here(url: str) -> bool:
    """Whether it is this machine's own server."""
    return urlsplit(url).hostname in LOOPBACK


def same_places(one: str, other: str) -> bool:
    """Whether two lists of addresses, joined by commas, share one; a server on this machine may
    come back at another port."""
    return bool(_places(one) & _places(other))


def _places(urls: str) -> set[str]:
    return {urlsplit(url).path if is_here(url) else url for url in urls.split(",")}


def _scheme(text: str) -> str:
    """A name such as api.example.com is meant with https: the key must not travel in clear. A port,
    an IP address or a short name is a server of one's own."""
    host = urlsplit(f"//{text}").netloc
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return "https" if "." in host and ":" not in host else "http"
    return "http"
