"""The first requests to an address: which models it serves, and whether it answers one question.

After a passing fault it is asked again. What is no API (a refused connection, a TLS fault, HTML, a
wrong path) ends it, once the other form of the address, with or without `/v1`, was tried.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from swiftkit.client.completion import BadBodyError, read_completion
from swiftkit.client.connection import Connection
from swiftkit.client.retry import Exchange, wait_before
from swiftkit.client.urls import other_form
from swiftkit.errors import EndpointError
from swiftkit.records import SKIPPED
from swiftkit.terminal import say

REFUSED = frozenset({401, 403})
_TIMEOUT = 10.0  # seconds for /models
_ATTEMPTS = 3  # for /models

# Returns the error of an exchange; raises EndpointError where the endpoint cannot be used at all.
Describe = Callable[[Connection, Exchange], str]


class ListedModel(msgspec.Struct):
    id: str
    owned_by: Any = None


class ModelList(msgspec.Struct):
    data: list[ListedModel]


async def shake_hands(
    connection: Connection, model: str | None, describe: Describe, first_wait: float
) -> str:
    """Return the model to ask, after one token was asked of it.

    Raises EndpointError with the reason and the next step.
    """
    listing = await get_models(connection, describe, first_wait, is_needed=model is None)
    served = model_names(listing) or await _try_models_at_other_form(connection)
    if model is None:
        if not served:
            reason = f"HTTP {listing.status}{listing.remark}"
            if listing.status == 200:
                reason = "it is a web page" if _is_html(listing) else "it is no list of models"
            fix = "correct --base-url, or give --model NAME"
            raise EndpointError(f"{connection.url}/models names no model: {reason} ({fix})")
        model = served[0]
    served_here = f" (served here: {', '.join(served)})" if served else ""
    if served and model not in served:
        raise EndpointError(f"{connection.url} does not serve {model!r}{served_here}")
    # a page that is no API is asked once; a gateway that keeps its list to itself is none such
    is_api = served is not None or listing.status in REFUSED
    error = await _ping(connection, model, describe, first_wait if is_api else None)
    if error.startswith("HTTP 404") and not served:
        first, connection.url = connection.url, other_form(connection.url)
        if await _ping(connection, model, describe, None):
            connection.url = first
        else:
            error = ""
            say(f"note: {first} has no /chat/completions, but {connection.url} has: that is asked")
    if error and not error.startswith(SKIPPED):
        hint = served_here or " (check --base-url, which often ends in /v1, and --model)"
        if "api key" in error.lower():  # swift deploy says it with a 400
            hint = " (set OPENAI_API_KEY in the environment)"
        raise EndpointError(f"{connection.url} refused a first request to {model!r}: {error}{hint}")
    return model


async def get_models(
    connection: Connection, describe: Describe, first_wait: float, is_needed: bool = True
) -> Exchange:
    """Return the exchange that asked for /models. Raises EndpointError where nobody answers.

    Where a model is named, nobody needs the list: then a page that is closed, or does not come, is
    no reason to stop.
    """
    for attempt in range(_ATTEMPTS):
        exchange = await connection.list_models(_TIMEOUT)
        wait = wait_before(exchange, attempt, first_wait / 2)
        is_page = exchange.status == 200 and _is_html(exchange)
        if wait is None or connection.refused or is_page or model_names(exchange) is not None:
            break
        await connection.wait(exchange, min(wait, _TIMEOUT))
    if exchange.status == 0 and (is_needed or connection.refused):
        fix = "start the server, for example `bash recipes/deploy.sh`, or correct --base-url"
        error = describe(connection, exchange)
        raise EndpointError(f"{connection.url} cannot be reached: {error} ({fix})")
    if exchange.status in REFUSED and is_needed:
        try:
            describe(connection, exchange)
        except EndpointError as error:
            fix = "if only the list of models is closed, give --model NAME"
            raise EndpointError(f"{error}; {fix}") from None
    if 300 <= exchange.status < 400:
        redirect = describe(connection, exchange)
        raise EndpointError(f"{connection.url}/models: {redirect} (give that as --base-url)")
    return exchange


def model_names(exchange: Exchange) -> list[str] | None:
    """Return the names in a list of models; None for anything else."""
    models = listed_models(exchange)
    return None if models is None else [model.id for model in models]


def listed_models(exchange: Exchange) -> list[ListedModel] | None:
    """Return the list of models that an exchange brought; None for anything else."""
    if exchange.status != 200:
        return None
    try:
        return msgspec.json.decode(exchange.body, type=ModelList).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _is_html(exchange: Exchange) -> bool:
    return exchange.body.lstrip()[:1] == b"<"


async def _ping(
    connection: Connection, model: str, describe: Describe, first_wait: float | None
) -> str:
    """Return the error of asking for one token, or ""; without `first_wait` ask only once."""
    messages = [{"role": "user", "content": "ping"}]
    body = msgspec.json.encode({"model": model, "messages": messages, "max_tokens": 1})
    attempt = 0
    while True:
        exchange = await connection.ask(body)
        if exchange.status == 200:
            try:
                read_completion(exchange.body, "ping", 0)
            except BadBodyError as bad:
                exchange = exchange._replace(error=f"HTTP 200, but {bad}")
            else:
                return ""
        error = describe(connection, exchange)
        if first_wait is None or connection.refused:
            return error
        wait = wait_before(exchange, attempt, first_wait)
        if wait is None:
            return error
        await connection.wait(exchange, wait)
        attempt += 1


async def _try_models_at_other_form(connection: Connection) -> list[str] | None:
    """Return the models under the other form of the address, which the connection then keeps."""
    first, connection.url = connection.url, other_form(connection.url)
    served = model_names(await connection.list_models(_TIMEOUT))
    if served is None:
        connection.url = first
    else:
        say(f"note: {first} has no /models, but {connection.url} has: that is asked")
    return served
