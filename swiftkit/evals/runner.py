"""Ask every sample that has no response in the journal yet.

Each response is journalled before it is counted: a killed process loses only what was in flight.
"""

import asyncio
import contextlib
import signal
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

import msgspec

from swiftkit.client.client import BAD_REQUEST, Client, Endpoint
from swiftkit.environments.rollout import play, refused_reasoning, without_reasoning
from swiftkit.errors import EndpointError, SwiftkitError, UnwritableRunError, UsageError
from swiftkit.evals.refusals import REFUSED_REQUEST, Refusals, take_few
from swiftkit.evals.request import request_body
from swiftkit.evals.results import Job, Key, RunResults
from swiftkit.evals.run_directory import RunConfig, RunDirectory
from swiftkit.evals.scorer_error import describe
from swiftkit.files.jsonl import Journal
from swiftkit.records import SKIPPED, Response
from swiftkit.scoring.ending import ending_of
from swiftkit.terminal import ProgressBar, say

# errors that are of the sample, not of the endpoint, or of a quota
_NOT_OF_ENDPOINT = (SKIPPED, *REFUSED_REQUEST)
_LINE_SECONDS = 5.0  # between two lines of progress where there is no terminal


class InterruptedRunError(SwiftkitError):
    """Ctrl-C or SIGTERM."""

    exit_status = 130


class Runner:
    """Asks the jobs that the journal has no answer to, with a number of workers.

    `config.model` may be None until the endpoint has named one; `results` fills as responses come.
    The jobs `asked_again` have answers in the journal, but not in `results`.
    """

    def __init__(
        self,
        config: RunConfig,
        endpoint: Endpoint,
        directory: RunDirectory,
        results: RunResults,
        asked_again: frozenset[Key] = frozenset(),
    ) -> None:
        self.config, self.endpoint = config, endpoint
        self.directory, self.results, self.task = directory, results, results.task
        self.asked_again = asked_again
        self._jobs = deque(job for job in results.jobs if results.needs_answer(job))
        self._suspects: list[Job] = []  # whose HTTP 400 may be the fault of another in their batch
        self._refusals = Refusals()
        self._failures_in_a_row = 0
        self._is_reasoning_refused = False

    def run(self) -> None:
        """Ask every job without an answer. Raises EndpointError or InterruptedRunError."""
        counts, path = self.results.counts, self.directory.path
        if not self._jobs:
            say(f"all {counts.total} were answered before, in {path}: nothing is asked")
            asyncio.run(self._check_same_model())
            return
        if counts.done:
            again = f", {len(self.asked_again)} are asked again" if self.asked_again else ""
            say(f"resuming {path}: {counts.done} of {counts.total} are finished{again}")
        try:
            asyncio.run(self._ask_all())
        except asyncio.CancelledError:
            raise InterruptedRunError(f"stopped: {self.how_to_resume()}") from None
        except OSError as error:
            reason = f"cannot write in {path}: {error.strerror}"
            raise UnwritableRunError(f"{reason}: {self.how_to_resume()}") from error

    async def _check_same_model(self) -> None:
        """Raise UsageError if the endpoint now serves other models, which shows a wrong --run. A
        finished run needs no endpoint: one that does not answer is no error."""
        async with Client(self.endpoint) as client:
            try:
                served = await client.served_models()
            except EndpointError:
                return
        if served and self.config.model not in served:
            answers = f"{self.directory.path} holds answers of {self.config.model!r}"
            models = f"{self.config.base_url} serves {', '.join(served)}"
            raise UsageError(f"{answers}, but {models} (choose another --run)")

    async def _ask_all(self) -> None:
        loop, main = asyncio.get_running_loop(), asyncio.current_task()
        assert main  # noqa: S101 - we run in a task
        # Ctrl-C and SIGTERM cancel this task, which then leaves in good order.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(ValueError, RuntimeError):  # outside the main thread
                loop.add_signal_handler(number, main.cancel)
        counts = self.results.counts
        async with Client(self.endpoint) as client:
            model = await client.handshake(self.config.model)
            self.config = msgspec.structs.replace(self.config, model=model)
            self.directory.write_json("config.json", self.config)
            with Journal(self.directory.journal) as journal:
                progress = ProgressBar(counts.total, counts.line, _LINE_SECONDS)
                try:
                    await self._ask_and_journal(client, journal, progress)
                except EndpointError as error:
                    raise EndpointError(f"{error}: {self.how_to_resume()}") from error
                finally:
                    progress.close(counts.done)

    async def _ask_and_journal(
        self, client: Client, journal: Journal, progress: ProgressBar
    ) -> None:
        record = partial(self._record, journal=journal, progress=progress)
        jobs, refusals = self._jobs, self._refusals
        while jobs and not client.is_quota_used_up:
            number = min(client.limit.most, len(jobs))
            await _in_parallel([self._work(client, record) for _ in range(number)])
            if refusals.are_all_equal:
                await self._check_refusals(client, record)
        for job in self._suspects:  # each alone
            record(job, await self._respond(client, job))
        for job in jobs:
            self.results.add_error(job, f"{SKIPPED}not asked, the quota is used up")
        if jobs:
            reason = "the quota is used up (HTTP 402 many times in a row)"
            say(f"{reason}: {len(jobs)} samples are not asked")

    async def _work(self, client: Client, record: Callable[[Job, Response], None]) -> None:
        """Ask one job after the other, as long as it makes sense."""
        while self._jobs and not client.is_quota_used_up and not self._refusals.are_all_equal:
            job = self._jobs.popleft()
            response = await self._respond(client, job)
            self._refusals.count(response.error)
            if response.error.startswith(BAD_REQUEST):
                self._suspects.append(job)
            else:
                record(job, response)

    async def _check_refusals(
        self, client: Client, record: Callable[[Job, Response], None]
    ) -> None:
        """Ask a few jobs alone. Raises EndpointError where they are refused like the others."""
        refusals = self._refusals
        for job in take_few(self._suspects, self._jobs):
            response = await self._respond(client, job)
            refusals.count(response.error)
            record(job, response)
            if not refusals.are_all_equal:
                return
        reason = f"{refusals.number} requests were refused alike, the last of them alone"
        raise EndpointError(f"{reason}, and none was answered: {refusals.last}")

    async def _respond(self, client: Client, job: Job) -> Response:
        """Ask once or, in an environment, as often as it takes; then ask the judge, if any.

        Raises EndpointError where nothing more can be asked; any other exception, such as one of
        an environment, is this sample's error.
        """
        self.results.counts.in_flight += 1
        try:
            return await self._ask_and_judge(client, job)
        except EndpointError:
            raise
        except Exception as error:
            reason = f"while it was asked: {describe(error)}"
            return Response(job.sample.id, job.trial, error=reason)
        finally:
            self.results.counts.in_flight -= 1

    async def _ask_and_judge(self, client: Client, job: Job) -> Response:
        sample, trial = job

        async def send(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> Response:
            body = request_body(self.config, messages, tools, trial, self.endpoint.stream)
            response = await client.ask(body, sample.id, trial)
            ended = "" if response.error else ending_of(response, self.config.max_tokens)
            return msgspec.structs.replace(response, ended=ended) if ended else response

        async def ask(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> Response:
            if self._is_reasoning_refused:
                messages = without_reasoning(messages)
            response = await send(messages, tools)
            key = refused_reasoning(response.error, messages)
            if not key:
                return response
            second = await send(without_reasoning(messages), tools)
            if second.error:
                return response
            self._note_refused_reasoning(key, response.error)
            return second

        episode = self.task.episode(sample) if self.task.episode else None
        if episode is None:
            response = await ask(sample.messages, sample.tools)
        else:
            response = await play(episode, ask, seed=trial)
            response = msgspec.structs.replace(response, sample_id=sample.id, trial=trial)
        if self.task.judge and not response.error:
            try:
                return await self.task.judge(sample, response)
            except EndpointError as error:  # of the judge's endpoint, not of the model's
                return msgspec.structs.replace(response, error=f"the judge: {error}")
        return response

    def _note_refused_reasoning(self, key: str, error: str) -> None:
        """Say, once, that the model will not see the reasoning of its earlier answers."""
        if self._is_reasoning_refused:
            return
        self._is_reasoning_refused = True
        reason = f"the endpoint refuses the {key} of an earlier answer ({error})"
        effect = "the model goes on without its reasoning between tool calls"
        fix = "if it was trained with it, ask a server that takes it (docs/evaluating.md)"
        say(f"warning: {reason}: {effect}; {fix}")

    def _record(
        self, job: Job, response: Response, journal: Journal, progress: ProgressBar
    ) -> None:
        """Journal, score and count a response. Raises EndpointError after many without answer."""
        response = msgspec.structs.replace(response, asked=job.sample.asked)
        try:
            journal.append(response)
        except (ValueError, OverflowError, RecursionError, TypeError) as error:
            reason = f"the answer cannot be written as JSON: {describe(error)}"
            response = Response(job.sample.id, job.trial, error=reason, asked=job.sample.asked)
            journal.append(response)
        self.results.add(job, response)
        progress.update(self.results.counts.done)
        if not response.error or response.error.startswith(_NOT_OF_ENDPOINT):
            self._failures_in_a_row = 0
            return
        self._failures_in_a_row += 1
        if self._failures_in_a_row >= max(32, 2 * self.endpoint.concurrency):
            reason = f"{self._failures_in_a_row} samples in a row had no answer"
            raise EndpointError(f"{reason}, the last: {response.error}")

    def how_to_resume(self) -> str:
        counts = self.results.counts
        command = f"the same command with --run {self.directory.path}"
        return f"{counts.scored} of {counts.total} are kept; {command} asks the rest"


async def _in_parallel(coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run workers to their ends; the first that fails ends them all, and raises."""
    workers = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
