"""The proxy that the environment names for an address, and what is said of it where it may matter.

HTTPS_PROXY or HTTP_PROXY by the address's scheme, else ALL_PROXY, but for the hosts of NO_PROXY; in
small letters too. We look ourselves, once: aiohttp knows no ALL_PROXY, drops what it cannot speak,
and with the proxies it takes logins of ~/.netrc, which no request with a key can have.
"""

import os
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from swiftkit.errors import UsageError


class Proxy(NamedTuple):
    """`url` may hold a login and is never shown; `variable` is the setting that it comes from."""

    variable: str
    url: str
    host: str  # of the endpoint

    @property
    def shown(self) -> str:
        return f"{self.variable}={_without_login(self.url)}"

    @property
    def note(self) -> str:
        """Return which proxy was asked, and how to do without."""
        return f" (through the proxy {self.shown}; NO_PROXY={self.host} asks without it)"

    def refusal(self, status: int, text: str) -> str:
        """Return the error where the proxy does not connect."""
        error = f"the proxy answers HTTP {status} {text}".rstrip()
        return f"{error}{_LOGIN if status == 407 else ''}{self.note}"

    def remark(self, status: int, is_page: bool) -> str:
        """Return what to say of an answer that may be the proxy's own, of plain HTTP."""
        if status == 407:
            return f", from the proxy{_LOGIN}{self.note}"
        if status in (502, 503, 504) and is_page:
            return f", perhaps from the proxy{self.note}"
        return ""


_LOGIN = ": it wants a login, USER:PASSWORD@ before its host"


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy to ask for an address. Raises UsageError for one that is not spoken."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    kind = parts.scheme if parts.scheme in proxies else "all"
    address = proxies.get(kind, "")
    if not address or proxy_bypass(parts.netloc):
        return None
    names = (f"{kind}_proxy", f"{kind}_proxy".upper())
    variable = next((name for name in names if os.environ.get(name)), names[1])
    if "://" not in address:
        address = f"http://{address}"
    proxy = Proxy(variable, address, host)
    if urlsplit(address).scheme not in ("http", "https"):
        setting = f"{parts.scheme.upper()}_PROXY"
        fix = f"name an http:// proxy in {setting}, or ask without: NO_PROXY={host}"
        raise UsageError(f"{proxy.shown}: only http:// and https:// proxies are spoken ({fix})")
    return proxy


def _without_login(address: str) -> str:
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}".rstrip("/")
