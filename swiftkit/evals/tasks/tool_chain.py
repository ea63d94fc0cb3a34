r"""Several steps: the model calls, the environment answers, until the model calls no more.

Data: swift rows as `swiftkit convert` writes them, with the calls and results that were recorded:

    {"id": "o-4", "tools": "[...]", "messages": [
        {"role": "user", "content": "Cancel my order K4051"},
        {"role": "tool_call",
         "content": "{\"name\": \"get_order\", \"arguments\": {\"id\": \"K4051\"}}"},
        {"role": "tool_response", "content": "{\"status\": \"open\"}"}],
     "expected_calls": "[{\"name\": \"cancel_order\", \"arguments\": {\"id\": \"K4051\"}}]"}

The model starts at the last question; what was called after it, and then `expected_calls`, are the
steps of the chain. A training row, without `expected_calls`, gives one sample for each of its
questions that calls follow, with the true history before it. Of rows that continue each other
(convert --each-step) the longest counts.

The environment: with SWIFTKIT_TOOLS (a Python file of functions, see docs/rewards.md) calls really
run, in processes of their own, on the row's `state`; without it, a call that was recorded gives its
recorded result (`expected_results`, a JSON list beside `expected_calls`, are those of the last
step), and any other call {"error": ...}. A sample ends with an answer without calls, or with a
malformed one, or after two answers more than the chain has steps, and eight at least.

Metrics. A chain's score is swiftkit/scoring/chain.py's, as is GRPO's reward `tool_chain`:

    chain_success   chains that are exact; with trials, also pass^k and pass@k
    step_accuracy   steps with all their calls right / steps expected
    tool_accuracy   right calls / max(expected, made)
    finished        chains that the model ended itself, with an answer that can be read
    chain_success[CATEGORY]
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.data.to_openai import Message, openai_messages, parse_tools
from swiftkit.environments.environment import AgentTask
from swiftkit.environments.python_tools import shared_pool
from swiftkit.environments.rollout import Episode
from swiftkit.errors import DataError
from swiftkit.evals.dataset import (
    chain_of,
    identity_of,
    load_samples,
    meta_of,
    prompt_of,
    with_format,
)
from swiftkit.evals.results import categories_of, trial_count
from swiftkit.evals.stats import MetricTallies, Tally, passes
from swiftkit.evals.task import Result, Task
from swiftkit.files.jsonl import decode_line, encode
from swiftkit.records import Response, Sample, Score, Step
from swiftkit.sandbox.tool_pool import FILE
from swiftkit.scoring.answer import read_answer
from swiftkit.scoring.chain import Chain, chain_from, score_turns, steps_right
from swiftkit.scoring.completion import READ, parse_answer, read_as
from swiftkit.scoring.gold import gold_from, gold_of
from swiftkit.toolcall import openai_calls
from swiftkit.toolcall.call import ToolCall

HEADLINE = "chain_success"
_EXTRA_ANSWERS, _LEAST_ANSWERS = 2, 8  # beyond the steps of the chain; at least


class ChainTarget(msgspec.Struct, frozen=True):
    """The gold, the recorded calls as {name, arguments, result}, the state of real tools."""

    chain: Chain
    recorded: list[dict[str, Any]]
    state: dict[str, Any]


def load(path: Path, wire_format: str = "") -> Sequence[Sample]:
    """Return the samples of a file. Raises DataError (file:line), UsageError for SWIFTKIT_TOOLS."""
    samples = load_samples(
        path, lambda row, where, _: _samples(with_format(row, wire_format), where), _longest
    )
    if os.environ.get(FILE):
        shared_pool()
    return samples


def _longest(samples: Sequence[Sample]) -> list[Sample]:
    """Return the longest of the samples of one chain that ask the same."""
    longest: dict[bytes, Sample] = {}
    for sample in samples:
        question = encode([chain_of(sample), sample.messages])
        other = longest.get(question)
        if other is None or int(other.meta["steps"]) < int(sample.meta["steps"]):
            longest[question] = sample
    return list(longest.values())


def settings() -> dict[str, str]:
    """Return the file of the tools that run, if there is one."""
    file = os.environ.get(FILE)
    return {"tools": file} if file else {}


def episode(sample: Sample) -> Episode:
    """Return the walk through the chain, in the environment that is configured."""
    target: ChainTarget = sample.target
    config: dict[str, Any] = {"tools": sample.tools, "messages": sample.messages}
    if os.environ.get(FILE):
        task = AgentTask(sample.id, "python-tools", config | {"state": target.state})
    else:
        task = AgentTask(sample.id, "recorded", config | {"recorded": target.recorded})
    most_answers = max(_LEAST_ANSWERS, target.chain.steps + _EXTRA_ANSWERS)
    return Episode(task, lambda text, _: parse_answer(text, target.chain.gold), most_answers)


def score(sample: Sample, response: Response) -> Score:
    """Score the calls of all answers against the chain."""
    chain: Chain = sample.target.chain
    parse = partial(parse_answer, gold=chain.gold)
    parsed = []
    ways: Counter[str] = Counter()
    for step in response.steps or [Step(response.text, response.tool_calls)]:
        answer = Response("", text=step.text, tool_calls=step.tool_calls)
        parsed.append(read_answer(answer, parse))
        ways[f"{READ}{read_as(answer, parsed[-1], chain.gold.options.wire_format)}"] += 1
    total = score_turns(parsed, chain)
    finished = int(not parsed[-1].calls and not parsed[-1].malformed)
    right = steps_right(parsed, chain)
    counts = {"steps_right": right, "steps": chain.steps, "finished": finished}
    return msgspec.structs.replace(total, counts=total.counts | counts | ways)


def extremes(sample: Sample) -> tuple[Score, Score]:
    """Return the worst and the best score of a chain with at most as many calls as expected (one
    where none is): more would weigh more in `tool_accuracy`, without end."""
    chain: Chain = sample.target.chain
    total = 1 if chain.gold.item else max(1, len(chain.gold.calls))
    worst = {"right": 0, "total": total, "steps_right": 0, "steps": chain.steps, "finished": 0}
    best = worst | {"right": total, "steps_right": chain.steps, "finished": 1}
    return Score(0.0, False, "", {}, worst), Score(1.0, True, "", {}, best)


def metrics(results: Sequence[Result]) -> MetricTallies:
    """Return what each metric is summed from; a sample is a chain, its trials are one cluster."""
    names = [HEADLINE, "step_accuracy", "tool_accuracy", "finished"]
    names += [f"{HEADLINE}[{category}]" for category in categories_of(results)]
    tallies: dict[str, list[Tally]] = {name: [] for name in names}
    for sample, _, total in results:
        if total is None:
            continue
        counts = total.counts
        success = Tally(sample.id, float(total.exact), 1.0)
        tallies[HEADLINE].append(success)
        tallies["step_accuracy"].append(Tally(sample.id, counts["steps_right"], counts["steps"]))
        tallies["tool_accuracy"].append(Tally(sample.id, counts["right"], counts["total"]))
        tallies["finished"].append(Tally(sample.id, counts["finished"], 1.0))
        by_category = f"{HEADLINE}[{sample.meta.get('category')}]"
        if by_category in tallies:
            tallies[by_category].append(success)
    chain_success = tallies.pop(HEADLINE)
    return {HEADLINE: chain_success} | passes(chain_success, trial_count(results)) | tallies


def _samples(row: dict[str, Any], where: str) -> Iterator[Sample]:
    """Yield a row's sample; of a training row one for each question that calls follow."""
    history = openai_messages(row.get("messages"), where)
    tools = parse_tools(row.get("tools"), where)
    base = Sample(identity_of(row, where), history, tools, None, meta_of(row, where))
    questions = [index for index, message in enumerate(history) if message["role"] == "user"]
    if not questions:
        prompt_of(history, where)
        fix = "the row needs a user message"
        raise DataError(f"{where}: nothing asks for an answer", "no_question", fix)
    if row.get("expected_calls") is not None:
        yield _sample(base, questions[-1], len(history), row, where)
        return
    spans = []
    for start, end in zip(questions, [*questions[1:], len(history)], strict=True):
        if _steps(history[start:end]):
            spans.append((start, end))
    if not spans:
        spans = [(questions[-1], len(history))]
    for number, (start, end) in enumerate(spans, 1):
        identity = base.id if len(spans) == 1 else f"{base.id}#{number}"
        yield _sample(msgspec.structs.replace(base, id=identity), start, end, row, where)


def _sample(base: Sample, start: int, end: int, row: dict[str, Any], where: str) -> Sample:
    """Return the sample of the question at `start`, whose chain was recorded up to `end`."""
    span = base.messages[start:end]
    steps = [gold_of(calls).calls for calls in _steps(span)]
    recorded = _recorded_calls(span)
    if row.get("expected_calls") is not None:
        last_step = gold_from(row["expected_calls"], where).calls
        if last_step:
            steps.append(last_step)
        results = _json_column(row, "expected_results", where, list[Any]) or []
        for call, result in zip(last_step, results, strict=False):
            text = result if isinstance(result, str) else encode(result).decode()
            recorded.append({"name": call.name, "arguments": call.arguments, "result": text})
    steps_text, tools_text = encode(steps).decode(), encode(base.tools).decode()
    try:
        chain = chain_from(steps_text, row.get("scoring") or "", tools_text)
    except DataError as error:
        raise DataError(f"{where}: {error.reason}", error.code, error.fix) from error
    state = _json_column(row, "state", where, dict[str, Any]) or {}
    meta = base.meta | {"steps": str(chain.steps)}
    target = ChainTarget(chain, recorded, state)
    messages = base.messages[: start + 1]
    return Sample(base.id, messages, base.tools, target, meta, beside=state or None)


def _steps(messages: Sequence[Message]) -> list[list[ToolCall]]:
    """Return the calls of each step; answers without a result between them are one."""
    steps = []
    for is_answer, turns in groupby(messages, key=lambda message: message["role"] == "assistant"):
        if is_answer:
            calls = [call for turn in turns for call in openai_calls.parse(turn).calls]
            if calls:
                steps.append(calls)
    return steps


def _recorded_calls(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return the calls that have a result, as {name, arguments, result}."""
    recorded: list[dict[str, Any]] = []
    open_calls: dict[str, dict[str, Any]] = {}  # by their ids, which later calls may have again
    for message in messages:
        if message["role"] == "tool":
            open_calls[message["tool_call_id"]]["result"] = message["content"]
            continue
        calls = openai_calls.parse(message).calls
        for call, raw in zip(calls, message.get("tool_calls", []), strict=True):
            entry = {"name": call.name, "arguments": call.arguments}
            open_calls[raw["id"]] = entry
            recorded.append(entry)
    return [entry for entry in recorded if "result" in entry]


def _json_column(row: dict[str, Any], column: str, where: str, kind: Any) -> Any:
    """Return the value of a column that is JSON text, or the value itself; None without one."""
    value = row.get(column)
    if value is None:
        return None
    text = value.encode() if isinstance(value, str) else encode(value)
    return decode_line(text, f"{where}: {column}", msgspec.json.Decoder(kind).decode)


TASK = Task(
    load,
    score,
    metrics,
    (0.0, 512),
    HEADLINE,
    episode=episode,
    settings=settings,
    load_for=load,
    extremes=extremes,
)
