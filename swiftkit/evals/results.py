"""What has become of each job of a run: its score, or its error, and what the answers cost.

No response is kept: its text may be long, and the journal has it. Equal scores are kept once.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from math import fsum
from typing import NamedTuple

from swiftkit.evals.lazy_samples import Lazy
from swiftkit.evals.progress import Counts
from swiftkit.evals.task import Result, Task
from swiftkit.files.jsonl import encode
from swiftkit.records import SKIPPED, Response, Sample, Score

_NO_SCORE = -1


class Job(NamedTuple):
    """One trial of one sample; `number` is its place among the jobs of the run."""

    sample: Sample
    trial: int
    number: int


def jobs_of(samples: Sequence[Sample], trials: int) -> Sequence[Job]:
    """All trials of all samples, those of a sample one after the other."""
    return Lazy(
        len(samples) * trials,
        lambda number: Job(samples[number // trials], number % trials, number),
    )


def results_of(jobs: Sequence[Job], score: Callable[[Job], Score | None]) -> Sequence[Result]:
    """What a task's `metrics` sums up."""

    def result(number: int) -> Result:
        job = jobs[number]
        return job.sample, job.trial, score(job)

    return Lazy(len(jobs), result)


class Account:
    """`errors` are by the job's number; a job has a score, or an error, or was not asked yet. Times
    are in seconds."""

    def __init__(self, task: Task, total: int) -> None:
        self.counts = Counts(total=total)
        self.errors: dict[int, str] = {}
        self.usage: dict[str, int] = {}  # tokens summed, by the endpoint's own names
        self._task = task
        # of each job's score among the different ones
        self._places = array("l", [_NO_SCORE]) * total
        self._scores: list[Score] = []
        self._known: dict[bytes, int] = {}
        self._latencies, self._first_tokens, self._speeds = array("d"), array("d"), array("d")

    def score(self, number: int) -> Score | None:
        place = self._places[number]
        return None if place == _NO_SCORE else self._scores[place]

    def resume(self, jobs: Sequence[Job], responses: Iterable[Response]) -> None:
        """Take over what a journal holds of these jobs: finished ones are done, of others only the
        error."""
        places: dict[tuple[str, int], int] = {}
        for response in responses:
            places = places or {(job.sample.id, job.trial): job.number for job in jobs}
            number = places.get((response.sample_id, response.trial), _NO_SCORE)
            if number != _NO_SCORE and response.error:
                self.errors[number] = response.error
            elif number != _NO_SCORE:
                self.take(jobs[number], response)
                self.counts.finished_before += 1

    def take(self, job: Job, response: Response) -> None:
        """Count a response, and score it if it is no error."""
        if response.error:
            self.fail(job, response.error)
            return
        score: Score = self._task.score(job.sample, response)
        self._keep(job.number, score)
        self.errors.pop(job.number, None)
        self.counts.done += 1
        self.counts.scored += 1
        self.counts.exact += score.exact
        for name, count in response.usage.items():
            self.usage[name] = self.usage.get(name, 0) + count
        self._time(response)

    def fail(self, job: Job, error: str) -> None:
        self.errors[job.number] = error
        skipped = error.startswith(SKIPPED)
        self.counts.done += 1
        self.counts.skipped += skipped
        self.counts.errors += not skipped

    def _keep(self, number: int, score: Score) -> None:
        place = self._known.setdefault(encode(score), len(self._scores))
        if place == len(self._scores):
            self._scores.append(score)
        self._places[number] = place

    def latency(self) -> dict[str, float]:
        """The mean, the median, the 95th percentile and the longest time of the attempts that were
        answered; if they were streamed, the same of the time to the first token, and the tokens a
        second after it."""
        found = _spread(self._latencies, "")
        found |= _spread(self._first_tokens, "first_token_")
        if self._speeds:
            found["tokens_per_s"] = round(sorted(self._speeds)[len(self._speeds) // 2], 2)
        return found

    def _time(self, response: Response) -> None:
        self._latencies.append(response.latency)
        if response.first_token and not response.steps:
            self._first_tokens.append(response.first_token)
            rest, tokens = (
                response.latency - response.first_token,
                response.usage.get("completion_tokens", 0),
            )
            if rest > 0 and tokens > 1:
                self._speeds.append((tokens - 1) / rest)


def _spread(seconds: Sequence[float], prefix: str) -> dict[str, float]:
    times = sorted(seconds)
    if not times:
        return {}
    last = len(times) - 1
    found = {
        "mean": fsum(times) / len(times),
        "p50": times[last // 2],
        "p95": times[round(0.95 * last)],
        "max": times[-1],
    }
    return {f"{prefix}{name}": round(value, 4) for name, value in found.items()}
