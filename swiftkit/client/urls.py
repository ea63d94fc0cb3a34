"""Base URLs of endpoints: the forms that people type, and which of them mean the same place."""

import ipaddress
import re
from urllib.parse import unquote, urlsplit

from swiftkit.errors import UsageError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_EXAMPLE = "example: http://127.0.0.1:8000/v1"
# a login, a query, a fragment, a value with a name; a key that is a part of the path is not seen
_SECRET = re.compile("[@?#=]")
_BLANK = re.compile(r"[\x00-\x20\x7f\s]")
_PAGES = ("/chat/completions", "/completions", "/chat", "/models", "/responses", "/embeddings")


def base_url(typed: str, setting: str = "--base-url") -> str:
    """Return the base URL that a person means, with a scheme and a path.

    Raises UsageError, which names the setting; what may be a secret is not shown.
    """
    url = typed.strip()
    if _SECRET.search(unquote(url)):
        fix = "give the address alone, and the key as OPENAI_API_KEY in the environment"
        if setting != "--base-url":
            fix = fix.replace("OPENAI_API_KEY", setting.replace("BASE_URL", "API_KEY"))
        raise UsageError(f"{setting} holds a name, a key or a query ({fix})")
    try:
        if "://" not in url:
            url = f"{_likely_scheme(url)}://{url}"
        url = url.rstrip("/")
        for page in _PAGES:
            url = url.removesuffix(page).rstrip("/")
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError where it is no number
    except ValueError as error:
        raise UsageError(f"{setting} is no web address: {error} ({_EXAMPLE})") from error
    is_address = parts.scheme in ("http", "https") and parts.hostname and parts.netloc[-1] != ":"
    if not is_address or _BLANK.search(url):
        raise UsageError(f"{setting} {typed!r} is no web address ({_EXAMPLE})")
    return url if parts.path.strip("/") else f"{url}/v1"


def other_form(url: str) -> str:
    """Return the same address with `/v1` at its end, or without: to try where one is not found."""
    return url.removesuffix("/v1") if url.endswith("/v1") else f"{url}/v1"


def is_local(url: str) -> bool:
    """Return whether it is this machine's own server."""
    return urlsplit(url).hostname in LOOPBACK


def same_places(urls: str, other_urls: str) -> bool:
    """Return whether two lists, joined by commas, share an address; a local port does not count."""
    return not _places(urls).isdisjoint(_places(other_urls))


def _places(urls: str) -> set[str]:
    places = set()
    for url in urls.split(","):
        places.add(urlsplit(url).path if is_local(url) else url)
    return places


def _likely_scheme(address: str) -> str:
    """Return https for a name such as api.example.com: the key must not travel in clear. A port, an
    IP address or a short name is the user's own server: http."""
    host = urlsplit(f"//{address}").netloc
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return "https" if "." in host and ":" not in host else "http"
    return "http"
