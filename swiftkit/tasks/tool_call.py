"""Does the model call the right tools with the right arguments, and call none where no tool fits?

Data: swift rows, as `swiftkit convert` writes them, or files of BFCL as they are. One row, one question:

    {"id": "w-17", "messages": [{"role": "user", "content": "Weather in Oslo?"}], "tools": "[{...}]",
     "expected_calls": "[{\\"name\\": \\"get_weather\\", \\"arguments\\": {\\"city\\": \\"Oslo\\"}}]"}

`expected_calls` of "[]" means that no tool is wanted. A row without `expected_calls` is a training row that holds its
own answers: each turn that calls tools becomes a sample, with the true history before it, and these samples form a
chain; a row that calls nothing becomes one sample where no tool is wanted.

Metrics. What counts as right is toolcall/score.py's matter: the same scorer is the GRPO reward.

    tool_accuracy             right calls / max(expected, made), summed over the samples
    chain_success             chains whose every turn is exact (a sample without a chain is its own); with trials, also
                              pass^k and pass@k of the chains
    format_accuracy, name_accuracy, parameter_name_accuracy, parameter_value_accuracy, schema_accuracy
                              the means of the score's parts, where a call is wanted
    abstention                recall: samples rightly left without a call / those that want none
    abstention_precision      samples rightly left without a call / those left without one (malformed is not left)
    tool_accuracy[CATEGORY], tool_accuracy[tool:NAME]        the same by category, and by the tool that was wanted
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.dialogue import openai_messages, parse_tools
from swiftkit.jsonl import decode_line, encode
from swiftkit.questions import chain_of, identity_of, load_samples, meta_of, prompt_of, read_answer, swift_row
from swiftkit.records import Response, Sample, Score
from swiftkit.stats import Tally, passes
from swiftkit.toolcall import openai_calls
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.gold import Gold, gold_from, gold_of
from swiftkit.toolcall.score import pairs_of, score_calls

SAMPLING: dict[str, Any] = {"temperature": 0.0, "max_tokens": 512}
HEADLINE = "tool_accuracy"
MOST_CATEGORIES = 30  # a breakdown longer than this tells nobody anything
PARTS = {
    "format_accuracy": "format", "name_accuracy": "name", "parameter_name_accuracy": "parameter_names",
    "parameter_value_accuracy": "parameter_values", "schema_accuracy": "schema",
}  # fmt: skip
Result = tuple[Sample, int, Score | None]  # sample, trial, and its score (None: an error, or skipped)


def load(path: Path, mode: str = "") -> list[Sample]:
    """The samples of a file of rows, or of a folder; DataError (file:line) at the first row that cannot be used.

    `mode` takes the place of the one in the rows' own options (toolcall/options.py).
    """

    def samples_of(row: dict[str, Any], where: str, file: Path) -> Iterator[Sample]:
        row = swift_row(row, where, file)
        return _samples(row | {"scoring": _with_mode(row, mode, where)} if mode else row, where)

    return _with_chain_lengths(load_samples(path, samples_of))


def score(sample: Sample, response: Response) -> Score:
    """The calls of a response against the gold."""
    parsed = answer(sample, response)
    found = score_calls(parsed.calls, sample.target, parsed.malformed, reasons=True)
    made = -1 if parsed.malformed else len(parsed.calls)
    return msgspec.structs.replace(found, counts=found.counts | {"made": made} | _by_tool(parsed, sample.target, found))


def answer(sample: Sample, response: Response) -> Parsed:
    """What a response says (questions.py)."""
    return read_answer(response, sample.target.parse)


def metrics(results: Sequence[Result]) -> dict[str, list[Tally]]:
    """What each metric is summed from; a metric without tallies is one that nothing counted for."""
    chains = _chains(results)
    tallies: dict[str, list[Tally]] = {HEADLINE: [], "chain_success": chains}
    tallies |= passes(chains, 1 + max((trial for _, trial, _ in results), default=0))
    categories = _split({sample.meta["category"] for sample, _, _ in results if "category" in sample.meta})
    tools = _split({call.name for sample, _, _ in results for call in sample.target.calls})
    for sample, _, found in results:
        for name, tally in _shares(sample, found, categories, tools):
            entries = tallies.setdefault(name, [])
            if tally is not None:
                entries.append(tally)
    return dict(sorted(tallies.items(), key=lambda entry: ("[" in entry[0], "[tool:" in entry[0])))  # breakdowns last


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
    yield "abstention_precision", Tally(chain, float(not sample.target.calls), 1.0) if silent else None
    if (category := sample.meta.get("category")) in categories:
        yield f"{HEADLINE}[{category}]", right
    for tool in tools & {call.name for call in sample.target.calls}:
        yield f"{HEADLINE}[tool:{tool}]", _of_tool(chain, found, tool)


def _by_tool(parsed: Parsed, gold: Gold, found: Score) -> dict[str, int]:
    """Right and total calls of each tool that was wanted: `right:NAME` and `total:NAME`."""
    wanted = Counter(call.name for call in gold.calls)
    if found.exact:
        return {f"{what}:{name}": count for name, count in wanted.items() for what in ("right", "total")}
    made = Counter(call.name for call in parsed.calls)
    right = Counter(gold.calls[index].name for index in _exact(parsed.calls, gold))
    totals = {f"total:{name}": max(count, made[name]) for name, count in wanted.items()}
    return totals | {f"right:{name}": right[name] for name in wanted}


def _exact(calls: list[ToolCall], gold: Gold) -> list[int]:
    """The expected calls that have an exact partner."""
    pairs = pairs_of(calls, gold) if calls else {}
    return [j for i, j in pairs.items() if gold.answers[j].all_right(calls[i].arguments)]


def _of_tool(chain: str, found: Score | None, tool: str) -> Tally | None:
    return Tally(chain, found.counts[f"right:{tool}"], found.counts[f"total:{tool}"]) if found else None


def _chains(results: Sequence[Result]) -> list[Tally]:
    """One tally a chain and trial; a chain with a turn that was not asked or not scored leaves the denominator."""
    turns: dict[tuple[str, int], list[Score]] = defaultdict(list)
    lengths: dict[str, int] = {}
    for sample, trial, found in results:
        lengths[chain_of(sample)] = int(sample.meta.get("turns", "1"))
        if found is not None:
            turns[chain_of(sample), trial].append(found)
    whole = ((chain, found) for (chain, _), found in turns.items() if len(found) == lengths[chain])
    return [Tally(chain, float(all(turn.exact for turn in found)), 1.0) for chain, found in whole]


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
    options = decode_line(str(scoring).encode(), f"{where}: scoring", msgspec.json.Decoder(dict[str, Any]).decode)
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
            identity, prompt_of(whole.messages[:index], where), whole.tools, gold, {"chain": whole.id} | whole.meta
        )


def _with_chain_lengths(samples: list[Sample]) -> list[Sample]:
    """Note in each sample how many turns its chain has, so that a cut or failed chain is not taken for a short one."""
    lengths = Counter(chain_of(sample) for sample in samples)
    for sample in samples:
        sample.meta["turns"] = str(lengths[chain_of(sample)])
    return samples
