"""Compare swiftkit's scorer with BFCL's checker and ToolRL's reward, on the same answers.

    python run.py --bfcl SITE_PACKAGES [--toolrl rlla.py] [--repeat 25]
    python run.py --bfcl SITE_PACKAGES --formats      the right answers in each wire format

--bfcl is the folder that `pip install --no-deps --target FOLDER bfcl-eval==2026.3.23` fills: its
data gives the rows, its checker is the first peer. --toolrl is verl/utils/reward_score/rlla.py of
github.com/qiancheng0/ToolRL, the second. Neither is part of this repository. All run one after the
other in one process; of repeated rounds the one with the least CPU time counts.
"""

import argparse
import contextlib
import importlib.util
import inspect
import io
import json
import os
import random
import sys
import time
import types
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from swiftkit.data.converters import bfcl as converter
from swiftkit.errors import DataError
from swiftkit.scoring.gold import Gold, gold_from
from swiftkit.scoring.score import score_calls, score_text
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import hermes
from swiftkit.toolcall.wire_format import load_all

CATEGORIES = ("simple_python", "multiple", "parallel", "parallel_multiple")
GROUP = 8  # answers to one question, as GRPO samples them
STEP = 512  # completions of a GRPO step


class Answer(NamedTuple):
    """An answer to a question of BFCL: its record with the ground truth, and the converted row."""

    record: dict[str, Any]
    row: Any
    calls: list[ToolCall]


Round = Callable[[], None]  # scores all answers once
Contestant = Callable[[list[Answer]], Round]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bfcl", type=Path, required=True)
    parser.add_argument("--toolrl", type=Path)
    parser.add_argument("--repeat", type=int, default=25)
    parser.add_argument("--formats", action="store_true")
    args = parser.parse_args()
    right = list(answers_of(args.bfcl / "bfcl_eval/data"))
    if args.formats:
        compare_formats(right, args.repeat)
        return
    mixed = [spoilt(answer, 0) if index % 2 else answer for index, answer in enumerate(right)]
    grouped = []
    for answer in random.Random(0).sample(right, len(right) // GROUP):
        grouped += [spoilt(answer, n) if n % 2 else answer for n in range(GROUP)]
    print(f"| answers/s | all right | every second one wrong | so too, {GROUP} a question |")
    print("|---|---|---|---|")
    for name, contestant in contestants(args.bfcl, args.toolrl).items():
        cells = []
        for answers in (right, mixed, grouped):
            cells.append(f"{rate(contestant(answers), len(answers), args.repeat):,.0f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    seconds = 1 / rate(step(grouped[:STEP]), 1, args.repeat)
    print(f"\nThe {STEP} completions of a GRPO step: {1000 * seconds:.1f} ms")


def compare_formats(answers: list[Answer], repeat: int) -> None:
    """Print how many times as long as in Hermes it takes to score answers in each format."""
    contestants: dict[str, tuple[list[Round], int]] = {}
    for name, form in load_all().items():
        pairs = []
        for answer in answers:
            with contextlib.suppress(DataError):  # the format cannot carry such values
                pairs.append((rendered(form, answer), answer))
        pinned = [gold_of(answer.row, wire_format=name) for _, answer in pairs]
        free = [gold_of(answer.row) for _, answer in pairs]
        texts = [text for text, _ in pairs]
        contestants[name] = ([scoring(texts, pinned), scoring(texts, free)], len(texts))
    best = {name: [float("inf")] * 2 for name in contestants}
    for _ in range(repeat):  # in turns, so that a slow moment of the machine is everybody's
        for name, (rounds, count) in contestants.items():
            for index, once in enumerate(rounds):
                best[name][index] = min(best[name][index], 1 / rate(once, count, 1))
    print("| format | pinned | detected |\n|---|---|---|")
    for name in sorted(best, key=lambda name: -best[name][1]):
        ratios = [mine / hermes for mine, hermes in zip(best[name], best["hermes"], strict=True)]
        print(f"| {name} | {ratios[0]:.2f} | {ratios[1]:.2f} |")


def rendered(form: Any, answer: Answer) -> str:
    if "tools" in inspect.signature(form.render).parameters:
        text = form.render(answer.calls, json.loads(answer.row["tools"]))
    else:
        text = form.render(answer.calls)
    return str(text)


def scoring(texts: list[str], golds: list[Gold]) -> Round:
    def once() -> None:
        for text, gold in zip(texts, golds, strict=True):
            score_text(text, gold)

    return once


def contestants(bfcl: Path, toolrl: Path | None) -> dict[str, Contestant]:
    checker = bfcl_checker(bfcl)
    by_name: dict[str, Contestant] = {
        "swiftkit, decoded calls": decoded,
        "swiftkit, from text": from_text,
        "swiftkit, mode bfcl, decoded calls": in_bfcl_mode,
        "BFCL's checker, decoded calls": partial(bfcl_decoded, checker),
        "BFCL's checker, from JSON text": partial(bfcl_from_text, checker),
    }
    if toolrl:
        by_name["ToolRL's reward, from text"] = partial(toolrl_from_text, toolrl_reward(toolrl))
    return by_name


def answers_of(data: Path) -> Iterator[Answer]:
    """Yield each question of the single-turn Python categories with BFCL's own answer."""
    for category in CATEGORIES:
        truths = {}
        for line in (data / f"possible_answer/BFCL_v4_{category}.json").open(encoding="utf-8"):
            truth = json.loads(line)
            truths[truth["id"]] = truth["ground_truth"]
        for line in (data / f"BFCL_v4_{category}.json").open(encoding="utf-8"):
            record = json.loads(line)
            record["ground_truth"] = truths[record["id"]]
            row = next(iter(converter.convert(record)))
            calls = [ToolCall(call.name, call.arguments) for call in gold_of(row).calls]
            yield Answer(record, row, calls)


def spoilt(answer: Answer, number: int) -> Answer:
    """Return the answer with a value, a parameter, a call or a name wrong, missing or too many."""
    draw = random.Random(f"{answer.record['id']} {number}")
    calls = [ToolCall(call.name, dict(call.arguments)) for call in answer.calls]  # a copy
    call = draw.choice(calls)
    parameter = draw.choice([*call.arguments, "extra"])
    fault = draw.randrange(5)
    if fault == 0:
        calls.append(call)
    elif fault == 1 and len(calls) > 1:
        calls.remove(call)
    elif fault == 2:
        calls[calls.index(call)] = ToolCall("other", call.arguments)
    elif fault == 3 and parameter in call.arguments:
        del call.arguments[parameter]
    else:
        call.arguments[parameter] = "wrong"
    return answer._replace(calls=calls)


def gold_of(row: Any, **options: Any) -> Gold:
    scoring = json.dumps(json.loads(row["scoring"]) | options)
    return gold_from(row["expected_calls"], row["id"], scoring, row["tools"])


def decoded(answers: list[Answer], **options: Any) -> Round:
    pairs = [(answer.calls, gold_of(answer.row, **options)) for answer in answers]

    def once() -> None:
        for calls, gold in pairs:
            score_calls(calls, gold)

    return once


def in_bfcl_mode(answers: list[Answer]) -> Round:
    return decoded(answers, mode="bfcl")


def from_text(answers: list[Answer]) -> Round:
    pairs = [(hermes.render(answer.calls), gold_of(answer.row)) for answer in answers]

    def once() -> None:
        for text, gold in pairs:
            score_text(text, gold)

    return once


def step(answers: list[Answer]) -> Round:
    """Score as a reward plugin does: texts and columns; the gold is looked up each time."""
    rows = [(hermes.render(answer.calls), answer.row) for answer in answers]

    def once() -> None:
        for text, row in rows:
            score_text(text, gold_from(row["expected_calls"], "", row["scoring"], row["tools"]))

    return once


def bfcl_checker(folder: Path) -> Callable[..., Any]:
    """Return `ast_checker`, without the model handlers that its module imports for their names."""
    sys.path.append(str(folder))
    config: Any = types.ModuleType("bfcl_eval.constants.model_config")
    config.MODEL_CONFIG_MAPPING = {"model": types.SimpleNamespace(underscore_to_dot=False)}
    sys.modules[config.__name__] = config
    from bfcl_eval.constants.enums import Language
    from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker

    def check(record: dict[str, Any], calls: list[dict[str, Any]]) -> Any:
        category = record["id"].rpartition("_")[0]
        truth = record["ground_truth"]
        return ast_checker(record["function"], calls, truth, Language.PYTHON, category, "model")

    return check


def bfcl_calls(answer: Answer) -> list[dict[str, Any]]:
    return [{call.name: call.arguments} for call in answer.calls]


def bfcl_decoded(check: Callable[..., Any], answers: list[Answer]) -> Round:
    rows = [(answer.record, bfcl_calls(answer)) for answer in answers]

    def once() -> None:
        for record, calls in rows:
            check(record, calls)

    return once


def bfcl_from_text(check: Callable[..., Any], answers: list[Answer]) -> Round:
    texts = [(answer.record, json.dumps(bfcl_calls(answer))) for answer in answers]

    def once() -> None:
        for record, text in texts:
            check(record, json.loads(text))

    return once


def toolrl_reward(path: Path) -> Callable[..., Any]:
    os.environ["EXPERIMENT_NAME"] = "qwen"  # it reads its settings from the environment
    spec = importlib.util.spec_from_file_location("toolrl_reward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    reward: Callable[..., Any] = module.compute_score
    return reward


def toolrl_from_text(reward: Callable[..., Any], answers: list[Answer]) -> Round:
    """Score in ToolRL's own wire format; what it prints is thrown away."""
    pairs = []
    for answer in answers:
        text = f"<|im_start|>assistant{toolrl_text(answer.calls)}"
        pairs.append((text, toolrl_text(gold_of(answer.row).calls)))

    def once() -> None:
        with contextlib.redirect_stdout(Nowhere()):
            for text, truth in pairs:
                reward(text, truth)

    return once


class Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


def toolrl_text(calls: Any) -> str:
    """Write calls as ToolRL does: one block, a call a line, `parameters`."""
    lines = [json.dumps({"name": call.name, "parameters": call.arguments}) for call in calls]
    return "<think>Yes.</think>\n<tool_call>\n" + "\n".join(lines) + "\n</tool_call>"


def rate(once: Round, count: int, repeat: int) -> float:
    """Return answers per second of CPU, in the fastest of the rounds."""
    fastest = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        once()
        fastest = min(fastest, time.process_time() - start)
    return count / fastest


if __name__ == "__main__":
    main()
