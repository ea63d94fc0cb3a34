"""One sitting of a run: ask what the journal lacks, with a number of workers, until all is answered
or it stops.

Each response is journalled before it is counted, so that whatever ends the process loses only what
was in flight.
"""

import asyncio
import contextlib
import signal
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from swiftkit.client.client import BAD_REQUEST, Client, Endpoint
from swiftkit.environments.rollout import play
from swiftkit.errors import EndpointError, SwiftkitError, UsageError
from swiftkit.evals.lazy_samples import chosen
from swiftkit.evals.progress import Progress
from swiftkit.evals.results import Account, Job
from swiftkit.evals.run_directory import Config, RunDir
from swiftkit.evals.task import Task
from swiftkit.files.jsonl import Journal, encode
from swiftkit.records import SKIPPED, Response
from swiftkit.terminal import say

_OWN_FAULTS = ("HTTP 400", "HTTP 413", "HTTP 422")  # of a sample, not of the endpoint


class InterruptedRunError(SwiftkitError):
    """Ctrl-C or SIGTERM."""

    exit_status = 130


class Session:
    """`config.model` may be None until the endpoint has named one; `account` fills as answers
    come."""

    def __init__(
        self, task: Task, config: Config, endpoint: Endpoint, run: RunDir, jobs: Sequence[Job]
    ) -> None:
        self.task, self.config, self.endpoint, self.run = task, config, endpoint, run
        self.account = Account(task, len(jobs))
        self.counts = self.account.counts
        self.account.resume(jobs, run.responses())
        self._suspects: list[Job] = []
        left = [number for number in range(len(jobs)) if self.account.score(number) is None]
        self._left: Sequence[Job] = chosen(jobs, array("l", left))
        self._failed_in_a_row = 0
        self._progress = Progress(self.counts)

    def run_all(self) -> None:
        """Ask what is left; raises EndpointError or InterruptedRunError with the way to go on."""
        if not self._left:
            say(
                f"all {self.counts.total} were answered before, in {self.run.path}: nothing is asked"
            )
            asyncio.run(self._check_same_model())
            return
        if self.counts.done:
            say(f"resuming {self.run.path}: {self.counts.done} of {self.counts.total} are finished")
        try:
            asyncio.run(self._ask())
        except asyncio.CancelledError:
            raise InterruptedRunError(f"stopped: {self._resume()}") from None
        except OSError as error:
            raise EndpointError(
                f"cannot write in {self.run.path}: {error.strerror}: {self._resume()}"
            ) from error

    async def _check_same_model(self) -> None:
        """A finished run needs no endpoint, but one that now serves another model shows a wrong
        --run."""
        async with Client(self.endpoint) as client:
            try:
                served = await client.served_models()
            except EndpointError:
                return
        if served and self.config.model not in served:
            raise UsageError(
                f"{self.run.path} holds answers of {self.config.model!r}, but {self.config.base_url} serves "
                f"{', '.join(served)} (choose another --run)"
            )

    async def _ask(self) -> None:
        _cancel_on_signals()
        async with Client(self.endpoint) as client:
            model = await client.probe(self.config.model)
            self.config = msgspec.structs.replace(self.config, model=model)
            self.run.write_json("config.json", self.config)
            with Journal(self.run.journal) as journal:
                await self._ask_everything(client, journal)

    async def _ask_everything(self, client: Client, journal: Journal) -> None:
        self._progress.start()
        try:
            left = await self._in_parallel(client, journal)
            # a 400 may be the fault of another request in its batch: ask each alone
            for job in self._suspects:
                self._take(job, await self._respond(client, job), journal)
            self._leave(left)
        except EndpointError as error:
            raise EndpointError(f"{error}: {self._resume()}") from error
        finally:
            self._progress.close()

    async def _in_parallel(self, client: Client, journal: Journal) -> Iterator[Job]:
        """The jobs that were not asked, because the quota was used up."""
        jobs = iter(self._left)
        number = min(client.pace.most, len(self._left))
        workers = [asyncio.create_task(self._work(jobs, client, journal)) for _ in range(number)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return jobs

    async def _work(self, jobs: Iterator[Job], client: Client, journal: Journal) -> None:
        while not client.quota_is_used_up and (job := next(jobs, None)):
            response = await self._respond(client, job)
            if response.error.startswith(BAD_REQUEST):
                self._suspects.append(job)
            else:
                self._take(job, response, journal)

    async def _respond(self, client: Client, job: Job) -> Response:
        self.counts.in_flight += 1
        try:
            return await self._answer(client, job)
        finally:
            self.counts.in_flight -= 1

    async def _answer(self, client: Client, job: Job) -> Response:
        """Ask once or, in an environment, as often as it takes; then ask the judge, if any."""
        stream = self.endpoint.stream

        async def ask(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> Response:
            sample = msgspec.structs.replace(job.sample, messages=messages, tools=tools)
            body = request_body(job._replace(sample=sample), self.config, stream)
            return await client.ask(body, sample.id, job.trial)

        episode = self.task.episode(job.sample) if self.task.episode else None
        if episode is None:
            response = await ask(job.sample.messages, job.sample.tools)
        else:
            response = await play(episode, ask, seed=job.trial)
            response = msgspec.structs.replace(response, sample_id=job.sample.id, trial=job.trial)
        if self.task.judge and not response.error:
            response = await self.task.judge(job.sample, response)
        return response

    def _take(self, job: Job, response: Response, journal: Journal) -> None:
        journal.append(response)
        self.account.take(job, response)
        self._progress.tick()
        self._stop_if_nothing_works(response.error)

    def _stop_if_nothing_works(self, error: str) -> None:
        """An endpoint that only fails is not asked for each of a hundred thousand samples, each
        several times."""
        if not error or error.startswith((SKIPPED, *_OWN_FAULTS)):
            self._failed_in_a_row = 0
            return
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= max(32, 2 * self.endpoint.concurrency):
            raise EndpointError(
                f"{self._failed_in_a_row} samples in a row had no answer, the last: {error}"
            )

    def _leave(self, jobs: Iterator[Job]) -> None:
        left = 0
        for job in jobs:
            left += 1
            self.account.fail(job, f"{SKIPPED}not asked, the quota is used up")
        if left:
            say(
                f"the quota is used up (HTTP 402 many times in a row): {left} samples are not asked"
            )

    def _resume(self) -> str:
        kept = self.counts.scored
        return f"{kept} of {self.counts.total} are kept; the same command with --run {self.run.path} asks the rest"


def request_body(job: Job, config: Config, stream: bool = False) -> bytes:
    """The chat-completions request of one job, as JSON bytes."""
    body: dict[str, Any] = {
        "model": config.model,
        "messages": _with_prompt(job.sample.messages, config.prompt),
        "temperature": config.temperature,
        "max_tokens": config.max_tokens,
    }
    if job.sample.tools:  # some servers refuse an empty list
        body["tools"] = job.sample.tools
    if config.trials > 1:
        body["seed"] = config.seed + job.trial
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return encode(body)


def _with_prompt(messages: list[dict[str, Any]], prompt: str | None) -> list[dict[str, Any]]:
    """The messages under another system prompt."""
    if prompt is None:
        return messages
    return [
        {"role": "system", "content": prompt},
        *(entry for entry in messages if entry["role"] != "system"),
    ]


def _cancel_on_signals() -> None:
    main = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(ValueError, RuntimeError):  # outside the main thread
            asyncio.get_running_loop().add_signal_handler(number, main.cancel)  # type: ignore[union-attr]
