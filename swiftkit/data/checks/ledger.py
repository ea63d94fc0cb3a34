"""The books of a check: which faults were found, in how many rows, and where the first of them
are."""

from collections.abc import Iterable
from typing import Any

import msgspec

from swiftkit.data.checks.entry import Fault
from swiftkit.findings import Level

EXAMPLES = 5
_LONGEST = 300
FAIL, WARN = Level.FAIL, Level.WARN
# Level, what it means, what to do. Codes that are not here come from reading the row (data/rows.py,
# files/jsonl.py): errors.
KINDS: dict[str, tuple[Level, str, str]] = {
    "undefined_tool": (
        FAIL,
        "a call of a tool that the row does not define",
        "define it in tools, or mend the name",
    ),
    "missing_parameter": (
        FAIL,
        "a call without a required parameter",
        "add it, or take it out of `required`",
    ),
    "bad_argument": (FAIL, "an argument that breaks its schema", "mend the value or the schema"),
    "empty_answer": (FAIL, "an empty answer", "fill it in, or delete the row"),
    "answer_left": (
        FAIL,
        "a question with gold that still holds its answer",
        "cut it: swiftkit convert --to grpo",
    ),
    "too_long": (
        FAIL,
        "more tokens than --max-length",
        "swift deletes such rows, or stops under --strict",
    ),
    "contaminated": (
        FAIL,
        "a question that the training data holds",
        "take the row out of one of the two files",
    ),
    "unread_training_row": (
        FAIL,
        "a row of the training data that cannot be read",
        "mend it: it was not compared",
    ),
    "overlap": (
        WARN,
        "a question that shares a passage with the training data",
        "look whether it is the same task",
    ),
    "undeclared_parameter": (
        WARN,
        "an argument that the tool does not declare",
        "declare it, or delete it",
    ),
    "unchecked_calls": (
        WARN,
        "calls in a row without tools: nothing to check them by",
        "add the tools",
    ),
    "bad_schema": (
        WARN,
        "a tool whose parameters are no valid JSON Schema",
        "mend it: its calls were not checked",
    ),
    "answer_quoted": (
        WARN,
        "an answer that stands word for word in the prompt",
        "keep it only if copying is the task",
    ),
    "no_answer": (
        WARN,
        "a row without answer or gold: nothing to train on",
        "fine for a reward of your own only",
    ),
    "nested_column": (
        WARN,
        "a column that is no text",
        "write it as JSON text: Arrow pads structs with nulls",
    ),
    "dropped_key": (
        WARN,
        "a key of a message that swift drops",
        "run swiftkit convert on the raw data",
    ),
    "duplicate": (
        WARN,
        "a row that is there before, word for word",
        "delete it, unless it is to weigh double",
    ),
    "near_duplicate": (
        WARN,
        "a row that is almost there before",
        "delete it if it teaches nothing new",
    ),
}


class Example(msgspec.Struct, frozen=True):
    where: str  # file:line
    detail: str


class Finding(msgspec.Struct):
    """One kind of fault. `rows` counts each row once; `examples` are the first of them."""

    code: str
    level: Level
    rows: int
    what: str
    fix: str
    examples: list[Example]


class Ledger:
    def __init__(self, file: str) -> None:
        self._file = file
        self._found: dict[str, Finding] = {}

    def add(self, line: int, faults: Iterable[Fault], file: str = "") -> None:
        """Enter the faults of one row."""
        for fault in {fault.code: fault for fault in reversed(list(faults))}.values():
            finding = self._found.setdefault(fault.code, _finding(fault))
            finding.rows += 1
            if len(finding.examples) < EXAMPLES:
                finding.examples.append(
                    Example(f"{file or self._file}:{line}", _short(fault.detail))
                )

    def findings(self) -> list[Finding]:
        """Errors first, each kind by how many rows it has."""
        return sorted(
            self._found.values(), key=lambda found: (found.level != FAIL, -found.rows, found.code)
        )


def failed(findings: Iterable[Finding]) -> bool:
    return any(finding.level is FAIL for finding in findings)


def _finding(fault: Fault) -> Finding:
    level, what, fix = KINDS.get(fault.code, (FAIL, "a row that cannot be used", fault.fix))
    return Finding(fault.code, level, 0, what, fix, [])


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
