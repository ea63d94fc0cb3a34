"""An exception of a scorer is the error of the one answer that it was given, and ends no run."""

import traceback
from collections.abc import Callable
from pathlib import Path

from swiftkit.records import Response, Sample, Score
from swiftkit.terminal import shorten

# how the error of an answer begins that has no score for the scorer's sake
SCORER_FAILED = "the scorer failed: "
_PACKAGE = Path(__file__).parents[1]


def score_or_error(
    score: Callable[[Sample, Response], Score], sample: Sample, response: Response
) -> tuple[Score | None, str]:
    """Return the score of an answer, or None and the error that stands in its place."""
    try:
        return score(sample, response), ""
    except Exception as error:
        return None, f"{SCORER_FAILED}{describe(error)}"


def describe(error: Exception) -> str:
    """Return an exception's type, text and place in one line: the last line of ours, if any is."""
    try:
        text = shorten(str(error), 300)
    except Exception:  # a text that cannot be made
        text = ""
    stack = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in stack if frame.filename != __file__]
    own = [frame for frame in frames if _PACKAGE in Path(frame.filename).parents]
    place = ""
    for frame in (own or frames)[-1:]:
        place = f" ({Path(frame.filename).name}:{frame.lineno})"
    return f"{type(error).__name__}{': ' if text else ''}{text}{place}"
