"""The table of swift's arguments against the real ms-swift: nothing in it is our own opinion."""

import json
import subprocess
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.preflight_recipes import preflight
from helpers.real_swift import warm_call

from swiftkit.recipe.arguments import table
from swiftkit.recipe.machine import Machine

pytestmark = pytest.mark.e2e
PARSER_RULES = (
    "unknown_key key_of_another_verb ambiguous_key renamed_key wrong_type wrong_choice"
    " missing_value too_many_values value_like_a_flag"
).split()
# In a process of its own. Prints the regenerated table, then whether the real parser accepts each
# command.
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


def sample_commands() -> list[list[str]]:
    """A few arguments of each kind, with values that the table accepts and such that it does not;
    and odd ones."""
    commands = [*ODD]
    for kind, values in SAMPLES.items():
        of_kind = [each for each in table().arguments if each.kind == kind and "sft" in each.verbs]
        for argument in of_kind[:3]:
            commands += [["sft", f"--{argument.name}", value] for value in values]
    choices = [each for each in table().arguments if each.kind == "choice" and "rlhf" in each.verbs]
    for argument in choices[:25]:
        commands.append(["rlhf", f"--{argument.name}", argument.choices[-1]])
        commands.append(["rlhf", f"--{argument.name}", "nothing"])
    return commands


def is_accepted(command: list[str], folder: Path) -> bool:
    """Return True if preflight finds nothing wrong with keys and values.

    An abbreviation is only a warning.
    """
    (folder / "empty.yaml").write_text("{}", encoding="utf-8")
    verb, *flags = command
    findings = preflight(folder / "empty.yaml", flags, {}, Machine(), verb)
    return not any(finding.rule in PARSER_RULES for finding in findings)


def test_table_is_the_installed_swifts_and_preflight_accepts_what_its_parser_does(
    tmp_path: Path,
) -> None:
    """The shipped file is what scripts/swift_arguments.py writes, and the real parser takes and
    refuses the same."""
    commands = sample_commands()
    done = subprocess.run(
        [*warm_call(), "python", "-c", REAL, json.dumps(commands)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    tables, answers = [], []
    for line in done.stdout.splitlines():
        if line.startswith("TABLE "):
            tables.append(json.loads(line.removeprefix("TABLE ")))
        elif line.startswith("ANSWER "):
            answers.append(json.loads(line.removeprefix("ANSWER ")))
    shipped = (ROOT / "swiftkit/recipe/swift_arguments.json").read_text(encoding="utf-8")
    assert tables == [shipped], done.stderr[-2000:]
    assert len(answers) == len(commands) > 50
    assert 20 < sum(answers) < len(answers) - 20
    for command, answer in zip(commands, answers, strict=True):
        assert is_accepted(command, tmp_path) == answer, command
