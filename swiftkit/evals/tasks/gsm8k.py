r"""Grade-school arithmetic: does the last number that the model gives equal the answer?

Data: GSM8K (Cobbe et al. 2021, https://github.com/openai/grade-school-math), JSON Lines of

    {"question": "Janet's ducks lay 16 eggs per day. ...", "answer": "Janet sells 16 - 3 - 4 = ...\n#### 18"}

or Parquet of the same columns. The prompt is the question; --prompt gives another system prompt
than PROMPT.

The answer is the number that the text gives (evals/final_number.py), which knows `####`, `\boxed{}`
and prose, without the model's thinking. Numbers are compared by value: 1,234.00 = 1234, $18 = 18,
1/2 = 0.5.

Metric: `accuracy`, with trials also pass^k and pass@k; `answered`: the share of answers in which a
number was found.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from swiftkit.errors import DataError
from swiftkit.evals.dataset import identity_of, load_samples
from swiftkit.evals.final_number import number_of
from swiftkit.evals.stats import Tallies, Tally, passes
from swiftkit.evals.task import Sampling, Task
from swiftkit.records import Response, Sample, Score
from swiftkit.toolcall.reasoning import spoken

HEADLINE = "accuracy"
PROMPT = "Solve the problem step by step. Write the answer, a number without its unit, on the last line after ####."


def load(path: Path) -> Sequence[Sample]:
    """The questions of a file. Raises DataError (file:line) for one without question or answer."""
    return load_samples(path, lambda row, where, _: [_sample(row, where)])


def score(sample: Sample, response: Response) -> Score:
    """1 where the number that the model gives equals the answer."""
    found = number_of(spoken(response.text))
    right = found == sample.target
    given = "no number" if found is None else shown(found)
    reason = "" if right else f"{given} instead of {shown(sample.target)}"
    parts = {"answered": float(found is not None)}
    return Score(float(right), right, reason, parts, {"right": int(right), "total": 1})


def metrics(results: Sequence[tuple[Sample, int, Score | None]]) -> dict[str, Tallies]:
    """A tally for each scored trial; the trials of a question are one cluster."""
    accuracy, answered, trials = Tallies(), Tallies(), 1
    for sample, trial, found in results:
        trials = max(trials, trial + 1)
        if found:
            accuracy.append(Tally(sample.id, found.value, 1.0))
            answered.append(Tally(sample.id, found.parts["answered"], 1.0))
    return {HEADLINE: accuracy} | passes(accuracy, trials) | {"answered": answered}


def shown(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{float(value):g}"


def _sample(row: dict[str, Any], where: str) -> Sample:
    question, answer = row.get("question"), row.get("answer")
    if not isinstance(question, str) or not isinstance(answer, str | int | float):
        fix = "a row of gsm8k is {question, answer}"
        raise DataError(f"{where}: no question, or no answer", "no_question", fix)
    target = number_of(str(answer))
    if target is None:
        raise DataError(
            f"{where}: no number in the answer", "bad_gold", "end it with #### and the number"
        )
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": question}]
    return Sample(identity_of(row, where), messages, [], target, {"where": where})


TASK = Task(load, score, metrics, Sampling(0.0, 1024), HEADLINE)
