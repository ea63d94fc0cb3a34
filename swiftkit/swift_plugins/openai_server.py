"""`swift deploy` as a server that OpenAI's clients can use: requests, answers, streams and errors
in the API's form.

    swift deploy --external_plugins swiftkit/swift_plugins/openai_server.py ...

ms-swift 4.6.0 fails on a message without content, leaves a call's markup in the text, ends with
finish_reason `stop`, passes over what it does not know, and breaks a stream at an error
(docs/serving.md lists these, and each method that is patched). So the route /v1/chat/completions is
ours; what is generated, and in what batches, stays ms-swift's. The form itself is swiftkit/serving,
which knows no server.

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
from swiftkit.serving.choice import AnswerChoice
from swiftkit.serving.errors import RequestError, error_body
from swiftkit.serving.messages import fold_reasoning
from swiftkit.serving.request import ChatRequest, ServerFeatures, read_request
from swiftkit.serving.response import DONE, ResponseHead, event, usage_of
from swiftkit.swift_plugins import openai_engine

_OPEN = ("/health", "/health/", "/ping")  # probes of a cluster have no key
# What ms-swift raises for a request that it cannot encode
_CLIENT_ERRORS = (
    SwiftkitError, ValueError, TypeError, KeyError, IndexError, AssertionError,
    NotImplementedError,
)  # fmt: skip
logger = get_logger()

_register_app = SwiftDeploy._register_app
_lifespan = SwiftDeploy.lifespan
_get_infer_engine = SwiftDeploy.get_infer_engine


async def _chat(server: Any, http_request: Request) -> Response:
    """POST /v1/chat/completions"""
    engine = server.infer_engine
    request = read_request(await http_request.body(), _features(server))
    openai_engine.check_schema(engine, request)
    fields = _with_earlier_reasoning(request.fields, engine.template)
    infer_request, config = ChatCompletionRequest(**fields).parse()
    server._set_request_config(config)
    log = {"response": ""}
    if server.args.verbose or server.jsonl_writer:
        log["infer_request"] = infer_request.to_printable()
    with ExitStack() as media:  # files of a request are kept until it is answered
        media.enter_context(server._prepare_request_media(infer_request))
        options = server.infer_kwargs | {"pre_infer_hook": openai_engine.hook(engine, request)}
        path = server.args.adapter_mapping.get(request.model)
        if path:
            options["adapter_request"] = AdapterRequest(request.model, path)
        questions = []  # one for each choice; equal ones share a batch
        for index in range(request.n):
            choice_config = openai_engine.choice_config(engine, config, request, index)
            questions.append(openai_engine.ask(engine, infer_request, choice_config, **options))
        if not request.stream:
            return _json(_completion(server, request, await asyncio.gather(*questions), log))
        streams = [await question for question in questions]
        events = _events(server, request, streams, log, media.pop_all())
        first = await anext(events)  # a request that is refused has no stream, but its own status
    return StreamingResponse(_with_first(first, events), media_type="text/event-stream")


def _features(server: Any) -> ServerFeatures:
    """Return the server's features, which do not change while it runs."""
    if not hasattr(server, "swiftkit_features"):
        engine, args = server.infer_engine, server.args
        server.swiftkit_features = ServerFeatures(
            models=tuple(server._get_model_list()),
            backend=args.infer_backend,
            wire=engine.template._agent_template or "",
            reads_media=bool(engine.model_meta.is_multimodal),
            max_logprobs=args.max_logprobs,
            no_json=openai_engine.why_no_json(engine),
            no_thinking=_no_thinking(engine.template),
        )
    return server.swiftkit_features  # type: ignore[no-any-return]


def _no_thinking(template: Any) -> str:
    """Return what an answer without reasoning begins with, unless the prompt ends with it."""
    if getattr(template, "is_rendered_natively", False):
        return ""
    return template.template_meta.non_thinking_prefix or ""


def _with_earlier_reasoning(fields: dict[str, Any], template: Any) -> dict[str, Any]:
    """Return a request whose template reads the reasoning of earlier answers as in training.

    swift's own templates read it in the text; they keep all of it in training, and when they serve
    drop what stands before a tool's result. gpt-oss's and the model's own (--template_backend
    jinja) read it from the message.
    """
    if template.template_backend != "swift" or template._agent_template == "harmony":
        return fields
    options = fields["chat_template_kwargs"]
    if template.preserve_thinking is None:
        options = {"preserve_thinking": True, **options}
    messages = fold_reasoning(fields["messages"])
    return fields | {"messages": messages, "chat_template_kwargs": options}


def _completion(
    server: Any, request: ChatRequest, answers: list[Any], log: dict[str, Any]
) -> dict[str, Any]:
    choices = []
    for index, answer in enumerate(answers):
        server._post_process(dict(log), answer)  # counts tokens, and writes the log
        answer.choices[0].index = index
        choice = AnswerChoice(request, _features(server).wire)
        choices.append(choice.complete(answer.choices[0]))
    counts = [answer.usage.completion_tokens for answer in answers]
    usage = usage_of(answers[0].usage.prompt_tokens, counts)
    completion = ResponseHead(request.model).completion(choices, usage)
    if answers[0].prompt_token_ids is not None:
        completion["prompt_token_ids"] = answers[0].prompt_token_ids
    return completion


async def _events(
    server: Any, request: ChatRequest, streams: list[Any], log: dict[str, Any], media: ExitStack
) -> AsyncIterator[bytes]:
    """Yield the server-sent events of a stream."""
    head, wire = ResponseHead(request.model), _features(server).wire
    choices = [AnswerChoice(request, wire) for _ in streams]
    logs = [dict(log) for _ in streams]
    usages: dict[int, Any] = {}  # of each choice, so far
    with media:
        async for index, answer in _merge(streams):
            server._post_process(logs[index], answer)
            if index not in usages:
                yield event(head.chunk(index, {"role": "assistant", "content": ""}))
            usages[index] = answer.usage
            for chunk in choices[index].chunks(answer.choices[0], head, index):
                yield event(chunk)
        if request.include_usage:
            counts = [usage.completion_tokens for usage in usages.values()]
            yield event(head.usage_chunk(usage_of(usages[0].prompt_tokens, counts)))
        yield DONE


async def _merge(streams: list[Any]) -> AsyncIterator[tuple[int, Any]]:
    """Yield (number of the stream, its next chunk), as they come."""
    if len(streams) == 1:
        async for answer in streams[0]:
            yield 0, answer
        return
    tasks = {asyncio.ensure_future(anext(stream)): index for index, stream in enumerate(streams)}
    try:
        while tasks:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                index = tasks.pop(task)
                with contextlib.suppress(StopAsyncIteration):
                    yield index, task.result()
                    tasks[asyncio.ensure_future(anext(streams[index]))] = index
    finally:
        for task in tasks:
            task.cancel()


async def _with_first(first: bytes, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the first event and the others; an error among them becomes an event of its own."""
    yield first
    try:
        async for item in events:
            yield item
    except Exception as error:
        yield event(_request_error(error).body())
        yield DONE


def _request_error(error: Exception) -> RequestError:
    """Return the client's error: why a request cannot be encoded; our own mistakes are logged."""
    if isinstance(error, RequestError):
        return error
    reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    if isinstance(error, MaxLengthError):
        code = "context_length_exceeded"
        return RequestError(f"too many tokens: {reason}", "messages", code=code)
    kinds = [kind.__name__ for kind in type(error).__mro__]
    if isinstance(error, _CLIENT_ERRORS) or "VLLMClientError" in kinds:
        return RequestError(reason or type(error).__name__)
    logger.error("a request failed", exc_info=error)
    return RequestError(f"the server failed: {type(error).__name__}: {reason}", status=500)


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _error_json(error: Exception) -> Response:
    refusal = _request_error(error)
    return _json(refusal.body(), refusal.status)


def _register_routes(server: Any) -> None:
    """Register swift's routes, with ours before them."""

    async def chat(request: Request) -> Response:
        try:
            return await _chat(server, request)
        except Exception as error:
            return _error_json(error)

    async def model(name: str) -> Response:
        for card in (await server.get_available_models()).data:
            if card.id == name:
                return _json(asdict(card))
        return _error_json(RequestError(f"no model {name!r}", "model", 404))

    async def refuse(_: Request, error: Any) -> Response:
        """Answer what the framework refuses: an unknown path, a body of the wrong shape."""
        if isinstance(error, RequestValidationError):
            return _json(error_body(str(error.errors()[0].get("msg", error)), 400), 400)
        return _json(error_body(str(error.detail), error.status_code), error.status_code)

    # Reward models and the like are asked as swift does it.
    if server.infer_engine.task_type == "causal_lm":
        server.app.post("/v1/chat/completions")(chat)
        openai_engine.prepare(server.infer_engine)
    server.app.get("/v1/models/{name:path}")(model)
    for kind in (HTTPException, RequestValidationError):
        server.app.exception_handler(kind)(refuse)
    _register_app(server)


class ApiKeyMiddleware:
    """Answers 401 without the key; swift's own says 400, and leaves /v1/models open."""

    def __init__(self, app: Callable[..., Awaitable[None]], key: str) -> None:
        self._app, self._expected = app, f"Bearer {key}".encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        header = dict(scope.get("headers") or ()).get(b"authorization", b"")
        is_open = scope["type"] != "http" or scope["path"] in _OPEN
        answer = self._app
        if not is_open and not secrets.compare_digest(header, self._expected):
            message = "Incorrect API key provided"
            if not header:
                message = "No API key was provided: send Authorization: Bearer KEY"
            answer = _json(error_body(message, 401, code="invalid_api_key"), 401)
        await answer(scope, receive, send)


def _install_key_check(server: Any) -> None:
    if server.args.api_key:
        server.app.add_middleware(ApiKeyMiddleware, key=server.args.api_key)


def _error_response(status: int, message: str) -> JSONResponse:
    """Return the error of swift's other routes."""
    return JSONResponse(error_body(message, int(status)), int(status))


def _make_engine(args: Any, template: Any = None, **kwargs: Any) -> Any:
    if args.infer_backend == "vllm":
        # Ended by the signal itself, a server that still loads leaves vLLM's own process behind.
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
        # llguidance holds answers to schemas, as with transformers
        options = {"structured_outputs_config": {"backend": "guidance"}}
        kwargs["engine_kwargs"] = options | (kwargs.get("engine_kwargs") or {})
    return _get_infer_engine(args, template, **kwargs)


def _live(server: Any, app: Any) -> Any:
    """Run the server, then end vLLM's engine, a process of its own that outlives a server."""
    yield from _lifespan(server, app)
    shutdown = getattr(getattr(server.infer_engine, "engine", None), "shutdown", None)
    if shutdown:
        shutdown()


SwiftDeploy._register_app = _register_routes
SwiftDeploy._install_auth_middleware = _install_key_check
SwiftDeploy.create_error_response = staticmethod(_error_response)
SwiftDeploy.lifespan = _live
SwiftDeploy.get_infer_engine = staticmethod(_make_engine)
