"""What an audit does with rewards that misbehave, and what it says."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from evals.audit.audit_rows import TOOLS, write_rows
from evals.audit.rewards import answers, conduct, sound

from swiftkit.cli.main import main
from swiftkit.errors import UsageError
from swiftkit.evals.audit.audit import AuditOptions, CannotAuditError, audit
from swiftkit.evals.audit.print_audit import print_audit
from swiftkit.evals.audit.report import AuditReport

MUTATED = 1500  # the command tries 10,000: fewer are enough for what is planted here
LONGEST = 60  # seconds


def audited(tmp_path: Path, reward: str, kind: str, **options: Any) -> AuditReport:
    data = write_rows(tmp_path, kind)
    return audit(AuditOptions(reward, data, mutated=MUTATED, **options))


def write_reward(tmp_path: Path, text: str) -> str:
    file = tmp_path / "written_reward.py"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_a_reward_that_no_gold_satisfies_is_a_flaw_and_not_an_error(tmp_path: Path) -> None:
    """ms-swift gives more than this function takes: it would stop a training at its first step."""
    report = audited(tmp_path, f"{conduct.__file__}:strict_signature", "numbers")
    assert report.form == ""
    details = [fault.detail for fault in report.faults if fault.name in ("no_kwargs", "raises")]
    assert "no **kwargs" in details[0]


def test_an_auxiliary_reward_may_ignore_the_answer(tmp_path: Path) -> None:
    text = (
        "def tags(completions, **kwargs):\n    return [float('<answer>' in c) for c in completions]"
    )
    reward = write_reward(tmp_path, text)
    assert audited(tmp_path, reward, "numbers").flaws == ["ignores_answer"]
    report = audited(tmp_path, reward, "numbers", auxiliary=True)
    assert report.flaws == []
    assert "ignores_answer" in [fault.name for fault in report.faults]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("def one(completions, **k): ...\ndef two(completions, **k): ...", UsageError, "one, two"),
        ("import no_such_module", CannotAuditError, "no_such_module"),
        ("raise SystemExit(3)", CannotAuditError, "SystemExit"),
        ("import os; os._exit(3)", CannotAuditError, "has ended"),
    ],
)
def test_what_cannot_be_loaded_is_said(
    tmp_path: Path, text: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        audited(tmp_path, write_reward(tmp_path, text), "numbers")


def test_an_audit_ends_what_the_reward_starts(tmp_path: Path) -> None:
    """A reward that forks, hangs in some calls, fills the memory and writes to stdout."""
    reward = write_reward(
        tmp_path,
        f"""
import os, subprocess, sys, time
def wild(completions, solution, **kwargs):
    print("noise" * 1000, flush=True)
    if os.fork() == 0:
        time.sleep(3600)
    process = subprocess.Popen(["sleep", "3600"], start_new_session=True)
    open({str(tmp_path / "ids")!r}, "a").write(f"{{process.pid}}\\n")
    if any(len(text) > 50_000 for text in completions):
        [0] * 10**11
    if any("[[[" in text for text in completions):
        time.sleep(3600)
    return [float(text == gold) for text, gold in zip(completions, solution)]
""",
    )
    report = audited(tmp_path, reward, "words")
    assert report.seconds < LONGEST
    assert {"hangs", "raises", "changes_state"} <= set(report.flaws)
    errors = [fault.detail for fault in report.faults if fault.name == "raises"]
    assert any("MemoryError" in error for error in errors)
    for started in (tmp_path / "ids").read_text().split():
        assert not Path("/proc", started).exists() or "Z" in status_of(started)


def status_of(process: str) -> str:
    try:
        return Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def test_the_same_audit_twice_says_the_same(tmp_path: Path) -> None:
    reports = []
    for _ in range(2):
        report = audited(tmp_path, f"{answers.__file__}:contains", "numbers")
        reports.append((report.form, report.classes, report.flaws, report.numbers.tied_groups))
    assert reports[0] == reports[1]


def test_gold_is_found_in_a_solution_with_steps(tmp_path: Path) -> None:
    """As GSM8K writes it: the number behind #### is what the form holds."""
    data = tmp_path / "steps.jsonl"
    rows = [
        {"question": f"{n} and 4?", "solution": f"It is {n} + 4.\n#### {n + 4}"} for n in range(12)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    reward = write_reward(
        tmp_path,
        "import re\n"
        "def boxed(completions, solution, **kwargs):\n"
        "    found = [re.fullmatch(r'\\s*\\\\boxed\\{(\\d+)\\}\\s*', c) for c in completions]\n"
        "    return [float(bool(m) and m[1] == s.split('#### ')[1])"
        " for m, s in zip(found, solution)]\n",
    )
    report = audit(AuditOptions(reward, data, mutated=MUTATED))
    assert report.form == "\\boxed{GOLD}"
    assert report.flaws == []


def test_recorded_completions_count_the_groups(tmp_path: Path) -> None:
    data = write_rows(tmp_path, "words")
    rows = [
        json.loads(line) | {"id": str(n)} for n, line in enumerate(data.read_text().splitlines())
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    answers_file = tmp_path / "answers.jsonl"
    lines = []
    for number, row in enumerate(rows):
        texts = ["x"] * 8 if number % 2 else [row["solution"], "x"] * 4
        lines.append(json.dumps({"id": str(number), "completion": texts}) + "\n")
    answers_file.write_text("".join(lines))
    options = AuditOptions(f"{sound.__file__}:word", data, completions=answers_file, mutated=100)
    numbers = audit(options).numbers
    assert (numbers.groups, numbers.tied_groups) == (19, 9)


def test_a_report_is_safe_to_print(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "rows.jsonl"
    rows = [{"solution": f"red \x1b[31m{n}", "question": "?"} for n in range(6)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = audit(AuditOptions(f"{answers.__file__}:contains", data, mutated=MUTATED))
    print_audit(report)
    printed = capsys.readouterr().out
    assert "every_answer" in printed
    assert "\x1b" not in printed
    assert printed.splitlines()[-1].startswith(f"{len(report.flaws)} flaws: ")


@pytest.mark.parametrize(("reward", "status"), [("word", 0), ("missing", 2)])
def test_the_command_has_its_statuses(tmp_path: Path, reward: str, status: int) -> None:
    arguments = [
        "audit",
        f"{sound.__file__}:{reward}",
        "--data",
        str(write_rows(tmp_path, "words")),
    ]
    result = CliRunner().invoke(main, [*arguments, "--json"])
    assert result.exit_code == status
    if status == 0:
        report = json.loads(result.stdout)
        assert report["rows"] == 19
        assert {each["verdict"] for each in report["classes"]} == {"sound", "not tried"}


def test_tools_settings_and_gold_are_what_is_given(tmp_path: Path) -> None:
    """As a row has no tools, those of a file are given to the reward; `args` holds a setting."""
    tools = tmp_path / "tools.json"
    tools.write_text(TOOLS)
    data = tmp_path / "rows.jsonl"
    data.write_text(
        "".join(f'{{"question": "{n}?", "right": "{n}", "solution": ""}}\n' for n in range(9))
    )
    reward = write_reward(
        tmp_path,
        "class Strict:\n"
        "    def __init__(self, args=None, **kwargs):\n"
        "        self.worth = args.soft_max_length\n"
        "    def __call__(self, completions, right, tools, **kwargs):\n"
        "        assert all('weather' in text for text in tools)\n"
        "        return [self.worth * (c.strip() == r) for c, r in zip(completions, right)]\n",
    )
    options = AuditOptions(reward, data, tools, "right", settings={"soft_max_length": 7})
    report = audit(options._replace(mutated=200))
    assert (report.gold_column, report.gold_mean, report.flaws) == ("right", 7.0, [])
