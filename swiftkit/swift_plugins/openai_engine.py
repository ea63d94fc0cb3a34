"""What ms-swift's engines need so that each request of a batch gets what it asked for, and only
that.

transformers: a request that cannot be encoded, or is too long, fails alone; one whose length would
cut its neighbours' answers short runs alone, and so does one that samples with a seed, for its
numbers depend on its neighbours; a JSON schema holds the text of those that ask for it
(llguidance). vLLM does all that itself, if it is told.
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

from swiftkit.serving.errors import RequestFault
from swiftkit.serving.request import Asked

_printable_text = InferStreamer.get_printable_text


@dataclass
class BatchConfig(RequestConfig):  # type: ignore[misc]  # swift ships no types
    """swift puts requests of equal settings into one batch; these are settings too."""

    schema: str = ""
    alone: str = ""


class _AsideError(Exception):
    """This request is to be asked again, alone."""


def prepare(engine: Any) -> None:
    """Once, before the first request."""
    engine.strict = False  # a request that cannot be encoded is its own error, and not its batch's
    if not isinstance(engine, TransformersEngine):
        return
    encode, infer = engine._batch_encode, engine._infer
    # tokens of an answer in this batch; swift's worker is one thread, and does one batch at a time
    wanted = [0]

    def encode_apart(requests: list[Any], strict: bool) -> Any:
        inputs, errors = encode(requests, strict)
        failed = {place for place, _ in errors}
        places = [place for place in range(len(requests)) if place not in failed]
        faults = _faults(
            [len(one.get("input_ids") or ()) for one in inputs], engine.max_model_len, wanted[0]
        )
        kept = [one for one, fault in zip(inputs, faults, strict=True) if fault is None]
        more = [(place, fault) for place, fault in zip(places, faults, strict=True) if fault]
        return kept, sorted([*errors, *more], key=lambda error: error[0])

    def infer_seeded(infer_requests: list[Any], request_config: Any, **more: Any) -> Any:
        wanted[0] = request_config.max_tokens or 0
        if request_config.seed is not None:
            torch.manual_seed(request_config.seed)
        return infer(infer_requests, request_config, **more)

    engine._batch_encode, engine._infer = encode_apart, infer_seeded


async def ask(engine: Any, infer_request: Any, config: Any, **options: Any) -> Any:
    """What `infer_async` gives, an answer or a stream; a request that is put aside is asked
    again."""
    try:
        answer = await engine.infer_async(infer_request, config, **options)
    except _AsideError:
        return await engine.infer_async(infer_request, _alone(config), **options)
    return _streamed(engine, answer, infer_request, config, options) if config.stream else answer


async def _streamed(
    engine: Any, stream: Any, infer_request: Any, config: Any, options: dict[str, Any]
) -> AsyncIterator[Any]:
    try:
        async for one in stream:
            yield one
    except _AsideError:  # only ever in place of the first chunk
        async for one in await engine.infer_async(infer_request, _alone(config), **options):
            yield one


def _alone(config: Any) -> Any:
    return replace(config, alone=uuid.uuid4().hex)


def config_of(engine: Any, config: Any, asked: Asked, index: int) -> Any:
    """The settings of one choice, which decide what it shares a batch with."""
    given = asdict(config) | {"n": 1}
    if config.seed is not None:
        given["seed"] = (config.seed + index) % 2**63
    if not isinstance(engine, TransformersEngine):
        return RequestConfig(**given)
    schema = msgspec.json.encode(asked.schema).decode() if asked.schema is not None else ""
    if not _samples(engine, config):
        given["seed"] = None  # it changes nothing, and must not part the batch
    made = BatchConfig(**given, schema=schema)
    return made if given["seed"] is None else _alone(made)


def hook(engine: Any, asked: Asked) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """swift calls it with what it is about to generate with."""

    def hold(kwargs: dict[str, Any]) -> dict[str, Any]:
        if asked.schema is None:
            return kwargs
        if isinstance(engine, TransformersEngine):
            rows = kwargs["inputs"]["attention_mask"].shape[0]
            held = _Held(
                _matcher(engine, kwargs["request_config"].schema), rows, _end_token(engine)
            )
            return kwargs | {
                "inputs": kwargs["inputs"] | {"logits_processor": LogitsProcessorList([held])}
            }
        from vllm.sampling_params import StructuredOutputsParams

        kwargs["generation_config"].structured_outputs = StructuredOutputsParams(
            json=_formed(asked.schema)
        )
        return kwargs

    return hold


def engine_options(options: dict[str, Any]) -> dict[str, Any]:
    """For vLLM: schemas are held to by llguidance, as with transformers."""
    return {"structured_outputs_config": {"backend": "guidance"}, **options}


def why_no_json(engine: Any) -> str:
    """Why no answer can be held to a JSON schema here, or ""."""
    if engine.template._agent_template == "harmony":
        return "gpt-oss answers in channels"
    if isinstance(engine, TransformersEngine) and importlib.util.find_spec("llguidance") is None:
        return "the server lacks llguidance (pip install llguidance), or serve by recipes/deploy_vllm.sh"
    return ""


def check_schema(engine: Any, asked: Asked) -> None:
    """Raises RequestFault for a schema that cannot be used: later it would be a whole batch's
    error."""
    if asked.schema is None or not isinstance(engine, TransformersEngine):
        return
    from llguidance import LLMatcher

    if error := LLMatcher.validate_grammar(_grammar(asked.schema), _vocabulary(engine)):
        raise RequestFault(f"the JSON schema cannot be used: {error}", "response_format")


def _get_printable_text(streamer: InferStreamer, tokens: list[int], is_finished: bool) -> str:
    """swift's own passes over the tokens of the first call; with vLLM that may be the only one."""
    is_first = streamer.first_token
    text = _printable_text(streamer, tokens, is_finished)
    return str(text + _printable_text(streamer, tokens, True) if is_first and is_finished else text)


def is_clients(error: Exception) -> bool:
    """Whether vLLM says that the request is wrong."""
    return any(kind.__name__ == "VLLMClientError" for kind in type(error).__mro__)


def end(engine: Any) -> None:
    """vLLM's engine is a process of its own, which outlives a server that is told to stop."""
    shutdown = getattr(getattr(engine, "engine", None), "shutdown", None)
    if shutdown:
        shutdown()


class _Held(LogitsProcessor):  # type: ignore[misc]  # mypy leaves transformers alone
    """Leaves each row of a batch only the tokens that its grammar allows next."""

    def __init__(self, matcher: Any, rows: int, end: int) -> None:
        self._matchers = [matcher.deep_copy() for _ in range(rows)]
        self._end = end
        self._length = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        from llguidance.torch import allocate_token_bitmask, fill_next_token_bitmask

        if self._length:
            for matcher, token in zip(self._matchers, input_ids[:, -1].tolist(), strict=True):
                if not matcher.is_stopped():
                    matcher.consume_token(token)
        self._length = input_ids.shape[1]
        mask = allocate_token_bitmask(len(self._matchers), scores.shape[1])
        for row, matcher in enumerate(self._matchers):
            if not matcher.is_stopped():
                fill_next_token_bitmask(matcher, mask, row)
        bits = mask[:, :, None] >> torch.arange(32, dtype=torch.int32) & 1
        allowed = bits.reshape(len(self._matchers), -1)[:, : scores.shape[1]].bool()
        for row, matcher in enumerate(self._matchers):
            if matcher.is_stopped():  # its JSON is complete
                allowed[row] = torch.arange(scores.shape[1]) == self._end
        return scores.masked_fill(~allowed.to(scores.device), -torch.inf)


def _matcher(engine: Any, schema: str) -> Any:
    from llguidance import LLMatcher

    return LLMatcher(_vocabulary(engine), _grammar(msgspec.json.decode(schema)))


def _grammar(schema: dict[str, Any]) -> str:
    from llguidance import LLMatcher

    return str(LLMatcher.grammar_from_json_schema(msgspec.json.encode(_formed(schema)).decode()))


def _formed(schema: dict[str, Any]) -> dict[str, Any]:
    """With json.dumps' own separators, as calls are trained: free white space has no end in a small
    model's hands."""
    return schema | {
        "x-guidance": {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
    }


def _end_token(engine: Any) -> int:
    ends = engine.generation_config.eos_token_id or engine.tokenizer.eos_token_id
    return int(ends[0] if isinstance(ends, list) else ends)


@cache
def _vocabulary(engine: Any) -> Any:
    import llguidance.hf

    size = engine.model.get_output_embeddings().weight.shape[0]
    return llguidance.hf.from_tokenizer(
        engine.tokenizer, n_vocab=size, eos_token=_end_token(engine)
    )


def _samples(engine: Any, config: Any) -> bool:
    """As swift decides it (infer_engine/utils.py, prepare_generation_config)."""
    if config.temperature is None:
        return bool(getattr(engine.generation_config, "do_sample", False))
    return bool(config.temperature != 0)


def _faults(lengths: list[int], limit: int | None, wanted: int) -> list[Exception | None]:
    """What keeps each prompt out of a batch: it leaves no room for an answer, or less than the
    others may use.

    The longest prompt of a batch limits the answers of all. `wanted`: the most tokens of an answer,
    0 without a limit.
    """
    rooms = [limit - length if limit else wanted + 1 for length in lengths]
    most = max(rooms, default=0)
    needed = min(wanted or most // 2, most)
    return [_fault(length, limit) if room <= 0 else _AsideError() if room < needed else None
            for length, room in zip(lengths, rooms, strict=True)]  # fmt: skip


def _fault(length: int, limit: int | None) -> RequestFault:
    message = f"the messages are {length} tokens, and the model reads {limit}: shorten them"
    return RequestFault(message, "messages", code="context_length_exceeded")


InferStreamer.get_printable_text = _get_printable_text
