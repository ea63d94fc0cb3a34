"""Does the model call the right tools with the right arguments, and call none where no tool fits?

Data: swift rows, as `swiftkit convert` writes them. One row, one question:

    {"id": "w-17", "messages": [{"role": "user", "content": "Weather in Oslo?"}], "tools": "[{...}]",
     "expected_calls": "[{\\"name\\": \\"get_weather\\", \\"arguments\\": {\\"city\\": \\"Oslo\\"}}]"}

`expected_calls` of "[]" means that no tool is wanted. A row without `expected_calls` is a training row that holds its
own answers: each turn that calls tools becomes a sample, with the true history before it, and these samples form a
chain; a row that calls nothing becomes one sample where no tool is wanted.

Metrics: `tool_accuracy` is right calls / max(expected, made), summed over the samples; `chain_success` the share of
chains whose every turn is exact (a sample without a chain is its own); `name_accuracy` the mean agreement of the called
names, where a call is wanted; `abstention` the share of samples rightly left without a call. What counts as right is
toolcall/score.py's matter: the same scorer is the GRPO reward.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.dialogue import Message, openai_messages, parse_tools
from swiftkit.errors import DataError
from swiftkit.jsonl import decode_line, encode, read_objects
from swiftkit.records import Response, Sample, Score
from swiftkit.stats import Tally
from swiftkit.toolcall import openai_calls
from swiftkit.toolcall.call import Parsed
from swiftkit.toolcall.gold import gold_from, gold_of
from swiftkit.toolcall.score import score_calls

SAMPLING: dict[str, Any] = {"temperature": 0.0, "max_tokens": 512}
HEADLINE = "tool_accuracy"
MOST_CATEGORIES = 30  # a breakdown longer than this tells nobody anything
_HERMES = re.compile(r"<tool_call>\s*\{")  # not the XML that other templates write inside the same tag
Result = tuple[Sample, int, Score | None]  # sample, trial, and its score (None: an error, or skipped)


def load(path: Path, mode: str = "") -> list[Sample]:
    """The samples of a file of swift rows; DataError (file:line) at the first row that cannot be used.

    `mode` takes the place of the one in the rows' own options (toolcall/options.py).
    """
    samples: list[Sample] = []
    seen: dict[str, str] = {}
    for where, row in read_objects(path):
        for sample in _samples(row | {"scoring": _with_mode(row, mode, where)} if mode else row, where):
            if sample.id in seen:
                raise DataError(
                    f"{where}: id {sample.id!r} is already used at {seen[sample.id]}",
                    "duplicate_id",
                    "give each row an id of its own, or none",
                )
            seen[sample.id] = where
            samples.append(sample)
    if not samples:
        raise DataError(f"{path}: no rows", "empty_file", "give a file with at least one row")
    return _with_chain_lengths(samples)


def score(sample: Sample, response: Response) -> Score:
    """The calls of a response against the gold."""
    parsed = answer(sample, response)
    return score_calls(parsed.calls, sample.target, parsed.malformed, reasons=True)


def answer(sample: Sample, response: Response) -> Parsed:
    """What a response says.

    `swift deploy` leaves the Hermes markup in the text beside `tool_calls`, which lack the blocks that it could not
    read: there the text is judged, as the GRPO reward judges it. Elsewhere the calls that the endpoint gave count,
    and without any, the text.
    """
    calls = response.tool_calls
    if calls is None or _HERMES.search(response.text):
        parsed: Parsed = sample.target.parse(response.text)
        return parsed
    return Parsed(calls, response.text)


def metrics(results: Sequence[Result]) -> dict[str, list[Tally]]:
    """What each metric is summed from; a metric without tallies is one that nothing counted for."""
    tallies: dict[str, list[Tally]] = {HEADLINE: [], "chain_success": _chains(results)}
    categories = {sample.meta["category"] for sample, _, _ in results if "category" in sample.meta}
    split = 1 < len(categories) <= MOST_CATEGORIES
    for sample, _, found in results:
        for name, share in _shares(sample, split):
            entries = tallies.setdefault(name, [])
            if found is not None:
                entries.append(share(_chain(sample), found))
    return dict(sorted(tallies.items(), key=lambda entry: "[" in entry[0]))  # breakdowns last


def _shares(sample: Sample, split: bool) -> Iterator[tuple[str, Callable[[str, Score], Tally]]]:
    """The metrics that a sample counts for, and what its score adds to each."""
    yield HEADLINE, _calls_right
    if sample.target.calls:
        yield "name_accuracy", lambda chain, found: Tally(chain, found.parts["name"], 1.0)
    else:
        yield "abstention", lambda chain, found: Tally(chain, float(found.exact), 1.0)
    if split and "category" in sample.meta:
        yield f"{HEADLINE}[{sample.meta['category']}]", _calls_right


def _calls_right(chain: str, found: Score) -> Tally:
    return Tally(chain, found.counts["right"], found.counts["total"])


def _chains(results: Sequence[Result]) -> list[Tally]:
    """One tally a chain and trial; a chain with a turn that was not asked or not scored leaves the denominator."""
    turns: dict[tuple[str, int], list[Score]] = defaultdict(list)
    lengths: dict[str, int] = {}
    for sample, trial, found in results:
        lengths[_chain(sample)] = int(sample.meta.get("turns", "1"))
        if found is not None:
            turns[_chain(sample), trial].append(found)
    whole = ((chain, found) for (chain, _), found in turns.items() if len(found) == lengths[chain])
    return [Tally(chain, float(all(turn.exact for turn in found)), 1.0) for chain, found in whole]


def _chain(sample: Sample) -> str:
    return sample.meta.get("chain", sample.id)


def _samples(row: dict[str, Any], where: str) -> Iterator[Sample]:
    if "messages" not in row and "question" in row and "function" in row:
        raise DataError(
            f"{where}: this is a BFCL file",
            "bfcl_file",
            "first run `swiftkit convert FILE -o rows.jsonl --to grpo`, then evaluate rows.jsonl",
        )
    identity = str(row["id"]) if row.get("id") not in (None, "") else where.replace("/", "_")
    history = openai_messages(row.get("messages"), where)
    tools = parse_tools(row.get("tools"), where)
    meta = _meta(row, where)
    if row.get("expected_calls") is not None:
        gold = gold_from(row["expected_calls"], where, *_scoring(row, tools))
        yield Sample(identity, _prompt(history, where), tools, gold, meta)
    else:
        yield from _turns(Sample(identity, history, tools, None, meta), where, _scoring(row, tools))


def _scoring(row: dict[str, Any], tools: list[dict[str, Any]]) -> tuple[Any, str]:
    """How the row's gold is scored: the options, and the tools that the calls must fit."""
    text = row.get("tools")
    return row.get("scoring"), text if isinstance(text, str) else encode(tools).decode()


def _with_mode(row: dict[str, Any], mode: str, where: str) -> str:
    scoring = row.get("scoring") or "{}"
    options = decode_line(str(scoring).encode(), f"{where}: scoring", msgspec.json.Decoder(dict[str, Any]).decode)
    return encode(options | {"mode": mode}).decode()


def _turns(whole: Sample, where: str, scoring: tuple[Any, str]) -> Iterator[Sample]:
    """The samples of a row that holds its own answers."""
    answers = [index for index, message in enumerate(whole.messages) if message.get("tool_calls")]
    if not answers:
        prompt = _prompt(whole.messages, where)
        yield Sample(whole.id, prompt, whole.tools, gold_of([], *scoring), whole.meta)
    for turn, index in enumerate(answers, 1):
        gold = gold_of(openai_calls.parse(whole.messages[index]).calls, *scoring)
        identity = whole.id if len(answers) == 1 else f"{whole.id}#{turn}"
        yield Sample(
            identity, _prompt(whole.messages[:index], where), whole.tools, gold, {"chain": whole.id} | whole.meta
        )


def _prompt(history: list[Message], where: str) -> list[Message]:
    """The history without a trailing answer: `swift deploy` would take it as the beginning of the model's own."""
    end = len(history)
    while end and history[end - 1]["role"] == "assistant":
        end -= 1
    if not end or history[end - 1]["role"] == "system":
        raise DataError(f"{where}: nothing asks for an answer", "no_question", "the row needs a user message")
    return history[:end]


def _meta(row: dict[str, Any], where: str) -> dict[str, str]:
    meta = {"where": where}
    if category := row.get("category") or row.get("source"):
        meta["category"] = str(category)
    return meta | ({"chain": str(row["chain"])} if row.get("chain") else {})


def _with_chain_lengths(samples: list[Sample]) -> list[Sample]:
    """Note in each sample how many turns its chain has, so that a cut or failed chain is not taken for a short one."""
    lengths = Counter(_chain(sample) for sample in samples)
    for sample in samples:
        sample.meta["turns"] = str(lengths[_chain(sample)])
    return samples
