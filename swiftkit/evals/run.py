"""Evaluate a served model on a task: load, ask, score, report.

evals/runner.py asks, evals/run_directory.py keeps the run, client/client.py meets the faults.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from swiftkit import __version__
from swiftkit.client.client import Endpoint
from swiftkit.errors import DataError, UsageError
from swiftkit.evals.answers import JournalAnswers, find_answers
from swiftkit.evals.ask_again import Retry, keys_to_ask
from swiftkit.evals.dataset import select
from swiftkit.evals.gates import Gate
from swiftkit.evals.report.report import EvalReport
from swiftkit.evals.report.write import check_gates, write_report
from swiftkit.evals.results import RunResults, jobs_of
from swiftkit.evals.run_directory import (
    RunConfig,
    RunDirectory,
    data_sha256,
    new_run_path,
    stopped_by_disk,
)
from swiftkit.evals.runner import Runner
from swiftkit.evals.task import Task, load_task
from swiftkit.files.hub import data_path
from swiftkit.rendering.written_format import wire_format_named
from swiftkit.scoring.ending import CUT
from swiftkit.terminal import say


class EvalOptions(NamedTuple):
    """The flags of `swiftkit eval`; None means the task's or the endpoint's own choice."""

    task: str
    data: Path
    endpoint: Endpoint
    model: str | None = None
    run: Path | None = None
    limit: int | None = None
    sample: int | None = None
    seed: int = 0
    trials: int = 1
    temperature: float | None = None
    max_tokens: int | None = None
    prompt: Path | None = None
    wire_format: str = ""
    gates: tuple[Gate, ...] = ()
    junit: Path | None = None
    retry: Retry = Retry()


def evaluate(options: EvalOptions) -> EvalReport:
    """Run or resume an evaluation.

    Raises EndpointError where nothing was scored, UnwritableRunError on a full disk.
    """
    with open_run(options) as runner, stopped_by_disk(runner.how_to_resume):
        start = time.perf_counter()
        runner.run()
        elapsed = time.perf_counter() - start
        results, directory = runner.results, runner.directory
        directory.write_json("config.json", runner.config)  # the data may have moved
        if runner.asked_again:  # what has no new answer keeps the earlier one
            results = _with_earlier_answers(runner)
        gates, junit = options.gates, options.junit
        return write_report(directory, runner.config, results, gates, elapsed, junit)


def _with_earlier_answers(runner: Runner) -> RunResults:
    """Return the results where an answer that was asked for again in vain counts; they are said."""
    asked, directory = runner.results, runner.directory
    samples = list({job.sample.id: job.sample for job in asked.jobs}.values())
    answers = find_answers(directory, samples, Path(runner.config.data), is_same_data=True)
    results = RunResults(asked.task, asked.jobs, answers.responses())
    results.counts.finished_before = asked.counts.finished_before
    results.errors = asked.errors | results.errors  # some were not asked: no quota
    in_vain = []
    for job in results.jobs:
        if job.key in runner.asked_again & asked.errors.keys() and not results.needs_answer(job):
            in_vain.append(job.key)
    if in_vain:
        first = f"the first, {in_vain[0][0]}: {asked.errors[in_vain[0]]}"
        say(f"{len(in_vain)} samples had no new answer, and keep the earlier one ({first})")
    return results


@contextmanager
def open_run(options: EvalOptions) -> Iterator[Runner]:
    """Yield the runner of a run that is locked, with what was answered before; nothing is asked.

    Raises UsageError or DataError for all that can be told without the endpoint: the task, the
    data, the gates, a run directory that belongs to other settings.
    """
    if options.retry != Retry() and options.run is None:
        raise UsageError("--retry asks again what is in a run (give it as --run DIR)")
    task = load_task(options.task)
    options = options._replace(data=data_path(str(options.data)))
    config = _config(options, task)
    loaded = task.samples(options.data, config.wire_format)
    samples = select(loaded, options.limit, options.sample, options.seed)
    jobs = jobs_of(samples, options.trials)
    check_gates(options.gates, task, jobs)
    directory = RunDirectory(options.run or new_run_path(options.task))
    if options.trials > 1 and config.temperature == 0:
        say("note: at temperature 0 all trials of a sample may be equal (give --temperature)")
    with directory.lock():
        recorded = directory.read_config() or config
        config = directory.resume_config(config, may_raise_limit=CUT in options.retry.words)
        is_same = recorded.data_sha256 == config.data_sha256
        answers = find_answers(directory, samples, options.data, is_same_data=is_same)
        if not is_same:
            if answers.untold or not answers.are_most_kept:
                raise _other_data(directory.path, options.data, answers)
            say(answers.change_note(options.data, len(jobs)))
        if answers.placed:
            say(answers.places_note())
        results = RunResults(task, jobs, answers.responses())
        asked_again = keys_to_ask(options.retry, results)
        if asked_again:
            results = RunResults(task, jobs, answers.responses(), asked_again)
        yield Runner(config, options.endpoint, directory, results, asked_again)


def _other_data(run: Path, data: Path, answers: JournalAnswers) -> UsageError:
    """Return the error that a run was asked from data of which too little is left, or unknown."""
    if answers.untold:
        reason = f"{data} has changed since {run} was begun, which does not say what it asked"
    else:
        lost = answers.changed + answers.gone
        reason = f"{run} was begun with other data than {data}: {lost} answers have no question"
    fix = f"`swiftkit grade {run} --data FILE` scores what is answered by other gold"
    return UsageError(f"{reason} (give the same data, or another --run; {fix})")


def _config(options: EvalOptions, task: Task) -> RunConfig:
    temperature, max_tokens = task.sampling
    if options.temperature is not None:
        temperature = options.temperature
    prompt = None
    if options.prompt is not None:
        try:
            prompt = options.prompt.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = f"--prompt {options.prompt}: {error}"
            raise DataError(reason, "unreadable_file", "give a UTF-8 text file") from error
    return RunConfig(
        task=options.task,
        data=str(options.data.absolute()),
        data_sha256=data_sha256(options.data),
        base_url=",".join(options.endpoint.urls),
        model=options.model,
        trials=options.trials,
        temperature=temperature,
        max_tokens=options.max_tokens or max_tokens,
        prompt=prompt,
        limit=options.limit,
        sample=options.sample,
        seed=options.seed,
        swiftkit=__version__,
        settings=task.settings(),
        wire_format=wire_format_named(options.wire_format, "--wire-format"),
    )
