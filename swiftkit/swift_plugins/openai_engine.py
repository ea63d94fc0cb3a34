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
from swiftkit.swift_plugins import replaced_surrogates  # noqa: F401 - what clients send may hold them

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
        """Take out the prompts that leave no room for an answer, or less than the others may use.

        The longest prompt of a batch limits the answers of all.
        """
        limit = engine.max_model_len  # of prompt and answer together
        encoded, errors = batch_encode(requests, strict)
        failed = {place for place, _ in errors}
        places = [place for place in range(len(requests)) if place not in failed]
        lengths = [len(inputs.get("input_ids") or ()) for inputs in encoded]
        rooms = [limit - length if limit else max_tokens + 1 for length in lengths]
        most = max(rooms, default=0)
        needed = min(max_tokens or most // 2, most)
        kept, errors = [], list(errors)
        for place, inputs, length, room in zip(places, encoded, lengths, rooms, strict=True):
            if room <= 0:
                message = f"the messages are {length} tokens, and the model reads {limit}"
                code = "context_length_exceeded"
                error = RequestError(f"{message}: shorten them", "messages", code=code)
                errors.append((place, error))
            elif room < needed:
                errors.append((place, RunAloneError()))
            else:
                kept.append(inputs)
        return kept, sorted(errors, key=lambda item: item[0])

    def infer_seeded(infer_requests: list[Any], request_config: Any, **options: Any) -> Any:
        nonlocal max_tokens
        max_tokens = request_config.max_tokens or 0
        if request_config.seed is not None:
            torch.manual_seed(request_config.seed)
        return infer(infer_requests, request_config, **options)

    engine._batch_encode, engine._infer = batch_encode_apart, infer_seeded


async def ask(engine: Any, infer_request: Any, config: Any, **options: Any) -> Any:
    """Return infer_async's answer or stream; a request that spoils its batch is asked alone."""
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
    """Return a function that swift calls with what it is about to generate with."""

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


def why_no_json(engine: Any) -> str:
    """Return the reason why no answer can be held to a JSON schema here, or ""."""
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
    """Demand json.dumps' own separators: a small model may write free white space without end."""
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

    swift leaves out the tokens of the first call, so one that is also the last is made again.
    """
    is_only = streamer.first_token and is_finished
    text = str(_printable_text(streamer, tokens, is_finished))
    if is_only:
        text += str(_printable_text(streamer, tokens, True))
    return text


InferStreamer.get_printable_text = _get_printable_text
