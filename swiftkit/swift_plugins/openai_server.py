"""`swift deploy` as a server that OpenAI's clients can use: requests, answers, streams and errors
in the API's form.

    swift deploy --external_plugins swiftkit/swift_plugins/openai_server.py ...

ms-swift 4.6.0 fails on a message without content, leaves a call's markup in the text, ends with
finish_reason `stop`, passes over what it does not know, and breaks a stream at an error
(docs/serving.md has the list). So the route /v1/chat/completions is ours; what is generated, and in
what batches, stays ms-swift's. The form itself is swiftkit/serving, which knows no server.

swift puts this file's folder on sys.path and imports it by its stem: absolute imports only.
"""

import asyncio
import contextlib
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

import msgspec
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException
from swift.infer_engine import AdapterRequest
from swift.infer_engine.protocol import ChatCompletionRequest
from swift.pipelines.infer.deploy import SwiftDeploy
from swift.template import MaxLengthError
from swift.utils import get_logger

from swiftkit.errors import SwiftkitError
from swiftkit.serving.choice import Choice
from swiftkit.serving.errors import RequestFault, body_of, error_body
from swiftkit.serving.request import Asked, Powers, read_request
from swiftkit.serving.response import DONE, Head, event, usage_of
from swiftkit.swift_plugins import openai_engine

_OPEN = ("/health", "/health/", "/ping")  # probes of a cluster have no key
_CLIENTS = (
    SwiftkitError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AssertionError,
    NotImplementedError,
)
logger = get_logger()

_register_app = SwiftDeploy._register_app
_lifespan = SwiftDeploy.lifespan
_get_infer_engine = SwiftDeploy.get_infer_engine


async def _chat(server: Any, request: Request) -> Response:
    """POST /v1/chat/completions"""
    asked = read_request(await request.body(), _powers(server))
    openai_engine.check_schema(server.infer_engine, asked)
    infer_request, config = ChatCompletionRequest(**asked.fields).parse()
    server._set_request_config(config)
    info = (
        {"infer_request": infer_request.to_printable()}
        if server.args.verbose or server.jsonl_writer
        else {}
    )
    with ExitStack() as media:  # files of a request are kept until it is answered
        media.enter_context(server._prepare_request_media(infer_request))
        questions = _questions(server, asked, infer_request, config)
        if not asked.stream:
            answers = await asyncio.gather(*questions)
            return _json(_completion(server, asked, answers, info))
        streams = [await question for question in questions]
        events = _events(server, asked, streams, info, media.pop_all())
        first = await anext(events)  # a request that is refused has no stream, but its own status
    return StreamingResponse(_rest(first, events), media_type="text/event-stream")


def _powers(server: Any) -> Powers:
    """What this server can do; it does not change while it runs."""
    if not hasattr(server, "swiftkit_powers"):
        engine, args = server.infer_engine, server.args
        server.swiftkit_powers = Powers(
            tuple(server._get_model_list()),
            args.infer_backend,
            engine.template._agent_template or "",
            bool(engine.model_meta.is_multimodal),
            args.max_logprobs,
            openai_engine.why_no_json(engine),
            engine.template.template_meta.non_thinking_prefix or "",
        )
    return server.swiftkit_powers  # type: ignore[no-any-return]


def _questions(server: Any, asked: Asked, infer_request: Any, config: Any) -> list[Awaitable[Any]]:
    """One to the engine for each choice: equal ones share a batch."""
    engine, options = server.infer_engine, dict(server.infer_kwargs)
    if path := server.args.adapter_mapping.get(asked.model):
        options["adapter_request"] = AdapterRequest(asked.model, path)
    configs = (openai_engine.config_of(engine, config, asked, index) for index in range(asked.n))
    return [
        openai_engine.ask(
            engine, infer_request, one, pre_infer_hook=openai_engine.hook(engine, asked), **options
        )
        for one in configs
    ]


def _completion(
    server: Any, asked: Asked, answers: list[Any], info: dict[str, Any]
) -> dict[str, Any]:
    choices = []
    for index, answer in enumerate(answers):
        server._post_process({"response": "", **info}, answer)  # counts tokens, and writes the log
        answer.choices[0].index = index
        choices.append(Choice(asked, _powers(server).wire).whole(answer.choices[0]))
    usage = usage_of(
        answers[0].usage.prompt_tokens, [answer.usage.completion_tokens for answer in answers]
    )
    made = Head(asked.model).completion(choices, usage)
    return (
        made | {"prompt_token_ids": ids}
        if (ids := answers[0].prompt_token_ids) is not None
        else made
    )


async def _events(
    server: Any, asked: Asked, streams: list[Any], info: dict[str, Any], media: ExitStack
) -> AsyncIterator[bytes]:
    """The server-sent events of a stream."""
    head, wire = Head(asked.model), _powers(server).wire
    choices = [Choice(asked, wire) for _ in streams]
    usages: dict[int, Any] = {}
    infos = [{"response": "", **info} for _ in streams]
    with media:
        async for index, answer in _merged(streams):
            server._post_process(infos[index], answer)
            if index not in usages:
                yield event(head.chunk(index, {"role": "assistant", "content": ""}))
            usages[index] = answer.usage
            for chunk in choices[index].chunks(answer.choices[0], head, index):
                yield event(chunk)
        if asked.include_usage:
            counts = [usage.completion_tokens for usage in usages.values()]
            yield event(head.usage_chunk(usage_of(usages[0].prompt_tokens, counts)))
        yield DONE


async def _merged(streams: list[Any]) -> AsyncIterator[tuple[int, Any]]:
    """(which stream, its next chunk), as they come."""
    if len(streams) == 1:
        async for answer in streams[0]:
            yield 0, answer
        return
    waiting = {asyncio.ensure_future(anext(stream)): index for index, stream in enumerate(streams)}
    try:
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                index = waiting.pop(task)
                with contextlib.suppress(StopAsyncIteration):
                    yield index, task.result()
                    waiting[asyncio.ensure_future(anext(streams[index]))] = index
    finally:
        for task in waiting:
            task.cancel()


async def _rest(first: bytes, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The stream with its first event put back; an error in its middle is told in its own event."""
    yield first
    try:
        async for one in events:
            yield one
    except Exception as error:
        yield event(body_of(_fault(error)))
        yield DONE


def _fault(error: Exception) -> RequestFault:
    """What the client is told: of a request that cannot be encoded, the reason; our own mistakes
    are in the log."""
    if isinstance(error, RequestFault):
        return error
    said = str(error) if not isinstance(error, KeyError) else f"{error} is missing"
    if isinstance(error, MaxLengthError):
        return RequestFault(f"too many tokens: {said}", "messages", code="context_length_exceeded")
    if isinstance(error, _CLIENTS) or openai_engine.is_clients(error):
        return RequestFault(said or type(error).__name__)
    logger.error("a request failed", exc_info=error)
    return RequestFault(f"the server failed: {type(error).__name__}: {said}", status=500)


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _refuse(error: Exception) -> Response:
    fault = _fault(error)
    return _json(body_of(fault), fault.status)


def _refuse_route(error: Any) -> Response:
    """What the framework refuses itself: an unknown path, or a body of another route that has the
    wrong shape."""
    if isinstance(error, RequestValidationError):
        return _json(error_body(str(error.errors()[0].get("msg", error)), 400), 400)
    return _json(error_body(str(error.detail), error.status_code), error.status_code)


def _register(server: Any) -> None:
    """swift's routes, with ours before them."""

    async def chat(request: Request) -> Response:
        try:
            return await _chat(server, request)
        except Exception as error:
            return _refuse(error)

    async def model(name: str) -> Response:
        listed = await server.get_available_models()
        found = [one for one in listed.data if one.id == name]
        return (
            _json(asdict(found[0]))
            if found
            else _refuse(RequestFault(f"no model {name!r}", "model", 404))
        )

    async def refuse(_: Request, error: Exception) -> Response:
        return _refuse_route(error)

    # reward models and the like are asked as swift does it
    if server.infer_engine.task_type == "causal_lm":
        server.app.post("/v1/chat/completions")(chat)
        openai_engine.prepare(server.infer_engine)
    server.app.get("/v1/models/{name:path}")(model)
    for kind in (HTTPException, RequestValidationError):
        server.app.exception_handler(kind)(refuse)
    _register_app(server)


class _KeyCheck:
    """ASGI: 401 for whoever lacks the key. swift's own middleware says 400, and costs a task for
    each request."""

    def __init__(self, app: Callable[..., Awaitable[None]], key: str) -> None:
        self._app, self._expected = app, f"Bearer {key}".encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        given = dict(scope.get("headers") or ()).get(b"authorization", b"")
        is_open = scope["type"] != "http" or scope["path"] in _OPEN
        if is_open or secrets.compare_digest(given, self._expected):
            await self._app(scope, receive, send)
            return
        said = (
            "Incorrect API key provided"
            if given
            else "No API key was provided: send Authorization: Bearer KEY"
        )
        refusal = _json(error_body(said, 401, code="invalid_api_key"), 401)
        await refusal(scope, receive, send)


def _check_keys(server: Any) -> None:
    if server.args.api_key:
        server.app.add_middleware(_KeyCheck, key=server.args.api_key)


def _error_response(status: int, message: str) -> JSONResponse:
    """For swift's other routes."""
    return JSONResponse(error_body(message, int(status)), int(status))


def _engine(args: Any, template: Any = None, **kwargs: Any) -> Any:
    if args.infer_backend == "vllm":
        # Ended by the signal itself, a server that is still loading leaves vLLM's own process
        # behind.
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
        kwargs["engine_kwargs"] = openai_engine.engine_options(kwargs.get("engine_kwargs") or {})
    return _get_infer_engine(args, template, **kwargs)


def _live(server: Any, app: Any) -> Any:
    """While the server runs; behind it nothing of the engine's stays."""
    yield from _lifespan(server, app)
    openai_engine.end(server.infer_engine)


SwiftDeploy._register_app = _register
SwiftDeploy._install_auth_middleware = _check_keys
SwiftDeploy.create_error_response = staticmethod(_error_response)
SwiftDeploy.lifespan = _live
SwiftDeploy.get_infer_engine = staticmethod(_engine)
