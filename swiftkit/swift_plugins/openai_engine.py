"""Let ms-swift's engines give each request of a batch what it asked for, and only that.

transformers: a request that cannot be encoded, or is too long, fails alone; one whose length would
cut its neighbours' answers short runs alone, and so does one that samples with a seed, for its
numbers depend on its neighbours; a JSON schema holds the text of those that ask for it
(llguidance). vLLM does all that itself, given the right options.

docs/serving.md lists each method of ms-swift that is patched, and why.
"""

import importlib.util
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import msgspec
import torch
from swift.infer_engine import RequestConfig, TransformersEngine
from swift.infer_engine.utils import InferStreamer
from transformers import LogitsProcessor, LogitsProcessorList

from swiftkit.serving.errors import RequestError
from swiftkit.serving.request import ChatRequest

_printable_text = InferStreamer.get_printable_text


@dataclass
class BatchConfig(RequestConfig):  # type: ignore[misc]  # swift ships no types
    """swift puts requests of equal settings into one batch; these are settings too."""

    schema: str = ""
    alone: str = ""  # different for each request that runs alone


class RunAloneError(Exception):
    """The request is to be asked again, alone."""


def prepare(engine: Any) -> None:
    """Patch the engine, once, before the first request."""
    engine.strict = False  # a request that cannot be encoded is its own error, and not its batch's
    if not isinstance(engine, TransformersEngine):
        return
    batch_encode, infer = engine._batch_encode, engine._infer
    # Tokens of an answer in this batch. swift's worker is one thread that does a batch at a time.
    max_tokens = 0

    def batch_encode_apart(requests: list[Any], strict: bool) -> Any:
        encoded, errors = batch_encode(requests, strict)
        failed = {place for place, _ in errors}
        places = [place for place in range(len(requests)) if place not in failed]
        lengths = [len(inputs.get("input_ids") or ()) for inputs in encoded]
        batch_errors = _batch_errors(lengths, engine.max_model_len, max_tokens)
        kept = []
        for place, inputs, error in zip(places, encoded, batch_errors, strict=True):
            if error is None:
                kept.append(inputs)
            else:
                errors = [*errors, (place, error)]
        return kept, sorted(errors, key=lambda item: item[0])

    def infer_seeded(infer_requests: list[Any], request_config: Any, **options: Any) -> Any:
        nonlocal max_tokens
        max_tokens = request_config.max_tokens or 0
        if request_config.seed is not None:
            torch.manual_seed(request_config.seed)
        return infer(infer_requests, request_config, **options)

    engine._batch_encode, engine._infer = batch_encode_apart, infer_seeded


def _batch_errors(lengths: list[int], limit: int | None, max_tokens: int) -> list[Exception | None]:
    """Return why each prompt cannot be in the batch; None for those that can.

    A prompt leaves no room for an answer, or less than the others may use: the longest prompt of a
    batch limits the answers of all. `limit`: tokens of prompt and answer together; `max_tokens`:
    the most tokens of an answer, 0 without a limit.
    """
    rooms = [limit - length if limit else max_tokens + 1 for length in lengths]
    most = max(rooms, default=0)
    needed = min(max_tokens or most // 2, most)
    errors: list[Exception | None] = []
    for length, room in zip(lengths, rooms, strict=True):
        if room <= 0:
            message = f"the messages are {length} tokens, and the model reads {limit}: shorten them"
            errors.append(RequestError(message, "messages", code="context_length_exceeded"))
        else:
            errors.append(RunAloneError() if room < needed else None)
    return errors


async def ask(engine: Any, infer_request: Any, config: Any, **options: Any) -> Any:
    """Return what `infer_async` gives, an answer or a stream.

    A request that does not fit into its batch is asked again, alone.
    """
    try:
        answer = await engine.infer_async(infer_request, config, **options)
    except RunAloneError:
        return await engine.infer_async(infer_request, _alone(config), **options)
    return _stream(engine, answer, infer_request, config, options) if config.stream else answer


async def _stream(
    engine: Any, stream: Any, infer_request: Any, config: Any, options: dict[str, Any]
) -> AsyncIterator[Any]:
    try:
        async for chunk in stream:
            yield chunk
    except RunAloneError:  # only ever in place of the first chunk
        async for chunk in await engine.infer_async(infer_request, _alone(config), **options):
            yield chunk


def _alone(config: Any) -> Any:
    return replace(config, alone=uuid.uuid4().hex)


def choice_config(engine: Any, config: Any, request: ChatRequest, index: int) -> Any:
    """Return the settings of one choice, which decide what it shares a batch with."""
    settings = asdict(config) | {"n": 1}
    if config.seed is not None:
        settings["seed"] = (config.seed + index) % 2**63
    if not isinstance(engine, TransformersEngine):
        return RequestConfig(**settings)
    # As swift decides it (infer_engine/utils.py, prepare_generation_config)
    samples = config.temperature != 0
    if config.temperature is None:
        samples = getattr(engine.generation_config, "do_sample", False)
    if not samples:
        settings["seed"] = None  # it changes nothing, and must not split the batch
    if request.schema is not None:
        settings["schema"] = msgspec.json.encode(request.schema).decode()
    batch_config = BatchConfig(**settings)
    return batch_config if settings["seed"] is None else _alone(batch_config)


def hook(engine: Any, request: ChatRequest) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a function for swift to call with what it is about to generate with."""

    def hold_to_schema(kwargs: dict[str, Any]) -> dict[str, Any]:
        if request.schema is None:
            return kwargs
        if isinstance(engine, TransformersEngine):
            schema = msgspec.json.decode(kwargs["request_config"].schema)
            rows = kwargs["inputs"]["attention_mask"].shape[0]
            processors = LogitsProcessorList([SchemaLogitsProcessor(engine, schema, rows)])
            return kwargs | {"inputs": kwargs["inputs"] | {"logits_processor": processors}}
        from vllm.sampling_params import StructuredOutputsParams

        outputs = StructuredOutputsParams(json=_with_separators(request.schema))
        kwargs["generation_config"].structured_outputs = outputs
        return kwargs

    return hold_to_schema


def engine_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return vLLM's options: llguidance holds answers to schemas, as with transformers."""
    return {"structured_outputs_config": {"backend": "guidance"}, **options}


def why_no_json(engine: Any) -> str:
    """Return why no answer can be held to a JSON schema here, or ""."""
    if engine.template._agent_template == "harmony":
        return "gpt-oss answers in channels"
    if isinstance(engine, TransformersEngine) and importlib.util.find_spec("llguidance") is None:
        fix = "pip install llguidance"
        return f"the server lacks llguidance ({fix}), or serve by recipes/deploy_vllm.sh"
    return ""


def check_schema(engine: Any, request: ChatRequest) -> None:
    """Raise RequestError for a schema that cannot be used; later it would fail a whole batch."""
    if request.schema is None or not isinstance(engine, TransformersEngine):
        return
    from llguidance import LLMatcher

    error = LLMatcher.validate_grammar(_grammar(request.schema), _vocabulary(engine))
    if error:
        raise RequestError(f"the JSON schema cannot be used: {error}", "response_format")


def is_client_error(error: Exception) -> bool:
    """Return True if vLLM says that the request is wrong."""
    return any(kind.__name__ == "VLLMClientError" for kind in type(error).__mro__)


def end(engine: Any) -> None:
    """End vLLM's engine, a process of its own that outlives a server that is told to stop."""
    shutdown = getattr(getattr(engine, "engine", None), "shutdown", None)
    if shutdown:
        shutdown()


class SchemaLogitsProcessor(LogitsProcessor):  # type: ignore[misc]  # mypy skips transformers
    """Leaves each row of a batch only the tokens that its schema allows next."""

    def __init__(self, engine: Any, schema: dict[str, Any], rows: int) -> None:
        from llguidance import LLMatcher

        matcher = LLMatcher(_vocabulary(engine), _grammar(schema))
        self._matchers = [matcher.deep_copy() for _ in range(rows)]
        self._end = _end_token(engine)
        self._length = 0  # tokens of the prompt and of what was generated, at the last call

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """input_ids: (rows, length); scores: (rows, vocabulary)."""
        from llguidance.torch import allocate_token_bitmask, fill_next_token_bitmask

        if self._length:
            for matcher, token in zip(self._matchers, input_ids[:, -1].tolist(), strict=True):
                if not matcher.is_stopped():
                    matcher.consume_token(token)
        self._length = input_ids.shape[1]
        rows, vocabulary = scores.shape
        mask = allocate_token_bitmask(rows, vocabulary)  # (rows, vocabulary / 32), 32 bits a number
        for row, matcher in enumerate(self._matchers):
            if not matcher.is_stopped():
                fill_next_token_bitmask(matcher, mask, row)
        bits = mask[:, :, None] >> torch.arange(32, dtype=torch.int32) & 1
        allowed = bits.reshape(rows, -1)[:, :vocabulary].bool()
        for row, matcher in enumerate(self._matchers):
            if matcher.is_stopped():  # its JSON is complete
                allowed[row] = torch.arange(vocabulary) == self._end
        return scores.masked_fill(~allowed.to(scores.device), -torch.inf)


def _grammar(schema: dict[str, Any]) -> str:
    from llguidance import LLMatcher

    text = msgspec.json.encode(_with_separators(schema)).decode()
    return str(LLMatcher.grammar_from_json_schema(text))


def _with_separators(schema: dict[str, Any]) -> dict[str, Any]:
    """Demand json.dumps' own separators, as calls are trained.

    Where white space is free a small model may write it without end.
    """
    separators = {"item_separator": ", ", "key_separator": ": "}
    return schema | {"x-guidance": {"whitespace_flexible": False, **separators}}


def _end_token(engine: Any) -> int:
    ends = engine.generation_config.eos_token_id or engine.tokenizer.eos_token_id
    return int(ends[0] if isinstance(ends, list) else ends)


@cache
def _vocabulary(engine: Any) -> Any:
    import llguidance.hf

    size = engine.model.get_output_embeddings().weight.shape[0]
    end_token = _end_token(engine)
    return llguidance.hf.from_tokenizer(engine.tokenizer, n_vocab=size, eos_token=end_token)


def _get_printable_text(streamer: InferStreamer, tokens: list[int], is_finished: bool) -> str:
    """Give out the text of an answer that comes in one piece, as with vLLM it may.

    swift leaves the tokens of the first call out; so a first call that is also the last is made
    again.
    """
    is_only = streamer.first_token and is_finished
    text = str(_printable_text(streamer, tokens, is_finished))
    if is_only:
        text += str(_printable_text(streamer, tokens, True))
    return text


InferStreamer.get_printable_text = _get_printable_text
