"""BFCL v4, the Berkeley Function Calling Leaderboard: its verdicts by category, its overall scores.

Data: BFCL_v4_*.json as the leaderboard publishes them, a file or a folder, with the answers in
possible_answer/ beside them. Source: https://gorilla.cs.berkeley.edu/leaderboard.html and bfcl-eval
2026.3.23, as a function-calling model is asked there. Single turn: the verdict is
scoring/bfcl/verdict.py's. multi_turn: the conversation runs in the simulators of bfcl-eval, and its
checker judges the states and results (environments/bfcl.py). Web search and memory are left out.

Metrics: `accuracy`, `accuracy[CATEGORY]`, and as there, where all their categories are asked:

    non_live_ast    mean of simple, multiple, parallel, parallel_multiple; simple is the mean of
                    Python, Java, JavaScript
    live_ast        live_simple, _multiple, _parallel, _parallel_multiple, weighted by their sizes
    irrelevance     mean of irrelevance and live_irrelevance;    relevance    live_relevance
    multi_turn      mean of the four categories
    overall_single_turn                 mean of non_live_ast, live_ast and irrelevance
    overall_without_agentic             these three and multi_turn, weighted 10, 10, 10 and 30

The leaderboard's own overall score has the agentic categories too, weighted 40. Names of tools go
out as they are: an API that refuses a dot in a name refuses these questions.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.data.to_openai import openai_messages, parse_tools
from swiftkit.environments.bfcl import VALID, check_installed
from swiftkit.environments.environment import AgentTask, Tool
from swiftkit.environments.rollout import Episode
from swiftkit.errors import DataError
from swiftkit.evals.dataset import identity_of, load_samples
from swiftkit.evals.results import trial_count
from swiftkit.evals.stats import Mean, MetricTallies, Tally, passes
from swiftkit.evals.task import Result, Task
from swiftkit.files.inputs import GOLD_FOLDER, companion
from swiftkit.records import Response, Sample, Score
from swiftkit.scoring.answer import read_answer
from swiftkit.scoring.bfcl import verdict as bfcl
from swiftkit.scoring.bfcl.item import BfclItem
from swiftkit.scoring.completion import READ, read_as, read_text
from swiftkit.toolcall.call import Parsed

HEADLINE = "accuracy"
_SIMPLE = ("simple_python", "simple_java", "simple_javascript")
_MULTI_TURN = ("base", "miss_func", "miss_param", "long_context")
# The categories of each score over several, with their weights. (live_ast is weighted by sizes.)
_NON_LIVE = dict.fromkeys(_SIMPLE, 1 / 12)
_NON_LIVE |= dict.fromkeys(("multiple", "parallel", "parallel_multiple"), 1 / 4)
_LIVE = ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple")
_IRRELEVANCE = dict.fromkeys(("irrelevance", "live_irrelevance"), 1 / 2)
_MULTI_TURNS = dict.fromkeys((f"multi_turn_{kind}" for kind in _MULTI_TURN), 1 / 4)
_LANGUAGES = {"java": "Java 8", "javascript": "JavaScript", "python": "Python 3"}
_AS_THEY_ARE = "give BFCL's files as they are"


def load(path: Path, wire_format: str = "") -> Sequence[Sample]:
    """Return the questions. Raises DataError (file:line), UsageError without bfcl-eval."""
    samples = load_samples(path, lambda row, where, file: [_sample(row, where, file)])
    for sample in samples:
        sample.meta["wire_format"] = wire_format
    if any(isinstance(sample.target, AgentTask) for sample in samples):
        check_installed()
    return samples


def episode(sample: Sample) -> Episode | None:
    """Return the conversation of a multi_turn question; the others take one request."""
    if isinstance(sample.target, BfclItem):
        return None
    return Episode(sample.target, partial(_read, sample))


def score(sample: Sample, response: Response) -> Score:
    """Return BFCL's verdict: right or wrong."""
    counts = {"total": 1}
    if isinstance(sample.target, AgentTask):
        error = "" if response.verdict == VALID else response.verdict or "no verdict"
    else:
        parsed = read_answer(response, partial(_read, sample, tools=sample.tools))
        error = bfcl.verdict(parsed.calls, sample.target, parsed.malformed)
        counts[f"{READ}{read_as(response, parsed, sample.meta['wire_format'])}"] = 1
    counts["right"] = int(not error)
    return Score(float(not error), not error, error, {}, counts)


def _read(sample: Sample, text: str, tools: Sequence[Tool]) -> Parsed:
    """Read an answer. What looks like a call and is not read is malformed here, and no call to
    BFCL."""
    return read_text(text, sample.meta["wire_format"], tools)


def metrics(results: Sequence[Result]) -> MetricTallies:
    """Return tallies of the scored trials, by category; a question's trials are one cluster."""
    by_category: dict[str, list[Tally]] = {}
    for sample, _, trial_score in results:
        tallies = by_category.setdefault(sample.meta["category"], [])
        if trial_score:
            tallies.append(Tally(sample.id, trial_score.value, 1.0))
    everything = [tally for tallies in by_category.values() for tally in tallies]
    breakdown = {f"{HEADLINE}[{name}]": by_category[name] for name in sorted(by_category)}
    trials = passes(everything, trial_count(results))
    return {HEADLINE: everything} | trials | _leaderboard(by_category) | breakdown


def _leaderboard(by_category: Mapping[str, list[Tally]]) -> dict[str, list[Tally] | Mean]:
    """Return the scores over several categories, where all of them were asked."""
    parts: dict[str, list[tuple[float, list[Tally]]]] = {}
    groups = {"non_live_ast": _NON_LIVE, "irrelevance": _IRRELEVANCE, "multi_turn": _MULTI_TURNS}
    for title, weights in groups.items():
        if weights.keys() <= by_category.keys():
            parts[title] = [(weight, by_category[name]) for name, weight in weights.items()]
    if set(_LIVE) <= by_category.keys():
        parts["live_ast"] = [(1.0, list(chain.from_iterable(by_category[name] for name in _LIVE)))]
    scores: dict[str, list[Tally] | Mean] = {title: Mean(part) for title, part in parts.items()}
    if "live_relevance" in by_category:
        scores["relevance"] = by_category["live_relevance"]
    if {"non_live_ast", "live_ast", "irrelevance"} <= parts.keys():
        single_turn = parts["non_live_ast"] + parts["live_ast"] + parts["irrelevance"]
        scores["overall_single_turn"] = Mean(single_turn)
        if "multi_turn" in parts:
            multi_turn = [(3 * weight, tallies) for weight, tallies in parts["multi_turn"]]
            scores["overall_without_agentic"] = Mean(single_turn + multi_turn)
    return scores


def _sample(row: dict[str, Any], where: str, file: Path) -> Sample:
    row = row | companion(file, GOLD_FOLDER).get(str(row.get("id")), {})
    identity = identity_of(row, where)
    category = str(row.get("id") or "").rpartition("_")[0]
    meta = {"where": where, "category": category}
    question, truth = row.get("question"), row.get("ground_truth")
    is_question = isinstance(question, list) and all(isinstance(turn, list) for turn in question)
    if not question or not is_question:
        raise DataError(f"{where}: no question of BFCL", "no_question", _AS_THEY_ARE)
    if truth is None and "relevance" not in category:
        fix = "put possible_answer/ beside the question file"
        raise DataError(f"{where}: the question has no ground truth", "no_gold", fix)
    if category.startswith("multi_turn"):
        has_world = isinstance(row.get("initial_config"), dict)
        has_classes = isinstance(row.get("involved_classes"), list)
        if not has_world or not has_classes or not isinstance(truth, list):
            parts = "initial_config, involved_classes or a list as its ground truth"
            reason = f"{where}: a multi_turn question without {parts}"
            raise DataError(reason, "bad_gold", _AS_THEY_ARE)
        entry = {name: value for name, value in row.items() if name != "ground_truth"}
        world = {"entry": entry, "truth": truth}  # the verdict is given while the model is asked
        conversation = AgentTask(identity, "bfcl", world)
        return Sample(identity, question[0], [], conversation, meta, beside=world)
    if not isinstance(row.get("function"), list):
        reason = f"{where}: this question needs web search or memory to be answered"
        raise DataError(reason, "unsupported_category", "leave this file out")
    values = {"category": category, "function": row["function"], "ground_truth": truth}
    try:
        item = msgspec.convert(values, BfclItem)
    except msgspec.ValidationError as error:
        raise DataError(f"{where}: {error}", "bad_gold", _AS_THEY_ARE) from error
    tools = parse_tools(add_language_hints(row["function"], item.language), where)
    return Sample(identity, openai_messages(question[0], where), tools, item, meta)


def add_language_hints(functions: list[Any], language: str) -> list[Any]:
    """Return the functions with a word on their language. Values of Java and JavaScript are asked
    for as literals in strings, because JSON has no types for them."""
    hinted = []
    for function in functions:
        if not isinstance(function, dict):
            return functions  # parse_tools says what is wrong
        hint = f"(A function in {_LANGUAGES[language]}.)"
        description = f"{function.get('description', '')} {hint}".strip()
        parameters = function.get("parameters")
        properties = parameters.get("properties") if isinstance(parameters, dict) else None
        if language != "python" and isinstance(properties, dict):
            literals = {name: _literal(schema, language) for name, schema in properties.items()}
            parameters = {**function["parameters"], "properties": literals}
        hinted.append(function | {"description": description, "parameters": parameters})
    return hinted


def _literal(schema: Any, language: str) -> dict[str, Any]:
    """Return the schema of a string that holds a value as a literal of the language."""
    schema = schema if isinstance(schema, dict) else {}
    hint = f"{_LANGUAGES[language]} {schema.get('type', 'any')}"
    shape = {key: schema[key] for key in ("items", "properties") if key in schema}
    if shape:
        hint += f", made of {json.dumps(shape)}"
    description = f"{schema.get('description', '')} ({hint}, as a literal)".strip()
    return {"type": "string", "description": description}


TASK = Task(load, score, metrics, (0.001, 4096), HEADLINE, episode=episode, load_for=load)
