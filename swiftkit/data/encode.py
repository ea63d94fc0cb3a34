"""A row as ms-swift itself encodes it: the text the model sees, which of it is trained, how many
tokens it has.

swift, torch and transformers are imported by the first call, which takes seconds.
"""

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from difflib import get_close_matches
from functools import cache
from itertools import accumulate, groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from swiftkit.errors import DataError, UsageError
from swiftkit.records import Row

IGNORED = -100  # the label of a token without a loss
PLUGINS = {
    "gpt_oss": Path(__file__).parents[1] / "swift_plugins" / "harmony_template.py"
}  # model families with our own
_Decode = Callable[[Sequence[int]], str]
_ENVIRONMENT = {
    "USE_HF": "1",
    "HF_HUB_OFFLINE": "1",  # a local folder needs nothing from a hub
    "API_HTTP_CLIENT_MAX_RETRIES": "1",
    "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS": "1",
}
_LOGGING = {"LOG_LEVEL": "ERROR", "TRANSFORMERS_VERBOSITY": "error"}  # a person may set another


class Settings(msgspec.Struct, frozen=True):
    """How to encode; see `swiftkit show --help`. What is empty is left to swift."""

    model: Path
    model_type: str | None = None
    template: str | None = None
    max_length: int | None = None  # tokens
    source_format: str = ""


class Shown(msgspec.Struct):
    """A line of --json. `trained` are spans [start, end) of `text`, in Unicode characters; lengths
    are in tokens."""

    row: int
    text: str
    trained: list[tuple[int, int]]
    n_tokens: int
    n_trained: int
    truncated: bool
    max_length: int | None
    template: str


class Encoder(NamedTuple):
    """swift's template, swift's checks of a row (a RowPreprocessor), and the most tokens that a row
    may have."""

    template: Any
    loader: Any
    max_length: int | None


@cache
def load_encoder(settings: Settings) -> Encoder:
    """swift's own template for the model. Raises UsageError where swift cannot tell the model's
    type or template."""
    family = _family(settings.model)
    os.environ.update(_ENVIRONMENT)
    for name, value in _LOGGING.items():
        os.environ.setdefault(name, value)
    with _quiet():
        loader = _import_swift(family)
        template = _load_template(_load_processor(settings), settings)
    bound = settings.max_length or template.max_length
    template.max_length = None  # a longer row is shown too, and swift would raise an error
    return Encoder(template, loader, bound)


def encoded(encoder: Encoder, row: Row, number: int) -> Shown:
    """The row as swift encodes it. Raises DataError, whatever swift raises."""
    try:
        with _quiet():
            ids, trained = _tokens(encoder, row)
            text, spans = locate(encoder.template.tokenizer, ids, trained)
    except DataError:
        raise
    except Exception as error:
        fix = "mend the row, or choose another --template"
        raise DataError(
            f"ms-swift cannot encode this row: {_first_words(error)}", "not_encodable", fix
        ) from error
    is_long = encoder.max_length is not None and len(ids) > encoder.max_length
    name = encoder.template.template_meta.template_type
    return Shown(number, text, spans, len(ids), sum(trained), is_long, encoder.max_length, name)


def locate(
    tokenizer: Any, ids: Sequence[int], trained: Sequence[bool]
) -> tuple[str, list[tuple[int, int]]]:
    """The text of the tokens, and the spans [start, end) of its characters that the trained tokens
    make up."""

    def decode(part: Sequence[int]) -> str:
        return str(
            tokenizer.decode(part, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )

    text = decode(ids)
    runs = [(flag, len(list(run))) for flag, run in groupby(trained)]
    places = _places(decode, ids, [0, *accumulate(length for _, length in runs)], text)
    spans = zip((flag for flag, _ in runs), pairwise(places), strict=True)
    return text, [span for flag, span in spans if flag and span[0] < span[1]]


def _tokens(encoder: Encoder, row: Row) -> tuple[list[int], list[bool]]:
    """Token ids, and for each whether it is trained."""
    batch = {name: [value] for name, value in row.items()}
    checked = encoder.loader.batched_preprocess(batch, strict=True, ignore_max_length_error=False)
    columns = {
        name: values[0] for name, values in checked.items() if name in encoder.loader.standard_keys
    }
    # A row with a gold is a question that GRPO or an evaluation asks; any other is what `swift sft`
    # trains on.
    encoder.template.set_mode("transformers" if "expected_calls" in row else "train")
    result = encoder.template.encode(columns)
    ids = list(result["input_ids"])
    labels = result.get("labels") or [IGNORED] * len(ids)
    return ids, [label != IGNORED for label in labels]


def _places(decode: _Decode, ids: Sequence[int], borders: list[int], text: str) -> list[int]:
    """Where in the text each border between tokens lies."""
    pieces = [decode(ids[start:end]) for start, end in pairwise(borders)]
    if "".join(pieces) == text:
        return [0, *accumulate(map(len, pieces))]
    # A character of several tokens is cut, or the tokenizer drops a piece's leading space: decode
    # from the beginning. The half of a character is decoded to another one than the text has, so it
    # counts as part of what follows.
    return list(accumulate((_common(decode(ids[:border]), text) for border in borders), max))


def _common(one: str, other: str) -> int:
    """How many characters two texts share from the beginning."""
    differing = (
        place for place, (left, right) in enumerate(zip(one, other, strict=False)) if left != right
    )
    return next(differing, min(len(one), len(other)))


@contextmanager
def _quiet() -> Iterator[None]:
    """stdout holds rows only, whatever is printed by swift, or by code that came with the model."""
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _family(folder: Path) -> str:
    """What kind of model the config says that it is."""
    file = folder / "config.json"
    try:
        config = msgspec.json.decode(file.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--model {folder}: {file} cannot be read: {error}; copy the model again"
        ) from error
    return str(config.get("model_type")) if isinstance(config, dict) else ""


def _import_swift(family: str) -> Any:
    """swift's loader of rows with messages."""
    try:
        from swift.dataset import MessagesPreprocessor
        from swift.utils import import_external_file

        if family in PLUGINS:
            import_external_file(str(PLUGINS[family]))  # as swift itself loads it
    except ImportError as error:
        fix = "run `bash scripts/setup.sh`, and look with `swiftkit doctor`"
        raise UsageError(f"ms-swift cannot be imported: {_first_words(error)}; {fix}") from error
    return MessagesPreprocessor()


def _load_processor(settings: Settings) -> Any:
    from swift import get_processor

    folder = str(settings.model.absolute())  # by the folder's own name swift knows published models
    try:
        return get_processor(folder, model_type=settings.model_type, task_type="causal_lm")
    except Exception as error:
        raise _explained(error, settings, "--model-type", settings.model_type) from error


def _load_template(processor: Any, settings: Settings) -> Any:
    from swift import get_template

    try:
        return get_template(processor, template_type=settings.template)
    except Exception as error:
        raise _explained(error, settings, "--template", settings.template) from error


def _explained(error: Exception, settings: Settings, flag: str, given: str | None) -> UsageError:
    """swift's refusal in one line, with the names that it lists."""
    _, _, listed = str(error).partition("[")
    known = re.findall(r"'([^']+)'", listed.partition("]")[0])
    if known and given:
        near = ", ".join(get_close_matches(given, known, 5, 0.4))
        return UsageError(
            f"{flag} {given}: ms-swift has no such name" + (f"; near: {near}" if near else "")
        )
    if known:
        reason = f"ms-swift cannot tell which of these it is: {', '.join(known)}"
        return UsageError(f"--model {settings.model}: {reason}; choose one with {flag}")
    reason = f"ms-swift cannot load it: {_first_words(error)}"
    return UsageError(
        f"--model {settings.model}: {reason}; check the folder's files, or give {flag}"
    )


def _first_words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
