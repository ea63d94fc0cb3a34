"""The first requests to an address: which models it serves, and whether it answers one question;
else the reason, fast.

A passing fault is asked again. What is no API (a refused connection, a TLS fault, a page of HTML, a
wrong path) ends it at once, after the other form of the address, with or without `/v1`, was tried
too.
"""

import asyncio
from collections.abc import Callable

import msgspec

from swiftkit.client.completion import BadBodyError, read_completion
from swiftkit.client.connection import Host
from swiftkit.client.retry import Answer, wait_before
from swiftkit.client.urls import other_form
from swiftkit.errors import EndpointError
from swiftkit.records import SKIPPED
from swiftkit.terminal import say

REFUSED = frozenset({401, 403})
_TIMEOUT = 10.0  # seconds for /models
_ATTEMPTS = 3  # for /models

# the error of an exchange; raises EndpointError where all is in vain
Describe = Callable[[Host, Answer], str]


async def probe(host: Host, model: str | None, describe: Describe, first_wait: float) -> str:
    """The model to ask, after one token was asked of it; raises EndpointError with the reason and
    the next step."""
    listed = await _listing(host, describe, first_wait)
    served = _names(listed) or await _elsewhere(host)
    if model is None:
        if not served:
            why = f"{host.url}/models names no model: {_why_no_names(listed)}"
            raise EndpointError(f"{why} (correct --base-url, or give --model NAME)")
        model = served[0]
    listing = f" (served here: {', '.join(served)})" if served else ""
    if served and model not in served:
        raise EndpointError(f"{host.url} does not serve {model!r}{listing}")
    error = await _ping(host, model, describe, first_wait if served else None)
    if error.startswith("HTTP 404") and not served and await _ping_elsewhere(host, model, describe):
        error = ""
    if error and not error.startswith(SKIPPED):
        hint = listing or " (check --base-url, which often ends in /v1, and --model)"
        if "api key" in error.lower():  # swift deploy says it with a 400
            hint = " (set OPENAI_API_KEY in the environment)"
        raise EndpointError(f"{host.url} refused a first request to {model!r}: {error}{hint}")
    return model


async def list_models(host: Host, describe: Describe, first_wait: float) -> list[str] | None:
    """The names in /models; None where there is no such page. Raises EndpointError where nobody
    answers."""
    return _names(await _listing(host, describe, first_wait))


async def _listing(host: Host, describe: Describe, first_wait: float) -> Answer:
    for attempt in range(_ATTEMPTS):
        answer = await host.list_models(_TIMEOUT)
        wait = wait_before(answer, attempt, first_wait / 2)
        is_html = answer.body.lstrip()[:1] == b"<"
        if (
            _names(answer) is not None
            or host.refused
            or wait is None
            or (is_html and answer.status == 200)
        ):
            break
        await asyncio.sleep(min(wait, _TIMEOUT))
    if answer.status == 0:
        raise EndpointError(
            f"{host.url} cannot be reached: {answer.error} "
            "(start the server, for example `bash recipes/deploy.sh`, or correct --base-url)"
        )
    if answer.status in REFUSED:
        describe(host, answer)
    if 300 <= answer.status < 400:
        raise EndpointError(
            f"{host.url}/models {answer.body.decode('utf-8', 'replace')} (give that as --base-url)"
        )
    return answer


def _why_no_names(answer: Answer) -> str:
    if answer.status != 200:
        return f"HTTP {answer.status}"
    return "it is a web page" if answer.body.lstrip()[:1] == b"<" else "it is no list of models"


async def _ping(host: Host, model: str, describe: Describe, first_wait: float | None) -> str:
    """The error of asking for one token, or ""; without `first_wait` it is asked only once."""
    body = msgspec.json.encode(
        {"model": model, "messages": [{"role": "user", "content": "ping"}], "max_tokens": 1}
    )
    attempt = 0
    while True:
        answer = await host.ask(body)
        if answer.status == 200:
            try:
                read_completion(answer.body, "probe", 0, 0.0)
            except BadBodyError as bad:
                answer = answer._replace(error=f"HTTP 200, but {bad}")
            else:
                return ""
        error = describe(host, answer)
        wait = (
            None if host.refused or first_wait is None else wait_before(answer, attempt, first_wait)
        )
        if wait is None:
            return error
        await asyncio.sleep(wait)
        attempt += 1


async def _elsewhere(host: Host) -> list[str] | None:
    """The models under the other form of the address, which the host then keeps."""
    first, host.url = host.url, other_form(host.url)
    served = _names(await host.list_models(_TIMEOUT))
    if served is None:
        host.url = first
    else:
        say(f"note: {first} has no /models, but {host.url} has: that is asked")
    return served


async def _ping_elsewhere(host: Host, model: str, describe: Describe) -> bool:
    first, host.url = host.url, other_form(host.url)
    if await _ping(host, model, describe, None):
        host.url = first
        return False
    say(f"note: {first} has no /chat/completions, but {host.url} has: that is asked")
    return True


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


def _names(answer: Answer) -> list[str] | None:
    try:
        listed = msgspec.json.decode(answer.body, type=_Models) if answer.status == 200 else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return [model.id for model in listed.data] if listed else None
