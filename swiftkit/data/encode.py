"""A row as ms-swift itself encodes it: the text the model sees, what is trained, the tokens.

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

from swiftkit.data.renamed_columns import Renames
from swiftkit.errors import DataError, SwiftkitError, UsageError
from swiftkit.records import Row

IGNORED = -100  # the label of a token without a loss
_PLUGIN_FOLDER = Path(__file__).parents[1] / "swift_plugins"
HARMONY, NATIVE = _PLUGIN_FOLDER / "harmony_template.py", _PLUGIN_FOLDER / "native_template.py"
_Decode = Callable[[Sequence[int]], str]
_ENVIRONMENT = {
    "USE_HF": "1",
    "HF_HUB_OFFLINE": "1",  # a local folder needs nothing from a hub
    "API_HTTP_CLIENT_MAX_RETRIES": "1",
    "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS": "1",
}
_LOGGING = {"LOG_LEVEL": "ERROR", "TRANSFORMERS_VERBOSITY": "error"}  # a person may set another


class ShowSettings(msgspec.Struct, frozen=True):
    """The settings of an encoder; see `swiftkit show --help`. What is empty is left to swift."""

    model: Path
    model_type: str | None = None
    template: str | None = None
    agent_template: str | None = None
    max_length: int | None = None  # tokens
    source_format: str = ""
    template_backend: str = "swift"  # jinja: the model's own chat template
    columns: Renames = ()


class EncodedRow(msgspec.Struct):
    """A line of --json. `trained`: [start, end) of characters of `text`; lengths are in tokens."""

    row: int
    text: str
    trained: list[tuple[int, int]]
    n_tokens: int
    n_trained: int
    truncated: bool
    max_length: int | None
    template: str


class Encoder(NamedTuple):
    """swift's own parts for a model."""

    template: Any
    loader: Any  # swift's checks of a row, a RowPreprocessor
    max_length: int | None  # tokens that a row may have


@cache
def load_encoder(settings: ShowSettings) -> Encoder:
    """Return swift's parts. Raises UsageError where swift cannot tell the type or template."""
    family = _model_family(settings.model)
    os.environ.update(_ENVIRONMENT)
    for name, value in _LOGGING.items():
        os.environ.setdefault(name, value)
    with _quiet():
        loader = _import_swift(family)
        template = _load_template(settings)
    max_length = settings.max_length or template.max_length
    template.max_length = None  # a longer row is shown too, and swift would raise an error
    return Encoder(template, loader, max_length)


def encode_row(encoder: Encoder, row: Row, number: int) -> EncodedRow:
    """Return the row as swift encodes it. Raises DataError, whatever swift raises."""
    try:
        with _quiet():
            ids, trained = _encode(encoder, row)
            text, spans = locate(encoder.template.tokenizer, ids, trained)
    except DataError:
        raise
    except Exception as error:
        reason = f"ms-swift cannot encode this row: {_first_words(error)}"
        fix = "mend the row, or choose another --template"
        if "--agent_template" in str(error):  # a row with tools or calls, and swift knows none
            lacks = "has no agent template, which writes tools and calls"
            reason = f"the template {encoder.template.template_meta.template_type} {lacks}"
            known = ", ".join(_agent_templates())
            fix = f"give --agent-template, to swift as --agent_template, one of {known}"
        raise DataError(reason, "not_encodable", fix) from error
    max_length = encoder.max_length
    return EncodedRow(
        row=number,
        text=text,
        trained=spans,
        n_tokens=len(ids),
        n_trained=sum(trained),
        truncated=max_length is not None and len(ids) > max_length,
        max_length=max_length,
        template=_template_name(encoder.template),
    )


def _template_name(template: Any) -> str:
    if getattr(template, "is_rendered_natively", False):
        return "the model's own"
    return str(template.template_meta.template_type)


def locate(
    tokenizer: Any, ids: Sequence[int], trained: Sequence[bool]
) -> tuple[str, list[tuple[int, int]]]:
    """Return the text of the tokens, and the spans [start, end) of its trained characters."""

    def decode(part: Sequence[int]) -> str:
        text = tokenizer.decode(part, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return str(text)

    text = decode(ids)
    runs = [(flag, len(list(run))) for flag, run in groupby(trained)]
    borders = [0, *accumulate(length for _, length in runs)]  # in tokens
    places = _places(decode, ids, borders, text)  # of the borders, in characters
    spans = []
    for (flag, _), (start, end) in zip(runs, pairwise(places), strict=True):
        if flag and start < end:
            spans.append((start, end))
    return text, spans


def _places(decode: _Decode, ids: Sequence[int], borders: list[int], text: str) -> list[int]:
    """Return the place in the text of each border between tokens."""
    pieces = [decode(ids[start:end]) for start, end in pairwise(borders)]
    if "".join(pieces) == text:
        return [0, *accumulate(map(len, pieces))]
    # A character of several tokens is cut, or a piece's leading space is dropped: decode from the
    # beginning. Half a character is decoded to another one, so it counts as part of what follows.
    places = [_count_common(decode(ids[:border]), text) for border in borders]
    return list(accumulate(places, max))


def _count_common(one: str, other: str) -> int:
    """Return how many characters two texts share from the beginning."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))


def _encode(encoder: Encoder, row: Row) -> tuple[list[int], list[bool]]:
    """Return the token ids, and for each whether it is trained."""
    batch: dict[str, list[Any]] = {name: [value] for name, value in row.items()}
    checked = encoder.loader.batched_preprocess(batch, strict=True, ignore_max_length_error=False)
    columns = {name: checked[name][0] for name in checked if name in encoder.loader.standard_keys}
    # a row with a gold is a question of GRPO or an evaluation; any other trains `swift sft`
    encoder.template.set_mode("transformers" if "expected_calls" in row else "train")
    result = encoder.template.encode(columns)
    ids = list(result["input_ids"])
    labels = result.get("labels") or [IGNORED] * len(ids)
    return ids, [label != IGNORED for label in labels]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep stdout for rows, whatever swift or code that came with the model prints."""
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _model_family(folder: Path) -> str:
    """Return the `model_type` of the model's config."""
    file = folder / "config.json"
    try:
        config = msgspec.json.decode(file.read_bytes())
    except (OSError, ValueError) as error:
        reason = f"{file} cannot be read: {error}"
        raise UsageError(f"--model {folder}: {reason}; copy the model again") from error
    return str(config.get("model_type")) if isinstance(config, dict) else ""


def _import_swift(family: str) -> Any:
    """Return swift's loader of rows with messages."""
    try:
        from swift.dataset import MessagesPreprocessor
        from swift.utils import import_external_file

        plugins = [NATIVE, HARMONY] if family == "gpt_oss" else [NATIVE]
        for plugin in plugins:
            import_external_file(str(plugin))  # as swift itself loads it
    except ImportError as error:
        fix = "run `bash scripts/setup.sh`, and look with `swiftkit doctor`"
        raise UsageError(f"ms-swift cannot be imported: {_first_words(error)}; {fix}") from error
    return MessagesPreprocessor()


def _load_template(settings: ShowSettings) -> Any:
    from swift import get_processor, get_template

    folder = str(settings.model.absolute())  # by the folder's own name swift knows published models
    try:
        processor = get_processor(folder, model_type=settings.model_type, task_type="causal_lm")
    except Exception as error:
        raise _refusal(error, settings, "--model-type", settings.model_type) from error
    agent = settings.agent_template
    if agent is not None and agent not in _agent_templates():
        raise _unknown_name("--agent-template", agent, _agent_templates())
    try:
        return get_template(
            processor,
            template_type=settings.template,
            agent_template=agent,
            template_backend=settings.template_backend,
        )
    except SwiftkitError:
        raise
    except Exception as error:
        raise _refusal(error, settings, "--template", settings.template) from error


def _agent_templates() -> list[str]:
    """Return swift's names of agent templates, with those of our plugins."""
    from swift.agent_template import agent_template_map

    return list(agent_template_map)


def _refusal(error: Exception, settings: ShowSettings, flag: str, name: str | None) -> UsageError:
    """Return swift's refusal in one line, with the names that it lists."""
    _, _, listed = str(error).partition("[")
    known = re.findall(r"'([^']+)'", listed.partition("]")[0])
    if known and name:
        return _unknown_name(flag, name, known)
    if known:
        reason = f"ms-swift cannot tell which of these it is: {', '.join(known)}"
        fix = f"choose one with {flag}"
        family = _model_family(settings.model)
        if flag == "--model-type" and family in known:
            fix += f" ({family}, unless it is made of one of the others)"
        return UsageError(f"--model {settings.model}: {reason}; {fix}")
    reason = f"ms-swift cannot load it: {_first_words(error)}"
    fix = f"check the folder's files, or give {flag}"
    return UsageError(f"--model {settings.model}: {reason}; {fix}")


def _unknown_name(flag: str, name: str, known: Sequence[str]) -> UsageError:
    near = ", ".join(get_close_matches(name, known, 5, 0.4))
    reason = f"{flag} {name}: ms-swift has no such name"
    return UsageError(f"{reason}; near: {near}" if near else reason)


def _first_words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
