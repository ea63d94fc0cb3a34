"""What has become of each job of a run: its score, or its error, and what the answers cost.

No response is kept: its text may be long, and the journal has it.
"""

from array import array
from collections.abc import Iterable, Sequence
from math import fsum
from typing import Any, NamedTuple

from swiftkit.progress import Counts
from swiftkit.records import SKIPPED, Response, Sample, Score

Key = tuple[str, int]  # sample id, trial


class Job(NamedTuple):
    sample: Sample
    trial: int

    @property
    def key(self) -> Key:
        return self.sample.id, self.trial


class Account:
    """`scores` and `errors` have each key once, in one of both. Times are in seconds."""

    def __init__(self, task: Any, total: int) -> None:
        self.counts = Counts(total=total)
        self.scores: dict[Key, Score] = {}
        self.errors: dict[Key, str] = {}
        self.usage: dict[str, int] = {}  # tokens summed, by the endpoint's own names
        self._task = task
        self._latencies, self._first_tokens, self._speeds = array("d"), array("d"), array("d")

    def resume(self, jobs: Sequence[Job], responses: Iterable[Response]) -> None:
        """Take over what a journal holds of these jobs: finished ones are done, of others only the error."""
        by_key = {job.key: job for job in jobs}
        for response in responses:
            job = by_key.get((response.sample_id, response.trial))
            if job and response.error:
                self.errors[job.key] = response.error
            elif job:
                self.take(job, response)
                self.counts.finished_before += 1

    def take(self, job: Job, response: Response) -> None:
        """Count a response, and score it if it is no error."""
        if response.error:
            self.fail(job, response.error)
            return
        score = self.scores[job.key] = self._task.score(job.sample, response)
        self.errors.pop(job.key, None)
        self.counts.done += 1
        self.counts.scored += 1
        self.counts.exact += score.exact
        for name, count in response.usage.items():
            self.usage[name] = self.usage.get(name, 0) + count
        self._time(response)

    def fail(self, job: Job, error: str) -> None:
        self.errors[job.key] = error
        skipped = error.startswith(SKIPPED)
        self.counts.done += 1
        self.counts.skipped += skipped
        self.counts.errors += not skipped

    def latency(self) -> dict[str, float]:
        """The mean, the median, the 95th percentile and the longest time of the attempts that were answered; if they
        were streamed, the same of the time to the first token, and the tokens a second after it."""
        found = _spread(self._latencies, "")
        found |= _spread(self._first_tokens, "first_token_")
        if self._speeds:
            found["tokens_per_s"] = round(sorted(self._speeds)[len(self._speeds) // 2], 2)
        return found

    def _time(self, response: Response) -> None:
        self._latencies.append(response.latency)
        if response.first_token and not response.steps:
            self._first_tokens.append(response.first_token)
            rest, tokens = response.latency - response.first_token, response.usage.get("completion_tokens", 0)
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
