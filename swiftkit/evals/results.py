"""Score, error and latency of each (sample, trial) of a run.

No response is kept: its text may be long, and the journal has it.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from math import fsum, inf
from typing import NamedTuple

import msgspec

from swiftkit.evals.scorer_error import SCORER_FAILED, score_or_error
from swiftkit.evals.task import Result, Task
from swiftkit.records import SKIPPED, Response, Sample, Score
from swiftkit.scoring.ending import ENDINGS, ending_of
from swiftkit.terminal import say

NOT_ASKED = "not asked yet"
MOST_CATEGORIES = 30  # a longer breakdown tells nobody anything
Key = tuple[str, int]  # sample id, trial


class Job(NamedTuple):
    """One trial of one sample."""

    sample: Sample
    trial: int

    @property
    def key(self) -> Key:
        return self.sample.id, self.trial


class TrialOutcome(NamedTuple):
    """The end of one trial of one sample: a score, or the error that stands in its place."""

    sample: Sample
    trial: int
    score: Score | None
    error: str
    ended: str = ""  # how the answer ended (scoring/ending.py)


class RunCounts(msgspec.Struct):
    """`total` and `done` count sample-trials; `finished_before` of `done` came from the journal.

    `cut`, `filtered` and `empty` are answers (scoring/ending.py); `scorer_errors` are those of
    `errors` that have an answer, which the scorer failed on.
    """

    total: int
    done: int = 0
    finished_before: int = 0
    scored: int = 0
    exact: int = 0
    errors: int = 0
    skipped: int = 0
    in_flight: int = 0
    cut: int = 0
    filtered: int = 0
    empty: int = 0
    scorer_errors: int = 0

    def line(self, seconds: float) -> str:
        """Return the state of a run that has been asking for some seconds, in one line."""
        rate = (self.done - self.finished_before) / seconds if seconds else 0.0
        parts = [f"{self.done}/{self.total}", f"{rate:.1f}/s"]
        parts.append(f"{(self.total - self.done) / rate:.0f} s left" if rate else "-")
        exact = 100 * self.exact / max(1, self.scored)
        parts.append(f"{exact:.1f} % exact" if self.scored else "none scored")
        for name in ("errors", "skipped", *ENDINGS):
            if number := getattr(self, name):
                parts.append(f"{number} {name}")
        return ", ".join([*parts, f"{self.in_flight} in flight"])


def jobs_of(samples: Iterable[Sample], trials: int) -> list[Job]:
    """Return all trials of all samples, those of a sample one after the other."""
    jobs = []
    for sample in samples:
        jobs += [Job(sample, trial) for trial in range(trials)]
    return jobs


def results_of(jobs: Iterable[Job], scores: Mapping[Key, Score]) -> list[Result]:
    """Return the entries that a task's `metrics` sums up; of a job without a score, None."""
    return [(job.sample, job.trial, scores.get(job.key)) for job in jobs]


def trial_count(results: Iterable[Result]) -> int:
    """Return how often each sample was asked."""
    return 1 + max((trial for _, trial, _ in results), default=0)


def categories_of(results: Iterable[Result]) -> list[str]:
    """Return the categories to split a metric by: none where there is one, or more than 30."""
    categories = {sample.meta["category"] for sample, _, _ in results if "category" in sample.meta}
    return sorted(categories) if 1 < len(categories) <= MOST_CATEGORIES else []


class RunResults:
    """A job has a score, or an error, or was not asked yet. Times are in seconds.

    Of the journal's `responses` those with an answer are done; the others give their error.
    `ended` has the answers that were cut, filtered or empty; those `left_out` are asked again.
    """

    def __init__(
        self,
        task: Task,
        jobs: Sequence[Job],
        responses: Iterable[Response] = (),
        left_out: Container[Key] = (),
    ) -> None:
        self.task, self.jobs, self.counts = task, jobs, RunCounts(len(jobs))
        self.scores: dict[Key, Score] = {}
        self.errors: dict[Key, str] = {}
        self.ended: dict[Key, str] = {}
        self.usage: dict[str, int] = {}  # tokens summed, by the endpoint's own names
        self._latencies: list[float] = []
        self._first_tokens: list[float] = []
        self._speeds: list[float] = []  # tokens a second after the first
        jobs_by_key = {job.key: job for job in jobs}
        for response in responses:
            job = jobs_by_key.get((response.sample_id, response.trial))
            if job is None or job.key in left_out:
                continue
            if response.error:
                self.errors[job.key] = response.error
            else:
                self.add(job, response)
                self.counts.finished_before += 1

    def add(self, job: Job, response: Response) -> None:
        """Count a response, and score it unless it is an error."""
        if response.error:
            self.add_error(job, response.error)
            return
        # a journal may say anything, or be of an earlier version
        ended = response.ended if response.ended in ENDINGS else ending_of(response)
        if ended:
            self.ended[job.key] = ended
            setattr(self.counts, ended, getattr(self.counts, ended) + 1)
        score, error = score_or_error(self.task.score, job.sample, response)
        if score is None:
            self.add_error(job, error)
            self._count_scorer_error(job, error)
        else:
            self.scores[job.key] = score
            self.errors.pop(job.key, None)
            self.counts.done += 1
            self.counts.scored += 1
            self.counts.exact += score.exact
        for name, count in response.usage.items():
            self.usage[name] = self.usage.get(name, 0) + count
        self._latencies.append(response.latency)
        if response.first_token and not response.steps:
            self._first_tokens.append(response.first_token)
            seconds = response.latency - response.first_token
            tokens = response.usage.get("completion_tokens", 0)
            if seconds > 0 and tokens > 1:
                self._speeds.append((tokens - 1) / seconds)

    def add_error(self, job: Job, error: str) -> None:
        self.errors[job.key] = error
        self.counts.done += 1
        if error.startswith(SKIPPED):
            self.counts.skipped += 1
        else:
            self.counts.errors += 1

    def needs_answer(self, job: Job) -> bool:
        """Return whether no answer came yet. One that the scorer failed on is not asked for again:
        `grade` scores it, once the scorer is mended."""
        key = job.key
        return key not in self.scores and not self.errors.get(key, "").startswith(SCORER_FAILED)

    def _count_scorer_error(self, job: Job, error: str) -> None:
        if not self.counts.scorer_errors:
            effect = "its answer is kept, and has no score"
            say(f"warning: sample {job.sample.id}: {error}: {effect}")
        self.counts.scorer_errors += 1

    def outcomes(self) -> list[TrialOutcome]:
        """Return the outcome of each job; one that was not asked yet has that as its error."""
        outcomes = []
        for job in self.jobs:
            score = self.scores.get(job.key)
            error = self.errors.get(job.key, NOT_ASKED) if score is None else ""
            ended = self.ended.get(job.key, "")
            outcomes.append(TrialOutcome(job.sample, job.trial, score, error, ended))
        return outcomes

    def latency(self, missing: float | None = None) -> dict[str, float]:
        """Return mean, p50, p95 and max of the seconds that answers took; if they were streamed,
        also of the time to the first token, and the tokens a second after it.

        With `missing`, 0 or infinite, each job without such a time counts as taking so long.
        """

        def filled(times: Sequence[float], filler: float) -> list[float]:
            absent = 0 if missing is None or not times else len(self.jobs) - len(times)
            return [*times, *[filler] * absent]

        seconds = missing or 0.0
        latency = _spread(filled(self._latencies, seconds), "")
        latency |= _spread(filled(self._first_tokens, seconds), "first_token_")
        if self._speeds:
            speeds = sorted(filled(self._speeds, 0.0 if seconds else inf))
            latency["tokens_per_s"] = round(speeds[len(speeds) // 2], 2)
        return latency


def _spread(seconds: Sequence[float], prefix: str) -> dict[str, float]:
    """Return mean, p50, p95 and max, with the prefix before each name; nothing of no times."""
    times = sorted(seconds)
    if not times:
        return {}
    last = len(times) - 1
    return {
        f"{prefix}mean": round(fsum(times) / len(times), 4),
        f"{prefix}p50": round(times[last // 2], 4),
        f"{prefix}p95": round(times[round(0.95 * last)], 4),
        f"{prefix}max": round(times[-1], 4),
    }
