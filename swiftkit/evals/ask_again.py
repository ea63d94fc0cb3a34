"""The samples of a run that `--retry` asks for again, and whose earlier answers stay till then."""

from collections.abc import Sequence
from typing import NamedTuple

from swiftkit.errors import UsageError
from swiftkit.evals.results import Key, RunResults
from swiftkit.evals.scorer_error import SCORER_FAILED
from swiftkit.scoring.ending import ENDINGS

_ERRORS = "errors"  # those of the scorer; all others are asked again in any case
_WORDS = (*ENDINGS, _ERRORS)
_ID = "id:"


class Retry(NamedTuple):
    """`words` of ENDINGS and `errors`; `ids` of samples."""

    words: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()


def parse_retry(texts: Sequence[str]) -> Retry:
    """Read lists such as 'cut,errors,id:w-17'; an id may hold commas. Raises UsageError."""
    words: list[str] = []
    ids: list[str] = []
    for text in texts:
        is_id = False
        for part in text.split(","):
            word = part.strip()
            if word in _WORDS:
                words.append(word)
                is_id = False
            elif word.startswith(_ID) and word != _ID:
                ids.append(word.removeprefix(_ID))
                is_id = True
            elif is_id:
                ids[-1] += f",{part}"
            else:
                known = f"{', '.join(_WORDS)} or id:SAMPLE, joined by commas"
                raise UsageError(f"--retry {text!r}: {word!r} is none of {known}")
    return Retry(frozenset(words), frozenset(ids))


def keys_to_ask(retry: Retry, results: RunResults) -> frozenset[Key]:
    """Return the answered trials that are asked for again. Raises UsageError for an unknown id."""
    known = {job.sample.id for job in results.jobs}
    if unknown := sorted(retry.ids - known):
        first = ", ".join(sorted(known)[:3])
        reason = f"this run asks no sample of that id (it asks {first}, ...)"
        raise UsageError(f"--retry id:{unknown[0]}: {reason}")
    keys = set()
    for job in results.jobs:
        key = job.key
        has_scorer_error = results.errors.get(key, "").startswith(SCORER_FAILED)
        if (
            results.ended.get(key) in retry.words
            or (has_scorer_error and _ERRORS in retry.words)
            or job.sample.id in retry.ids
        ):
            keys.add(key)
    return frozenset(keys)
