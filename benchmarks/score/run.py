"""swiftkit's scorer beside BFCL's checker and ToolRL's reward, on the same answers, one after the
other in one run.

    python run.py --bfcl SITE_PACKAGES [--toolrl rlla.py] [--repeat 25]

--bfcl is the folder that `pip install --no-deps --target FOLDER bfcl-eval==2026.3.23` fills: its
data gives the rows, its checker is the first peer. --toolrl is verl/utils/reward_score/rlla.py of
github.com/qiancheng0/ToolRL, the second. Neither is part of this repository. CPU time of one
process; of repeated rounds the fastest counts.
"""

import argparse
import contextlib
import importlib.util
import io
import json
import os
import random
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from swiftkit.data.converters import bfcl as converter
from swiftkit.scoring.gold import Gold, gold_from
from swiftkit.scoring.score import score_calls, score_text
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import hermes

CATEGORIES = ("simple_python", "multiple", "parallel", "parallel_multiple")
GROUP = 8  # answers to one question, as GRPO samples them
STEP = 512  # completions of a GRPO step


class Answer(NamedTuple):
    record: dict[str, Any]  # BFCL's question with its ground truth
    row: Any
    calls: list[ToolCall]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bfcl", type=Path, required=True)
    parser.add_argument("--toolrl", type=Path)
    parser.add_argument("--repeat", type=int, default=25)
    args = parser.parse_args()
    right = list(_answers(args.bfcl / "bfcl_eval/data"))
    mixed = [_spoilt(answer, 0) if index % 2 else answer for index, answer in enumerate(right)]
    drawn = random.Random(0).sample(right, len(right) // GROUP)
    grouped = [
        _spoilt(answer, number) if number % 2 else answer
        for answer in drawn
        for number in range(GROUP)
    ]
    print(
        f"| answers/s | all right | every second one wrong | so too, {GROUP} a question |\n|---|---|---|---|"
    )
    for name, measured in (_ours() | _peers(args)).items():
        rates = [
            _rate(measured(answers), len(answers), args.repeat)
            for answers in (right, mixed, grouped)
        ]
        print(f"| {name} | {' | '.join(f'{rate:,.0f}' for rate in rates)} |", flush=True)
    seconds = 1 / _rate(_step(grouped[:STEP]), 1, args.repeat)
    print(f"\nThe {STEP} completions of a GRPO step: {1000 * seconds:.1f} ms")


def _ours() -> dict[str, Callable[[list[Answer]], "Round"]]:
    return {
        "swiftkit, decoded calls": _decoded,
        "swiftkit, from text": _from_text,
        "swiftkit, mode bfcl, decoded calls": _in_bfcl_mode,
    }


def _answers(data: Path) -> Iterator[Answer]:
    """Each question of the single-turn Python categories with BFCL's own answer."""
    for category in CATEGORIES:
        truths = map(
            json.loads, (data / f"possible_answer/BFCL_v4_{category}.json").open(encoding="utf-8")
        )
        truth = {line["id"]: line["ground_truth"] for line in truths}
        for line in (data / f"BFCL_v4_{category}.json").open(encoding="utf-8"):
            record = json.loads(line)
            record["ground_truth"] = truth[record["id"]]
            row = next(iter(converter.convert(record)))
            yield Answer(
                record,
                row,
                [ToolCall(**call) for call in map(_name_and_arguments, _gold(row).calls)],
            )


def _name_and_arguments(call: Any) -> dict[str, Any]:
    return {"name": call.name, "arguments": call.arguments}


def _spoilt(answer: Answer, number: int) -> Answer:
    """The answer with one fault: a wrong value, a parameter or a call too few or too many, another
    name."""
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


def _gold(row: Any, **options: Any) -> Gold:
    scoring = json.dumps(json.loads(row["scoring"]) | options)
    return gold_from(row["expected_calls"], row["id"], scoring, row["tools"])


Round = Callable[[], None]


def _decoded(answers: list[Answer], **options: Any) -> Round:
    pairs = [(answer.calls, _gold(answer.row, **options)) for answer in answers]

    def once() -> None:
        for calls, gold in pairs:
            score_calls(calls, gold)

    return once


def _in_bfcl_mode(answers: list[Answer]) -> Round:
    return _decoded(answers, mode="bfcl")


def _from_text(answers: list[Answer]) -> Round:
    pairs = [(hermes.render(answer.calls), _gold(answer.row)) for answer in answers]

    def once() -> None:
        for text, gold in pairs:
            score_text(text, gold)

    return once


def _step(answers: list[Answer]) -> Round:
    """As a reward plugin gets it: texts and columns; the gold is looked up for each completion."""
    rows = [(hermes.render(answer.calls), answer.row) for answer in answers]

    def once() -> None:
        for text, row in rows:
            score_text(text, gold_from(row["expected_calls"], "", row["scoring"], row["tools"]))

    return once


def _peers(args: argparse.Namespace) -> dict[str, Callable[[list[Answer]], Round]]:
    checker = _bfcl_checker(args.bfcl)
    peers = {
        "BFCL's checker, decoded calls": lambda answers: _bfcl(answers, checker, from_text=False),
        "BFCL's checker, from JSON text": lambda answers: _bfcl(answers, checker, from_text=True),
    }
    if args.toolrl:
        reward = _toolrl_reward(args.toolrl)
        peers["ToolRL's reward, from text"] = lambda answers: _toolrl(answers, reward)
    return peers


def _bfcl_checker(folder: Path) -> Callable[..., Any]:
    """`ast_checker`, without the model handlers that its module imports for their table of
    names."""
    sys.path.append(str(folder))
    config: Any = types.ModuleType("bfcl_eval.constants.model_config")
    config.MODEL_CONFIG_MAPPING = {"model": types.SimpleNamespace(underscore_to_dot=False)}
    sys.modules[config.__name__] = config
    from bfcl_eval.constants.enums import Language
    from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker

    def check(record: dict[str, Any], calls: list[dict[str, Any]]) -> Any:
        category = record["id"].rpartition("_")[0]
        return ast_checker(
            record["function"], calls, record["ground_truth"], Language.PYTHON, category, "model"
        )

    return check


def _bfcl(answers: list[Answer], check: Callable[..., Any], from_text: bool) -> Round:
    rows = [
        (answer.record, [{call.name: call.arguments} for call in answer.calls])
        for answer in answers
    ]
    texts = [(record, json.dumps(calls)) for record, calls in rows]

    def once() -> None:
        if from_text:
            for record, text in texts:
                check(record, json.loads(text))
        else:
            for record, calls in rows:
                check(record, calls)

    return once


def _toolrl_reward(path: Path) -> Callable[..., Any]:
    os.environ["EXPERIMENT_NAME"] = "qwen"  # it reads its settings from the environment
    spec = importlib.util.spec_from_file_location("toolrl_reward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    reward: Callable[..., Any] = module.compute_score
    return reward


def _toolrl(answers: list[Answer], reward: Callable[..., Any]) -> Round:
    """In its own wire format: one block, a call a line, `parameters`. What it prints is thrown
    away."""
    pairs = [
        (
            f"<|im_start|>assistant{_toolrl_text(answer.calls)}",
            _toolrl_text(_gold(answer.row).calls),
        )
        for answer in answers
    ]

    def once() -> None:
        with contextlib.redirect_stdout(_Nowhere()):
            for text, truth in pairs:
                reward(text, truth)

    return once


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


def _toolrl_text(calls: Any) -> str:
    lines = [json.dumps({"name": call.name, "parameters": call.arguments}) for call in calls]
    return "<think>Yes.</think>\n<tool_call>\n" + "\n".join(lines) + "\n</tool_call>"


def _rate(once: Round, count: int, repeat: int) -> float:
    """Per second of CPU, in the fastest of the rounds."""
    fastest = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        once()
        fastest = min(fastest, time.process_time() - start)
    return count / fastest


if __name__ == "__main__":
    main()
