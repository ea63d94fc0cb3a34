"""Several steps: the model calls, the environment answers, until the model calls no more. Is the
whole chain right?

Data: swift rows as `swiftkit convert` writes them, with the calls and results that were recorded:

    {"id": "o-4", "messages": [{"role": "user", "content": "Cancel my order K4051"},
       {"role": "tool_call", "content": "{\\"name\\": \\"get_order\\", \\"arguments\\": {\\"id\\": \\"K4051\\"}}"},
       {"role": "tool_response", "content": "{\\"status\\": \\"open\\"}"}],
     "expected_calls": "[{\\"name\\": \\"cancel_order\\", \\"arguments\\": {\\"id\\": \\"K4051\\"}}]", "tools": "[...]"}

The model starts at the last question; what was called after it, and then `expected_calls`, are the
steps of the chain. A training row, without `expected_calls`, gives one sample for each of its
questions that calls follow, with the true history before it. Of rows that continue each other
(convert --each-step) the longest counts, under its own id.

The environment: with SWIFTKIT_TOOLS (a Python file of functions, see docs/rewards.md) calls really
run, in processes of their own, on the row's `state`; without it, a call that was recorded gives its
recorded result (`expected_results`, a JSON list beside `expected_calls`, are those of the last
step), and any other call {"error": ...}. A sample ends with an answer without calls, or with a
malformed one, or after two answers more than the chain has steps, and eight at least.

Metrics. The score of a chain is swiftkit/scoring/chain.py's, the same as GRPO's reward
`tool_chain`:

    chain_success   chains that are exact; with trials, also pass^k and pass@k
    step_accuracy   steps with all their calls right / steps expected
    tool_accuracy   right calls / max(expected, made)
    finished        chains that the model ended itself, with an answer that can be read
    chain_success[CATEGORY]
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.data.to_openai import Message, openai_messages, parse_tools
from swiftkit.environments.rollout import Ask, walk, whole
from swiftkit.errors import DataError
from swiftkit.evals.dataset import chain_of, identity_of, load_samples, meta_of, prompt_of
from swiftkit.evals.lazy_samples import chosen
from swiftkit.evals.stats import Tallies, Tally, passes
from swiftkit.evals.task import Sampling, Task
from swiftkit.files.jsonl import decode_line, encode
from swiftkit.records import Response, Sample, Score
from swiftkit.sandbox.tool_pool import FILE, State, ToolRunner, runner_from
from swiftkit.scoring.chain import Chain, chain_from, score_turns, steps_right
from swiftkit.scoring.equality import strict_key
from swiftkit.scoring.gold import gold_from, gold_of
from swiftkit.scoring.response import read_answer
from swiftkit.toolcall import openai_calls
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.tools import tool_names

HEADLINE = "chain_success"
MOST_CATEGORIES = 30
_MORE, _LEAST = 2, 8  # answers beyond the steps of the chain; at least
_UNKNOWN = '{"error": "no result is recorded for this call"}'


class Target(msgspec.Struct, frozen=True):
    """The gold, and what the environment knows: the recorded results of each call, and the state
    that tools work on."""

    chain: Chain
    recorded: dict[Any, list[str]]
    state: State

    @property
    def most(self) -> int:
        return max(_LEAST, self.chain.steps + _MORE)


def load(path: Path) -> Sequence[Sample]:
    """The questions of a file. Raises DataError (file:line) at the first row that cannot be used;
    UsageError where SWIFTKIT_TOOLS names no usable file."""
    samples = _longest(load_samples(path, lambda row, where, _: _samples(row, where)))
    if os.environ.get(FILE):
        _runner()
    return samples


def settings() -> dict[str, str]:
    """The tools that run, if any do."""
    return {"tools": os.environ[FILE]} if os.environ.get(FILE) else {}


async def converse(sample: Sample, ask: Ask) -> Response:
    """Walk the chain: at most `most` answers."""
    target: Target = sample.target
    environment = _RealTools(sample) if os.environ.get(FILE) else _Recorded(target.recorded)
    walked = await walk(
        list(sample.messages),
        sample.tools,
        ask,
        environment.run,
        target.chain.gold.parse,
        target.most,
    )
    return whole(walked)


def score(sample: Sample, response: Response) -> Score:
    """The calls of all answers against the chain."""
    target: Target = sample.target
    steps = [
        Response("", text=step.text, tool_calls=step.tool_calls) for step in response.steps
    ] or [response]
    parsed = [read_answer(step, target.chain.gold.parse) for step in steps]
    found = score_turns(parsed, target.chain)
    ended = not parsed[-1].calls and not parsed[-1].malformed
    more = {
        "steps_right": steps_right(parsed, target.chain),
        "steps": target.chain.steps,
        "finished": int(ended),
    }
    return msgspec.structs.replace(found, counts=found.counts | more)


def metrics(results: Sequence[tuple[Sample, int, Score | None]]) -> dict[str, Tallies]:
    """What each metric is summed from; a sample is a chain, its trials are one cluster."""
    categories = {sample.meta["category"] for sample, _, _ in results if "category" in sample.meta}
    split = 1 < len(categories) <= MOST_CATEGORIES
    names = [HEADLINE, "step_accuracy", "tool_accuracy", "finished"]
    names += [f"{HEADLINE}[{category}]" for category in sorted(categories) if split]
    tallies, trials = {name: Tallies() for name in names}, 1
    for sample, trial, found in results:
        trials = max(trials, trial + 1)
        for name, tally in _shares(sample, found) if found else ():
            if name in tallies:
                tallies[name].append(tally)
    success = tallies[HEADLINE]
    return {HEADLINE: success} | passes(success, trials) | tallies


def _shares(sample: Sample, found: Score) -> Iterator[tuple[str, Tally]]:
    """What a chain adds to each metric; there may be none for its category."""
    success = Tally(sample.id, float(found.exact), 1.0)
    yield HEADLINE, success
    yield "step_accuracy", _ratio(sample, found, "steps_right", "steps")
    yield "tool_accuracy", _ratio(sample, found, "right", "total")
    yield "finished", Tally(sample.id, found.counts["finished"], 1.0)
    yield f"{HEADLINE}[{sample.meta.get('category')}]", success


def _ratio(sample: Sample, found: Score, right: str, total: str) -> Tally:
    return Tally(sample.id, found.counts[right], found.counts[total])


class _Recorded:
    """Gives each call its recorded results, one after the other; asked more often, the last
    again."""

    def __init__(self, recorded: dict[Any, list[str]]) -> None:
        self._left = {key: list(results) for key, results in recorded.items()}

    async def run(self, calls: Sequence[ToolCall]) -> list[str]:
        return [self._result(call) for call in calls]

    def _result(self, call: ToolCall) -> str:
        results = self._left.get(_key(call), [_UNKNOWN])
        return results.pop(0) if len(results) > 1 else results[0]


class _RealTools:
    """Runs the calls; what one changes in the state, the next one sees."""

    def __init__(self, sample: Sample) -> None:
        self._offered = frozenset(tool_names(sample.tools))
        self._state: State = sample.target.state

    async def run(self, calls: Sequence[ToolCall]) -> list[str]:
        future = _runner().submit(calls, self._state, self._offered)
        outcomes, self._state = await asyncio.wrap_future(future)
        return [outcome.text for outcome in outcomes]


@cache
def _runner() -> ToolRunner:
    return runner_from(os.environ)


def _key(call: ToolCall) -> Any:
    """Equal for calls of equal value; None for arguments that cannot be compared, which are
    recorded nowhere."""
    try:
        return call.name, strict_key(call.arguments)
    except (RecursionError, TypeError):
        return None


def _samples(row: dict[str, Any], where: str) -> Iterator[Sample]:
    history = openai_messages(row.get("messages"), where)
    tools = parse_tools(row.get("tools"), where)
    base = Sample(identity_of(row, where), history, tools, None, meta_of(row, where))
    asked = [index for index, message in enumerate(history) if message["role"] == "user"]
    if not asked:
        prompt_of(history, where)
        raise DataError(
            f"{where}: nothing asks for an answer", "no_question", "the row needs a user message"
        )
    if row.get("expected_calls") is not None:
        yield _sample(base, asked[-1], len(history), row, where)
        return
    ends = [*asked[1:], len(history)]
    spans = [
        (start, end) for start, end in zip(asked, ends, strict=True) if _steps(history[start:end])
    ]
    for number, (start, end) in enumerate(spans or [(asked[-1], len(history))], 1):
        identity = base.id if len(spans) < 2 else f"{base.id}#{number}"
        yield _sample(msgspec.structs.replace(base, id=identity), start, end, row, where)


def _sample(base: Sample, start: int, end: int, row: dict[str, Any], where: str) -> Sample:
    """The sample of the question at `start`, whose chain was recorded up to `end`."""
    part = base.messages[start:end]
    wanted = row.get("expected_calls")
    last = gold_from(wanted, where).calls if wanted is not None else ()
    steps = [*(gold_of(calls).calls for calls in _steps(part)), *([last] if last else [])]
    chain = _chain(encode(steps).decode(), row, encode(base.tools).decode(), where)
    recorded = _recorded(part)
    for call, result in zip(
        last, _expected_results(row, where) if wanted is not None else [], strict=False
    ):
        text = result if isinstance(result, str) else encode(result).decode()
        recorded[_key(ToolCall(call.name, call.arguments))].append(text)
    meta = base.meta | {"steps": str(chain.steps)}
    target = Target(chain, dict(recorded), _state(row, where))
    return Sample(base.id, base.messages[: start + 1], base.tools, target, meta)


def _chain(steps: str, row: dict[str, Any], tools: str, where: str) -> Chain:
    try:
        return chain_from(steps, row.get("scoring") or "", tools)
    except DataError as error:
        raise DataError(f"{where}: {error.reason}", error.code, error.fix) from error


def _steps(messages: Sequence[Message]) -> list[list[ToolCall]]:
    """The calls of each answer that calls; answers without a result between them are one step."""
    answers = groupby(messages, key=lambda message: message["role"] == "assistant")
    turns = [
        [call for each in run for call in openai_calls.parse(each).calls]
        for is_answer, run in answers
        if is_answer
    ]
    return [calls for calls in turns if calls]


def _recorded(messages: Sequence[Message]) -> "defaultdict[Any, list[str]]":
    results = {
        message["tool_call_id"]: message["content"]
        for message in messages
        if message["role"] == "tool"
    }
    found: defaultdict[Any, list[str]] = defaultdict(list)
    for message in messages:
        parsed: Parsed = openai_calls.parse(message)
        for call, raw in zip(parsed.calls, message.get("tool_calls", []), strict=True):
            if raw["id"] in results:
                found[_key(call)].append(results[raw["id"]])
    return found


def _expected_results(row: dict[str, Any], where: str) -> list[Any]:
    return _decoded(row, "expected_results", where, list, [])  # type: ignore[no-any-return]


def _state(row: dict[str, Any], where: str) -> State:
    return _decoded(row, "state", where, dict[str, Any], {})  # type: ignore[no-any-return]


def _decoded(row: dict[str, Any], column: str, where: str, kind: Any, absent: Any) -> Any:
    """A column of JSON text, or the value itself."""
    value = row.get(column)
    if value is None:
        return absent
    text = value.encode() if isinstance(value, str) else encode(value)
    return decode_line(text, f"{where}: {column}", msgspec.json.Decoder(kind).decode)


def _longest(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Of the samples of one chain that ask the same, the one with the most steps."""
    best: dict[int, tuple[int, int]] = {}  # steps and place, by what the sample asks
    for place, sample in enumerate(samples):
        asked, steps = hash(encode([chain_of(sample), sample.messages])), int(sample.meta["steps"])
        if asked not in best or best[asked][0] < steps:
            best[asked] = steps, place
    return chosen(samples, [place for _, place in best.values()])


TASK = Task(
    load, score, metrics, Sampling(0.0, 512), HEADLINE, converse=converse, settings=settings
)
