"""BFCL v4, the Berkeley Function Calling Leaderboard: its own verdicts, category by category, and
its overall scores.

Data: BFCL_v4_*.json as the leaderboard publishes them, a file or a folder, with the answers in
possible_answer/ beside them. Source: https://gorilla.cs.berkeley.edu/leaderboard.html and bfcl-eval
2026.3.23, as a function-calling model is asked there. Single turn: the verdict is
scoring/bfcl/verdict.py's. multi_turn: the conversation runs in the simulators of the installed
bfcl-eval package, in a process of its own (sandbox/bfcl_worker.py), and its checker judges the
states and results; SWIFTKIT_BFCL_PYTHON names the Python that has the package, if it is not this
one. Web search and memory are left out.

Metrics: `accuracy` over all samples, `accuracy[CATEGORY]`, and where all their categories are
asked, as there:

    non_live_ast    mean of simple (the mean of Python, Java, JavaScript), multiple, parallel, parallel_multiple
    live_ast        live_simple, _multiple, _parallel, _parallel_multiple together, weighted by their sizes
    irrelevance     mean of irrelevance and live_irrelevance;    relevance    live_relevance
    multi_turn      mean of the four categories
    overall_single_turn                 mean of non_live_ast, live_ast and irrelevance
    overall_without_agentic             these three and multi_turn, weighted 10, 10, 10 and 30

The leaderboard's own overall score has the agentic categories too, weighted 40, which cannot be
asked here. Names of tools go out as they are: an API that refuses a dot in a name refuses these
questions.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.data.to_openai import openai_messages, parse_tools
from swiftkit.environments.bfcl import VALID, check_installed
from swiftkit.environments.environment import AgentTask
from swiftkit.environments.rollout import Episode
from swiftkit.errors import DataError
from swiftkit.evals.dataset import identity_of, load_samples
from swiftkit.evals.stats import Mean, MetricTallies, Tally, passes
from swiftkit.evals.task import Sampling, Task
from swiftkit.files.inputs import GOLD_FOLDER, companion
from swiftkit.records import Response, Sample, Score
from swiftkit.scoring.bfcl import verdict as bfcl
from swiftkit.scoring.bfcl.item import Item
from swiftkit.scoring.response import read_answer
from swiftkit.toolcall.formats import detect
from swiftkit.toolcall.text_arguments import reader

HEADLINE = "accuracy"
_SIMPLE = ("simple_python", "simple_java", "simple_javascript")
_LIVE = ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple")
_TURNS = (
    "multi_turn_base",
    "multi_turn_miss_func",
    "multi_turn_miss_param",
    "multi_turn_long_context",
)
_NON_LIVE = dict.fromkeys(_SIMPLE, 1 / 12) | dict.fromkeys(
    ("multiple", "parallel", "parallel_multiple"), 1 / 4
)
_WITHOUT = {"irrelevance": 1 / 2, "live_irrelevance": 1 / 2}
_LANGUAGES = {"java": "Java 8", "javascript": "JavaScript", "python": "Python 3"}


class Turns(msgspec.Struct, frozen=True):
    """A multi_turn conversation: BFCL's row, and the calls that it wants in each turn."""

    entry: dict[str, Any]
    truth: list[list[str]]


def load(path: Path) -> Sequence[Sample]:
    """The questions of a file or folder. Raises DataError (file:line) for one that cannot be asked,
    UsageError where multi_turn is asked without bfcl-eval."""
    samples = load_samples(path, lambda row, where, file: [_sample(row, where, file)])
    if any(isinstance(sample.target, Turns) for sample in samples):
        check_installed()
    return samples


def episode(sample: Sample) -> Episode | None:
    """Return the conversation of a multi_turn question; the others take one request."""
    if isinstance(sample.target, Item):
        return None
    config = {"entry": sample.target.entry, "truth": sample.target.truth}
    task = AgentTask(sample.id, "bfcl", config)
    return Episode(task, lambda text, tools: reader(detect.parse, tools)(text))


def score(sample: Sample, response: Response) -> Score:
    """BFCL's verdict: right or wrong."""
    if isinstance(sample.target, Turns):
        error = "" if response.verdict == VALID else response.verdict or "no verdict"
    else:
        parsed = read_answer(response, reader(detect.parse, sample.tools))
        error = bfcl.verdict(parsed.calls, sample.target, parsed.malformed)
    return Score(float(not error), not error, error, {}, {"right": int(not error), "total": 1})


def metrics(results: Sequence[tuple[Sample, int, Score | None]]) -> MetricTallies:
    """A tally for each scored trial, by category; the trials of a question are one cluster."""
    found: dict[str, list[Tally]] = {}
    for sample, _, score in results:
        entries = found.setdefault(sample.meta["category"], [])
        entries.extend([Tally(sample.id, score.value, 1.0)] if score else [])
    everything = [tally for entries in found.values() for tally in entries]
    trials = 1 + max((trial for _, trial, _ in results), default=0)
    by_category = {f"{HEADLINE}[{name}]": found[name] for name in sorted(found)}
    return {HEADLINE: everything} | passes(everything, trials) | _overall(found) | by_category


def _overall(found: dict[str, list[Tally]]) -> dict[str, list[Tally] | Mean]:
    """The scores over several categories, where all of them were asked."""
    scores: dict[str, list[Tally] | Mean] = {}
    live = [tally for name in _LIVE for tally in found.get(name, ())]
    parts: dict[str, list[tuple[float, list[Tally]]]] = {}
    for title, weights in (("non_live_ast", _NON_LIVE), ("irrelevance", _WITHOUT)):
        if weights.keys() <= found.keys():
            parts[title] = [(weight, found[name]) for name, weight in weights.items()]
    if set(_LIVE) <= found.keys():
        parts["live_ast"] = [(1.0, live)]
    if set(_TURNS) <= found.keys():
        parts["multi_turn"] = [(1 / 4, found[name]) for name in _TURNS]
    scores |= {title: Mean(each) for title, each in parts.items()}
    if "live_relevance" in found:
        scores["relevance"] = found["live_relevance"]
    single = [
        part
        for title in ("non_live_ast", "live_ast", "irrelevance")
        for part in parts.get(title, [])
    ]
    if parts.keys() >= {"non_live_ast", "live_ast", "irrelevance"}:
        scores["overall_single_turn"] = Mean(single)
        if "multi_turn" in parts:
            scores["overall_without_agentic"] = Mean(
                [*single, *((3 * w, part) for w, part in parts["multi_turn"])]
            )
    return scores


def _sample(row: dict[str, Any], where: str, file: Path) -> Sample:
    row = row | companion(file, GOLD_FOLDER).get(str(row.get("id")), {})
    identity = identity_of(row, where)
    category = identity.rpartition("_")[0]
    meta = {"where": where, "category": category}
    question, truth = row.get("question"), row.get("ground_truth")
    if (
        not isinstance(question, list)
        or not all(isinstance(turn, list) for turn in question)
        or not question
    ):
        raise DataError(
            f"{where}: no question of BFCL",
            "no_question",
            "give the files BFCL_v4_*.json as they are",
        )
    if truth is None and "relevance" not in category:
        fix = "put possible_answer/ beside the question file"
        raise DataError(f"{where}: the question has no ground truth", "no_gold", fix)
    if category.startswith("multi_turn"):
        return Sample(identity, question[0], [], _turns(row, truth, where), meta)
    if not isinstance(row.get("function"), list):
        reason = f"{where}: this question needs web search or memory to be answered"
        raise DataError(reason, "unsupported_category", "leave this file out")
    item = _item(category, row["function"], truth, where)
    tools = parse_tools(encode_hints(row["function"], item.language), where)
    return Sample(identity, openai_messages(question[0], where), tools, item, meta)


def _item(category: str, function: Any, truth: Any, where: str) -> Item:
    try:
        return msgspec.convert(
            {"category": category, "function": function, "ground_truth": truth}, Item
        )
    except msgspec.ValidationError as error:
        raise DataError(f"{where}: {error}", "bad_gold", "give BFCL's files as they are") from error


def _turns(row: dict[str, Any], truth: Any, where: str) -> Turns:
    wanted = {"initial_config": dict, "involved_classes": list}
    if not all(isinstance(row.get(name), kind) for name, kind in wanted.items()) or not isinstance(
        truth, list
    ):
        reason = f"{where}: a multi_turn question without {', '.join(wanted)}, or a ground truth that is no list"
        raise DataError(reason, "bad_gold", "give BFCL's files as they are")
    return Turns({name: value for name, value in row.items() if name != "ground_truth"}, truth)


def encode_hints(functions: list[Any], language: str) -> list[Any]:
    """The functions with a word on their language; values of Java and JavaScript are asked for as
    literals in strings, because JSON has no types for them."""
    hinted = []
    for function in functions:
        if not isinstance(function, dict):
            return functions
        said = f"{function.get('description', '')} (A function in {_LANGUAGES[language]}.)".strip()
        parameters = function.get("parameters")
        if (
            language != "python"
            and isinstance(parameters, dict)
            and isinstance(parameters.get("properties"), dict)
        ):
            literals = {
                name: _as_literal(each, language) for name, each in parameters["properties"].items()
            }
            parameters = parameters | {"properties": literals}
        hinted.append(function | {"description": said, "parameters": parameters})
    return hinted


def _as_literal(schema: Any, language: str) -> dict[str, Any]:
    known = schema if isinstance(schema, dict) else {}
    inside = {key: known[key] for key in ("items", "properties") if key in known}
    shape = f", made of {json.dumps(inside)}" if inside else ""
    kind = f"{_LANGUAGES[language]} {known.get('type', 'any')}"
    return {
        "type": "string",
        "description": f"{known.get('description', '')} ({kind}{shape}, as a literal)".strip(),
    }


TASK = Task(load, score, metrics, Sampling(0.001, 4096), HEADLINE, episode=episode)
