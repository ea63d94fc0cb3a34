"""The table of swift's arguments against the real ms-swift: nothing in it is our own opinion."""

import json
import subprocess
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.real_swift import warm_call

from swiftkit.recipe.arguments import table

pytestmark = pytest.mark.e2e
# In a process of its own. Prints the regenerated table, then what the real parser says to each
# argv.
REAL = """
import contextlib, io, json, sys
sys.path.insert(0, "scripts")
import swift_arguments
from swift.utils.utils import _patch_get_type_hints
from transformers import HfArgumentParser
print("TABLE " + json.dumps(swift_arguments.written(swift_arguments.table())))
parsers = {}
for verb, *argv in json.loads(sys.argv[1]):
    if verb not in parsers:
        with _patch_get_type_hints():
            parsers[verb] = HfArgumentParser([swift_arguments.VERBS[verb]])
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            unknown = parsers[verb].parse_known_args(argv)[1]
    except SystemExit:
        unknown = ["refused"]
    print("ANSWER " + json.dumps(not unknown))
"""
SAMPLES = {
    "int": ["3", "1_000", "-1", "1.5", "many", "1e3"],
    "float": ["0.5", "1e-4", "-.5", "inf", "half"],
    "bool": ["true", "No", "0", "perhaps", "2"],
    "str": ["a b", ""],
}
ODD = [
    ["sft", "--learning_rat", "1"],
    ["sft", "--max_", "1"],
    ["sft", "--train_type", "lora"],
    ["sft", "--max-length", "5"],
    ["sft", "--max_length", "1", "2"],
    ["sft", "--max_length"],
    ["sft", "--strict"],
    ["rlhf", "--beta", "-1e-4"],
    ["rlhf", "--beta", "-1"],
    ["export", "--check_model", "false"],
]


def argvs() -> list[list[str]]:
    """A few arguments of each kind, with values that the table takes and such that it refuses; and
    odd ones."""
    found = [*ODD]
    for kind, values in SAMPLES.items():
        some = [one for one in table().arguments if one.kind == kind and "sft" in one.verbs][:3]
        found += [["sft", f"--{one.name}", value] for one in some for value in values]
    choices = [one for one in table().arguments if one.kind == "choice" and "rlhf" in one.verbs][
        :25
    ]
    return found + [
        ["rlhf", f"--{one.name}", value]
        for one in choices
        for value in (one.choices[-1], "nothing")
    ]


def accepted(argv: list[str], folder: Path) -> bool:
    """Whether preflight has nothing against the keys and values; an abbreviation is only warned
    of."""
    from swiftkit.preflight import Machine, preflight

    (folder / "empty.yaml").write_text("{}", encoding="utf-8")
    found = preflight(folder / "empty.yaml", argv[1:], {}, Machine(), argv[0])
    by_parser = "unknown_key key_of_another_verb ambiguous_key renamed_key wrong_type wrong_choice missing_value"
    rules = {*by_parser.split(), "too_many_values", "value_like_a_flag"}
    return not any(fault.rule in rules for fault in found)


def test_the_table_is_what_the_installed_swift_says_and_both_agree_on_values(
    tmp_path: Path,
) -> None:
    """The shipped file is what scripts/swift_arguments.py writes, and the real parser takes and
    refuses the same."""
    samples = argvs()
    done = subprocess.run(
        [*warm_call(), "python", "-c", REAL, json.dumps(samples)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = done.stdout.splitlines()
    written = [
        json.loads(line.removeprefix("TABLE ")) for line in lines if line.startswith("TABLE ")
    ]
    assert written == [
        (ROOT / "swiftkit/recipe/swift_arguments.json").read_text(encoding="utf-8")
    ], done.stderr[-2000:]
    answers = [
        json.loads(line.removeprefix("ANSWER ")) for line in lines if line.startswith("ANSWER ")
    ]
    ours = [accepted(argv, tmp_path) for argv in samples]
    assert len(answers) == len(samples) > 50
    assert 20 < sum(answers) < len(answers) - 20
    assert [
        argv for argv, real, said in zip(samples, answers, ours, strict=True) if real != said
    ] == []
