"""Does the model call the right tools with the right arguments, and call none where no tool fits?

Data: swift rows, as `swiftkit convert` writes them, or files of BFCL as they are. One row, one
question:

    {"id": "w-17", "messages": [{"role": "user", "content": "Weather in Oslo?"}], "tools": "[{...}]",
     "expected_calls": "[{\\"name\\": \\"get_weather\\", \\"arguments\\": {\\"city\\": \\"Oslo\\"}}]"}

`expected_calls` of "[]" means that no tool is wanted. A row without `expected_calls` is a training
row that holds its own answers: each turn that calls tools becomes a sample, with the true history
before it, and these samples form a chain; a row that calls nothing becomes one sample where no tool
is wanted.

Metrics. What counts as right is scoring/score.py's matter: the same scorer is the GRPO reward.

    tool_accuracy             right calls / max(expected, made), summed over the samples
    chain_success             chains whose every turn is exact (a sample without a chain is its own); with trials, also
                              pass^k and pass@k of the chains
    format_accuracy, name_accuracy, parameter_name_accuracy, parameter_value_accuracy, schema_accuracy
                              the means of the score's parts, where a call is wanted
    abstention                recall: samples rightly left without a call / those that want none
    abstention_precision      samples rightly left without a call / those left without one (malformed is not left)
    tool_accuracy[CATEGORY], tool_accuracy[tool:NAME]        the same by category, and by the tool that was wanted
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.data.to_openai import openai_messages, parse_tools
from swiftkit.evals.dataset import (
    chain_of,
    identity_of,
    load_samples,
    meta_of,
    prompt_of,
    swift_row,
)
from swiftkit.evals.stats import Tallies, Tally, passes
from swiftkit.evals.task import Sampling, Task
from swiftkit.files.jsonl import decode_line, encode
from swiftkit.records import Response, Sample, Score
from swiftkit.scoring.gold import Gold, gold_from, gold_of
from swiftkit.scoring.response import read_answer
from swiftkit.scoring.score import pairs_of, score_calls
from swiftkit.toolcall import openai_calls
from swiftkit.toolcall.call import Parsed, ToolCall

HEADLINE = "tool_accuracy"
MOST_CATEGORIES = 30  # a breakdown longer than this tells nobody anything
PARTS = {
    "format_accuracy": "format", "name_accuracy": "name", "parameter_name_accuracy": "parameter_names",
    "parameter_value_accuracy": "parameter_values", "schema_accuracy": "schema",
}  # fmt: skip
# sample, trial, and its score (None: an error, or skipped)
Result = tuple[Sample, int, Score | None]


def load(path: Path, mode: str = "") -> Sequence[Sample]:
    """The samples of a file of rows, or of a folder; DataError (file:line) at the first row that
    cannot be used.

    `mode` takes the place of the one in the rows' own options (scoring/options.py).
    """

    def samples_of(row: dict[str, Any], where: str, file: Path) -> Iterator[Sample]:
        row = swift_row(row, where, file)
        return _samples(row | {"scoring": _with_mode(row, mode, where)} if mode else row, where)

    return load_samples(path, samples_of)


def score(sample: Sample, response: Response) -> Score:
    """The calls of a response against the gold."""
    parsed = answer(sample, response)
    found = score_calls(parsed.calls, sample.target, parsed.malformed, reasons=True)
    made = -1 if parsed.malformed else len(parsed.calls)
    return msgspec.structs.replace(
        found, counts=found.counts | {"made": made} | _by_tool(parsed, sample.target, found)
    )


def answer(sample: Sample, response: Response) -> Parsed:
    """What a response says (evals/dataset.py)."""
    return read_answer(response, sample.target.parse)


def metrics(results: Sequence[Result]) -> dict[str, Tallies]:
    """What each metric is summed from; a metric without tallies is one that nothing counted for."""
    categories, tools, trials = _seen(results)
    tallies: dict[str, Tallies] = {HEADLINE: Tallies(), "chain_success": Tallies()}
    begun: dict[tuple[str, int], tuple[int, bool]] = {}
    for sample, trial, found in results:
        shares = _shares(sample, found, categories, tools)
        for name, tally in (*shares, ("chain_success", _chain(sample, trial, found, begun))):
            entries = tallies.setdefault(name, Tallies())
            if tally is not None:
                entries.append(tally)
    chains = tallies["chain_success"]
    ordered = (
        {HEADLINE: tallies[HEADLINE], "chain_success": chains} | passes(chains, trials) | tallies
    )
    # breakdowns last
    return dict(sorted(ordered.items(), key=lambda entry: ("[" in entry[0], "[tool:" in entry[0])))


def _seen(results: Sequence[Result]) -> tuple[set[str], set[str], int]:
    """The categories and the tools to split by, and how many trials there were."""
    categories: set[str] = set()
    tools: set[str] = set()
    trials = 1
    for sample, trial, _ in results:
        categories.update([sample.meta["category"]] if "category" in sample.meta else [])
        tools.update(call.name for call in sample.target.calls)
        trials = max(trials, trial + 1)
    return _split(categories), _split(tools), trials


def _split(names: set[str]) -> set[str]:
    return names if 1 < len(names) <= MOST_CATEGORIES else set()


def _shares(
    sample: Sample, found: Score | None, categories: set[str], tools: set[str]
) -> Iterator[tuple[str, Tally | None]]:
    """The metrics that a sample counts for, and what its score adds to each."""
    chain = chain_of(sample)
    right = Tally(chain, found.counts["right"], found.counts["total"]) if found else None
    yield HEADLINE, right
    if sample.target.calls:
        for name, part in PARTS.items():
            yield name, Tally(chain, found.parts[part], 1.0) if found else None
    else:
        yield "abstention", Tally(chain, float(found.exact), 1.0) if found else None
    silent = found is not None and found.counts["made"] == 0
    yield (
        "abstention_precision",
        Tally(chain, float(not sample.target.calls), 1.0) if silent else None,
    )
    if (category := sample.meta.get("category")) in categories:
        yield f"{HEADLINE}[{category}]", right
    for tool in tools & {call.name for call in sample.target.calls}:
        yield f"{HEADLINE}[tool:{tool}]", _of_tool(chain, found, tool)


def _by_tool(parsed: Parsed, gold: Gold, found: Score) -> dict[str, int]:
    """Right and total calls of each tool that was wanted: `right:NAME` and `total:NAME`."""
    wanted = Counter(call.name for call in gold.calls)
    if found.exact:
        return {
            f"{what}:{name}": count for name, count in wanted.items() for what in ("right", "total")
        }
    made = Counter(call.name for call in parsed.calls)
    right = Counter(gold.calls[index].name for index in _exact(parsed.calls, gold))
    totals = {f"total:{name}": max(count, made[name]) for name, count in wanted.items()}
    return totals | {f"right:{name}": right[name] for name in wanted}


def _exact(calls: list[ToolCall], gold: Gold) -> list[int]:
    """The expected calls that have an exact partner."""
    pairs = pairs_of(calls, gold) if calls else {}
    return [j for i, j in pairs.items() if gold.answers[j].all_right(calls[i].arguments)]


def _of_tool(chain: str, found: Score | None, tool: str) -> Tally | None:
    return (
        Tally(chain, found.counts[f"right:{tool}"], found.counts[f"total:{tool}"])
        if found
        else None
    )


def _chain(
    sample: Sample, trial: int, found: Score | None, begun: dict[tuple[str, int], tuple[int, bool]]
) -> Tally | None:
    """The tally of the chain and trial that this turn completes; one with a turn that was not asked
    or not scored has none, and leaves the denominator. `begun` holds how many turns each chain
    lacks, and whether it is exact so far."""
    if found is None:
        return None
    key = chain_of(sample), trial
    left, exact = begun.pop(key, (int(sample.meta.get("turns", "1")), True))
    if left > 1:
        begun[key] = left - 1, exact and found.exact
        return None
    return Tally(key[0], float(exact and found.exact), 1.0)


def _samples(row: dict[str, Any], where: str) -> Iterator[Sample]:
    identity = identity_of(row, where)
    history = openai_messages(row.get("messages"), where)
    tools = parse_tools(row.get("tools"), where)
    meta = meta_of(row, where)
    if row.get("expected_calls") is not None:
        gold = gold_from(row["expected_calls"], where, *_scoring(row, tools))
        yield Sample(identity, prompt_of(history, where), tools, gold, meta)
    else:
        yield from _turns(Sample(identity, history, tools, None, meta), where, _scoring(row, tools))


def _scoring(row: dict[str, Any], tools: list[dict[str, Any]]) -> tuple[Any, str]:
    """How the row's gold is scored: the options, and the tools that the calls must fit."""
    text = row.get("tools")
    return row.get("scoring"), text if isinstance(text, str) else encode(tools).decode()


def _with_mode(row: dict[str, Any], mode: str, where: str) -> str:
    scoring = row.get("scoring") or "{}"
    options = decode_line(
        str(scoring).encode(), f"{where}: scoring", msgspec.json.Decoder(dict[str, Any]).decode
    )
    return encode(options | {"mode": mode}).decode()


def _turns(whole: Sample, where: str, scoring: tuple[Any, str]) -> Iterator[Sample]:
    """The samples of a row that holds its own answers."""
    answers = [index for index, message in enumerate(whole.messages) if message.get("tool_calls")]
    if not answers:
        prompt = prompt_of(whole.messages, where)
        yield Sample(whole.id, prompt, whole.tools, gold_of([], *scoring), whole.meta)
    for turn, index in enumerate(answers, 1):
        gold = gold_of(openai_calls.parse(whole.messages[index]).calls, *scoring)
        identity = whole.id if len(answers) == 1 else f"{whole.id}#{turn}"
        yield Sample(
            identity,
            prompt_of(whole.messages[:index], where),
            whole.tools,
            gold,
            {"chain": whole.id} | whole.meta,
        )


TASK = Task(load, score, metrics, Sampling(0.0, 512), HEADLINE)
