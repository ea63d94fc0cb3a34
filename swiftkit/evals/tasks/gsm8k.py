r"""Grade-school arithmetic: the number that the model gives as its answer must equal the gold.

Data: GSM8K (Cobbe et al. 2021, https://github.com/openai/grade-school-math), JSON Lines of

    {"question": "Janet's ducks lay 16 eggs per day. ...", "answer": "She sells ...\n#### 18"}

or Parquet of the same columns. The question is the prompt, PROMPT is what --prompt replaces.

The answer is the number that the text gives (evals/final_number.py), after the model's reasoning.
Numbers are compared by value: 1,234.00 = 1234, $18 = 18, 1/2 = 0.5.

Metric: `accuracy`, with trials also pass^k and pass@k; `answered`: answers with a number.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from swiftkit.errors import DataError
from swiftkit.evals.dataset import identity_of, load_samples
from swiftkit.evals.final_number import number_of
from swiftkit.evals.results import trial_count
from swiftkit.evals.stats import Tally, passes
from swiftkit.evals.task import Result, Task
from swiftkit.evals.written_numbers import short
from swiftkit.records import Response, Sample, Score
from swiftkit.toolcall.visible_text import visible_text

HEADLINE = "accuracy"
PROMPT = (
    "Solve the problem step by step. "
    "Write the answer, a number without its unit, on the last line after ####."
)


def load(path: Path) -> list[Sample]:
    """Return the questions. Raises DataError (file:line) for a row without question or answer."""
    return load_samples(path, lambda row, where, _: [_sample(row, where)])


def score(sample: Sample, response: Response) -> Score:
    """Return 1 where the number that the model gives equals the answer."""
    number = number_of(visible_text(response.text))
    is_right = number == sample.target
    reason = ""
    if not is_right:
        answer = "no number" if number is None else short(number)
        reason = f"{answer} instead of {short(sample.target)}"
    parts = {"answered": float(number is not None)}
    return Score(float(is_right), is_right, reason, parts, {"right": int(is_right), "total": 1})


def extremes(sample: Sample) -> tuple[Score, Score]:  # noqa: ARG001
    """Return the score of an answer without a number, and of a right one."""
    return Score(0.0, False, "", {"answered": 0.0}), Score(1.0, True, "", {"answered": 1.0})


def metrics(results: Sequence[Result]) -> dict[str, list[Tally]]:
    """Return a tally for each scored trial; the trials of a question are one cluster."""
    accuracy, answered = [], []
    for sample, _, trial_score in results:
        if trial_score is not None:
            accuracy.append(Tally(sample.id, trial_score.value, 1.0))
            answered.append(Tally(sample.id, trial_score.parts["answered"], 1.0))
    return {HEADLINE: accuracy} | passes(accuracy, trial_count(results)) | {"answered": answered}


def _sample(row: dict[str, Any], where: str) -> Sample:
    question, answer = row.get("question"), row.get("answer")
    if not isinstance(question, str) or not isinstance(answer, str | int | float):
        fix = "a row of gsm8k is {question, answer}"
        raise DataError(f"{where}: no question, or no answer", "no_question", fix)
    target = number_of(str(answer))
    if target is None:
        fix = "end it with #### and the number"
        raise DataError(f"{where}: no number in the answer", "bad_gold", fix)
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": question}]
    return Sample(identity_of(row, where), messages, [], target, {"where": where})


TASK = Task(load, score, metrics, (0.0, 1024), HEADLINE, extremes=extremes)
