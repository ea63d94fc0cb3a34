"""The bounds of a metric against all that the missing answers could have been.

Random runs of each task: real rows, real answers, the task's own scorer. What is missing is then
each of its possible answers in turn, and the least and the greatest value must be the bounds.
"""

import itertools
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.evals.bounds import bounds_of
from swiftkit.evals.results import Job, Key, jobs_of, results_of
from swiftkit.evals.stats import measures_of, summarize
from swiftkit.evals.task import Task, load_task
from swiftkit.records import Response, Sample, Score, Step
from swiftkit.toolcall.call import ToolCall

RIGHT, WRONG = {"x": 1}, {"x": 2}
TOOLS = json.dumps([{"type": "function", "function": {"name": name}} for name in "fg"])
MOST_MISSING, MOST_CASES = 4, 600


def call_answers(names: Sequence[str]) -> list[Response]:
    """Every answer with at most as many calls as expected (one, where none is): each of them by
    either tool, right or wrong; and a malformed one."""
    calls = [ToolCall(name, arguments) for name in "fg" for arguments in (RIGHT, WRONG)]
    answers = [Response("", text='<tool_call>{"name": "f", "argu')]
    for size in range(max(1, len(names)) + 1):
        for made in itertools.product(calls, repeat=size):
            answers.append(Response("", text="", tool_calls=list(made)))
    return answers


def chain_answers(names: Sequence[str]) -> list[Response]:
    """The same calls, all in one turn or one a turn, with and without an end."""
    answers = []
    for answer in call_answers(names):
        calls = answer.tool_calls or []
        turns = [Step("", [call]) for call in calls]
        end = Step("done")
        answers.append(Response("", text=answer.text, steps=[*turns, end]))
        answers.append(Response("", text=answer.text, steps=turns or [Step(answer.text)]))
        answers.append(Response("", text=answer.text, steps=[Step("", calls), end]))
    return answers


def rows_of_tool_call(draw: st.DrawFn) -> list[dict[str, Any]]:
    rows = []
    for number in range(draw(st.integers(1, 5))):
        names = draw(st.sampled_from(["", "f", "fg"]))
        expected = json.dumps([{"name": name, "arguments": RIGHT} for name in names])
        row = {"messages": [{"role": "user", "content": f"{number}"}], "tools": TOOLS}
        row |= {"expected_calls": expected, "category": draw(st.sampled_from("AB"))}
        chain = draw(st.sampled_from(["", "c", "d"]))
        rows.append(row | ({"chain": chain} if chain else {}))
    return rows


def rows_of_tool_chain(draw: st.DrawFn) -> list[dict[str, Any]]:
    rows = []
    for number in range(draw(st.integers(1, 4))):
        messages = [{"role": "user", "content": f"{number}"}]
        for name in draw(st.sampled_from(["", "f", "g"])):
            call = json.dumps({"name": name, "arguments": RIGHT})
            messages.append({"role": "tool_call", "content": call})
            messages.append({"role": "tool_response", "content": "{}"})
        names = draw(st.sampled_from(["", "f"]))
        expected = json.dumps([{"name": name, "arguments": RIGHT} for name in names])
        row = {"messages": messages, "tools": TOOLS, "expected_calls": expected}
        rows.append(row | {"category": draw(st.sampled_from("AB"))})
    return rows


def rows_of_jsonl(draw: st.DrawFn) -> list[dict[str, Any]]:
    checks = [{"number": 42}, {"contains": "a"}, {"number": 42, "contains": "a"}]
    rows = []
    for number in range(draw(st.integers(1, 5))):
        row = {"prompt": f"{number}", "check": draw(st.sampled_from(checks))}
        rows.append(row | {"category": draw(st.sampled_from("AB"))})
    return rows


def rows_of_gsm8k(draw: st.DrawFn) -> list[dict[str, Any]]:
    size = draw(st.integers(1, 5))
    return [{"question": f"{number}?", "answer": "#### 42"} for number in range(size)]


TEXTS = [Response("", text=text) for text in ("42", "41", "a", "a 42", "", "none")]
ROWS = {
    "gsm8k": rows_of_gsm8k,
    "jsonl": rows_of_jsonl,
    "tool-call": rows_of_tool_call,
    "tool-chain": rows_of_tool_chain,
}


def answers_to(name: str, sample: Sample) -> list[Response]:
    if name == "tool-call":
        return call_answers([call.name for call in sample.target.calls])
    if name == "tool-chain":
        return chain_answers([call.name for call in sample.target.chain.gold.calls])
    return TEXTS


def possible_scores(task: Task, name: str, sample: Sample) -> list[Score]:
    """The different scores that the answers to a sample have."""
    scores = {}
    for answer in answers_to(name, sample):
        score = task.score(sample, answer)
        scores[repr((score.exact, score.parts, score.counts))] = score
    return list(scores.values())


def check_bounds(
    task: Task, jobs: Sequence[Job], scores: dict[Key, Score], possible: dict[str, list[Score]]
) -> None:
    """Compare the bounds with the least and the greatest value of each metric."""
    missing = [job for job in jobs if job.key not in scores]
    least: dict[str, float] = {}
    greatest: dict[str, float] = {}
    for filling in itertools.product(*(possible[job.sample.id] for job in missing)):
        filled = scores | {job.key: score for job, score in zip(missing, filling, strict=True)}
        for name, estimate in summarize(task.metrics(results_of(jobs, filled))).items():
            least[name] = min(estimate.value, least.get(name, math.inf))
            greatest[name] = max(estimate.value, greatest.get(name, -math.inf))
    measured = measures_of(task.metrics(results_of(jobs, scores)))
    bounds = bounds_of(task, jobs, scores, measured)
    for name in least:
        if name in bounds:
            low, high = bounds[name].worst.estimate.value, bounds[name].best.estimate.value
        else:  # it misses nothing, or has one value whatever is missing, and none as it is
            low = high = measured[name].estimate.value if name in measured else least[name]
        assert (low, high) == pytest.approx((least[name], greatest[name])), name


@pytest.mark.parametrize("name", sorted(ROWS))
@settings(max_examples=int(os.environ.get("SWIFTKIT_TEST_EXAMPLES", "40")), deadline=None)
@given(data=st.data())
def test_bounds_are_the_extremes_of_all_that_is_missing(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Chains, trials, categories, tools, checks and steps: each metric by its own units."""
    task = load_task(name)
    samples = data.draw(loaded_samples(task, ROWS[name], tmp_path_factory.mktemp("rows")))
    jobs = jobs_of(samples, data.draw(st.integers(1, 3)))
    possible = {sample.id: possible_scores(task, name, sample) for sample in samples}
    missing: list[Job] = []
    for job in data.draw(st.permutations(jobs))[:MOST_MISSING]:
        if math.prod(len(possible[one.sample.id]) for one in (*missing, job)) <= MOST_CASES:
            missing.append(job)
    scores = {}
    for job in jobs:
        if job not in missing:
            scores[job.key] = data.draw(st.sampled_from(possible[job.sample.id]))
    check_bounds(task, jobs, scores, possible)


@st.composite
def loaded_samples(draw: st.DrawFn, task: Task, rows: Any, folder: Path) -> Sequence[Sample]:
    file = folder / "rows.jsonl"
    lines = [json.dumps({"id": f"r{number}"} | row) for number, row in enumerate(rows(draw))]
    file.write_text("\n".join(lines), encoding="utf-8")
    return task.load(file)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_bounds_of_bfcls_means_are_the_extremes(data: st.DataObject) -> None:
    """The weighted means over categories, too."""
    task = load_task("bfcl")
    categories = ["live_simple", "live_multiple", "live_parallel", "live_parallel_multiple"]
    categories += ["irrelevance", "live_irrelevance", "live_relevance"]
    samples = []
    for category in categories:
        for number in range(data.draw(st.integers(1, 2))):
            samples.append(Sample(f"{category}_{number}", [], [], None, {"category": category}))
    jobs = jobs_of(samples, data.draw(st.integers(1, 2)))
    missing = data.draw(st.permutations(jobs))[:5]
    both = [Score(0.0, False), Score(1.0, True)]
    scores = {job.key: data.draw(st.sampled_from(both)) for job in jobs if job not in missing}
    check_bounds(task, jobs, scores, {sample.id: both for sample in samples})


def test_bounds_of_a_chain_with_one_missing_turn() -> None:
    """The case table's chains: wrong in the worst case, and in the best right only if the other
    turns are."""
    file = ROOT.parent / "shared/cases/eval/chg.jsonl"
    if not file.exists():
        pytest.skip(f"{file} is not here")
    task = load_task("tool-call")
    jobs = jobs_of(task.load(file), 1)
    missing = {job.key for job in jobs if "mode=422" in job.sample.messages[-1]["content"]}
    scores = {job.key: task.extremes(job.sample)[1] for job in jobs if job.key not in missing}
    measured = measures_of(task.metrics(results_of(jobs, scores)))
    bounds = bounds_of(task, jobs, scores, measured)["chain_success"]
    assert (bounds.worst.right, bounds.best.right, bounds.best.total) == (14, 24, 24)
    broken = next(job for job in jobs if job.key in missing)
    other = next(
        job
        for job in jobs
        if job.sample.meta["chain"] == broken.sample.meta["chain"] and job.key in scores
    )
    scores[other.key] = task.extremes(other.sample)[0]
    measured = measures_of(task.metrics(results_of(jobs, scores)))
    bounds = bounds_of(task, jobs, scores, measured)["chain_success"]
    assert (bounds.worst.right, bounds.best.right) == (14, 23)
