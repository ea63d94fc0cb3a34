r"""Tool calls: the right tools with the right arguments, and none where no tool fits.

Data: swift rows, as `swiftkit convert` writes them, one question a row, or files of BFCL:

    {"id": "w-17", "tools": "[{...}]",
     "messages": [{"role": "user", "content": "Weather in Oslo?"}],
     "expected_calls": "[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}]"}

`expected_calls` of "[]" means that no tool is wanted. A row without `expected_calls` is a training
row with its own answers: each turn that calls tools becomes a sample, with the true history before
it, and these samples form a chain; a row without calls becomes one that wants none.

Metrics. scoring/score.py, which is also the GRPO reward, says which calls are right.

    tool_accuracy         right calls / max(expected, made), summed over the samples
    chain_success         chains whose every turn is exact (a sample without a chain is its own);
                          with trials, also pass^k and pass@k of the chains
    format_accuracy, name_accuracy, parameter_name_accuracy, parameter_value_accuracy,
    schema_accuracy       the means of the score's parts, where a call is wanted
    abstention            recall: samples rightly left without a call / those that want none
    abstention_precision  samples rightly left without a call / those left without one; a malformed
                          answer is not left without one
    tool_accuracy[CATEGORY], tool_accuracy[tool:NAME]
                          the same by category, and by the tool that was wanted
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.data.to_openai import openai_messages, parse_tools
from swiftkit.errors import DataError, UsageError
from swiftkit.evals.dataset import (
    chain_of,
    identity_of,
    load_samples,
    meta_of,
    prompt_of,
    with_format,
)
from swiftkit.evals.results import MOST_CATEGORIES, Key, categories_of, trial_count
from swiftkit.evals.stats import Tally, passes
from swiftkit.evals.task import Result, Task
from swiftkit.files.jsonl import decode_line, encode
from swiftkit.records import Response, Sample, Score
from swiftkit.scoring.answer import read_answer
from swiftkit.scoring.completion import READ, parse_answer, read_as
from swiftkit.scoring.expected_calls import ExpectedCall
from swiftkit.scoring.explain import score_with_reasons
from swiftkit.scoring.gold import Gold, gold_from, gold_of
from swiftkit.scoring.score import pairs_of
from swiftkit.toolcall import openai_calls
from swiftkit.toolcall.call import Parsed, ToolCall

HEADLINE = "tool_accuracy"
PART_METRICS = {
    "format_accuracy": "format",
    "name_accuracy": "name",
    "parameter_name_accuracy": "parameter_names",
    "parameter_value_accuracy": "parameter_values",
    "schema_accuracy": "schema",
}


def load(path: Path, wire_format: str = "", mode: str = "") -> list[Sample]:
    """Return the samples of a file of rows, or of a folder. Raises DataError (file:line) at the
    first row that cannot be used, UsageError where it is the mode that does not suit the row.

    `wire_format` and `mode` take the place of those in the rows' own options (scoring/options.py).
    """

    def samples_of_row(row: dict[str, Any], where: str, file: Path) -> Iterator[Sample]:
        row = with_format(_swift_row(row, where, file), wire_format)
        if mode:
            text = str(row.get("scoring") or "{}").encode()
            decode = msgspec.json.Decoder(dict[str, Any]).decode
            options = decode_line(text, f"{where}: scoring", decode)
            if mode == "bfcl" and options.get("bfcl") is None:
                reason = f"{where} is no question of BFCL, which alone has BFCL's verdict"
                fix = "give what `swiftkit convert` made of BFCL's files, or leave --mode out"
                raise UsageError(f"--mode bfcl: {reason}; {fix}")
            row = row | {"scoring": encode(options | {"mode": mode}).decode()}
        return _samples(row, where)

    return load_samples(path, samples_of_row)


def _swift_row(row: dict[str, Any], where: str, file: Path) -> dict[str, Any]:
    """Return a swift row as it is, a question of BFCL's files as one. Raises DataError."""
    if "messages" in row or not isinstance(row.get("question"), list):
        return row
    from swiftkit.data.detect_format import converter_of, with_files_beside

    if "initial_config" in row:
        fix = "use `swiftkit eval bfcl`"
        raise DataError(f"{where}: a multi_turn question of BFCL", "bfcl_multi_turn", fix)
    try:
        (converted,) = converter_of("bfcl").convert(with_files_beside("bfcl", row, file))
    except DataError as error:
        raise DataError(f"{where}: {error.reason}", error.code, error.fix) from error
    return {**converted, "id": row.get("id")}


def score(sample: Sample, response: Response) -> Score:
    """Return the score of a response's calls against the gold."""
    gold: Gold = sample.target
    answer = read_answer(response, partial(parse_answer, gold=gold))
    calls_score = score_with_reasons(answer.calls, gold, answer.malformed)
    made = -1 if answer.malformed else len(answer.calls)
    by_tool = _counts_by_tool(answer, gold, calls_score.exact)
    counts = calls_score.counts | {"made": made} | by_tool
    counts[f"{READ}{read_as(response, answer, gold.options.wire_format)}"] = 1
    return msgspec.structs.replace(calls_score, counts=counts)


def extremes(sample: Sample) -> tuple[Score, Score]:
    """Return the worst and the best score of an answer with at most as many calls as expected (one
    where none is). More calls would weigh more in `tool_accuracy`, without end: that no answer does
    is an assumption, the only one.

    The worst is wrong in each metric, if by different answers: silence is worst for abstention's
    precision, and calls of its tool alone for that of a tool.
    """
    gold: Gold = sample.target
    expected = _number_by_name(gold.calls)
    size = len(gold.calls)
    worst = {"right": 0, "total": 1 if gold.item else max(1, size), "made": 0 if size else 1}
    best = {"right": worst["total"], "total": worst["total"], "made": size}
    for name, number in expected.items():
        worst |= {f"right:{name}": 0, f"total:{name}": size}
        best |= {f"right:{name}": number, f"total:{name}": number}
    parts = gold.perfect.parts
    return (
        Score(0.0, False, "", dict.fromkeys(parts, 0.0), worst),
        Score(1.0, True, "", parts, best),
    )


def metrics(results: Sequence[Result]) -> dict[str, list[Tally]]:
    """Return the tallies of each metric; none where nothing counted for it."""
    tallies: dict[str, list[Tally]] = {name: [] for name in _metric_names(results)}
    for sample, _, sample_score in results:
        if sample_score is not None:
            for name, tally in _shares(sample, sample_score):
                if name in tallies:
                    tallies[name].append(tally)
    chains = _chain_tallies(results)
    first = {HEADLINE: tallies[HEADLINE], "chain_success": chains}
    return first | passes(chains, trial_count(results)) | tallies


def _metric_names(results: Sequence[Result]) -> list[str]:
    """Return the metrics that the samples count for, breakdowns last, before any has a score."""
    golds = [sample.target for sample, _, _ in results]
    names = [HEADLINE]
    if any(gold.calls for gold in golds):
        names += PART_METRICS
    if not all(gold.calls for gold in golds):
        names.append("abstention")
    names.append("abstention_precision")
    names += [f"{HEADLINE}[{category}]" for category in categories_of(results)]
    tools: set[str] = set()
    for gold in golds:
        tools.update(call.name for call in gold.calls)
    if 1 < len(tools) <= MOST_CATEGORIES:
        names += [f"{HEADLINE}[tool:{tool}]" for tool in sorted(tools)]
    return names


def _shares(sample: Sample, score: Score) -> Iterator[tuple[str, Tally]]:
    """Yield a sample's part in each metric, and in those of its category and its tools."""
    chain = chain_of(sample)
    counts = score.counts
    expected_calls = sample.target.calls
    calls = Tally(chain, counts["right"], counts["total"])
    yield HEADLINE, calls
    if expected_calls:
        for name, part in PART_METRICS.items():
            yield name, Tally(chain, score.parts[part], 1.0)
    else:
        yield "abstention", Tally(chain, float(score.exact), 1.0)
    if counts["made"] == 0:
        yield "abstention_precision", Tally(chain, float(not expected_calls), 1.0)
    if "category" in sample.meta:
        yield f"{HEADLINE}[{sample.meta['category']}]", calls
    for tool in {call.name for call in expected_calls}:
        tally = Tally(chain, counts[f"right:{tool}"], counts[f"total:{tool}"])
        yield f"{HEADLINE}[tool:{tool}]", tally


def _chain_tallies(results: Iterable[Result]) -> list[Tally]:
    """Return a tally for each chain and trial all of whose turns have a score."""
    turns: dict[Key, int] = {}  # turns without a score yet, by chain and trial
    is_exact: dict[Key, bool] = {}
    for sample, trial, score in results:
        if score is not None:
            key = chain_of(sample), trial
            turns[key] = turns.get(key, int(sample.meta["turns"])) - 1
            is_exact[key] = is_exact.get(key, True) and score.exact
    return [Tally(key[0], float(is_exact[key]), 1.0) for key, left in turns.items() if left == 0]


def _counts_by_tool(answer: Parsed, gold: Gold, is_exact: bool) -> dict[str, int]:
    """Return the right and total calls of each expected tool: `right:NAME` and `total:NAME`."""
    expected = _number_by_name(gold.calls)
    if is_exact:
        made = right = expected
    else:
        made, right = _number_by_name(answer.calls), {}
        pairs = pairs_of(answer.calls, gold) if answer.calls else {}
        for index, place in pairs.items():
            if gold.matchers[place].is_exact(answer.calls[index].arguments):
                name = gold.calls[place].name
                right[name] = right.get(name, 0) + 1
    counts = {}
    for name, number in expected.items():
        counts[f"right:{name}"] = right.get(name, 0)
        counts[f"total:{name}"] = max(number, made.get(name, 0))
    return counts


def _number_by_name(calls: Iterable[ToolCall | ExpectedCall]) -> dict[str, int]:
    numbers: dict[str, int] = {}  # a Counter takes five times as long, for each answer
    for call in calls:
        numbers[call.name] = numbers.get(call.name, 0) + 1
    return numbers


def _samples(row: dict[str, Any], where: str) -> Iterator[Sample]:
    """Yield the sample of a row with gold, or those of the calling turns of a training row."""
    identity = identity_of(row, where)
    history = openai_messages(row.get("messages"), where)
    tools = parse_tools(row.get("tools"), where)
    meta = meta_of(row, where)
    scoring, tools_text = row.get("scoring"), row.get("tools")
    if not isinstance(tools_text, str):
        tools_text = encode(tools).decode()
    if row.get("expected_calls") is not None:
        gold = gold_from(row["expected_calls"], where, scoring, tools_text)
        yield Sample(identity, prompt_of(history, where), tools, gold, meta)
        return
    answers = [index for index, message in enumerate(history) if message.get("tool_calls")]
    if not answers:
        gold = gold_of([], scoring, tools_text)
        yield Sample(identity, prompt_of(history, where), tools, gold, meta)
    for turn, index in enumerate(answers, 1):
        turn_id = identity if len(answers) == 1 else f"{identity}#{turn}"
        prompt = prompt_of(history[:index], where)
        gold = gold_of(openai_calls.parse(history[index]).calls, scoring, tools_text)
        yield Sample(turn_id, prompt, tools, gold, {"chain": identity} | meta)


TASK = Task(load, score, metrics, (0.0, 512), HEADLINE, load_for=load, extremes=extremes)
