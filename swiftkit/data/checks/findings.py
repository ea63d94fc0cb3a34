"""The findings of a check: what is wrong, in how many rows, and where the first of them are."""

from collections.abc import Iterable

import msgspec

from swiftkit.data.checks.row_view import RowFinding
from swiftkit.findings import Level
from swiftkit.terminal import shorten

EXAMPLES = 5
_LONGEST = 300
# code: (what it means, what to do); any other comes from reading the row, and is an error
ERRORS = {
    "undefined_tool":
        ("a call of a tool that the row does not define", "define it in tools, or mend the name"),
    "missing_parameter":
        ("a call without a required parameter", "add it, or take it out of `required`"),
    "bad_argument": ("an argument that breaks its schema", "mend the value or the schema"),
    "empty_answer": ("an empty answer", "fill it in, or delete the row"),
    "two_reasonings":
        ("an answer whose reasoning stands there twice",
         "keep reasoning_content, or one block at the beginning of the text"),
    "answer_left":
        ("a question with gold that still holds its answer", "cut it: swiftkit convert --to grpo"),
    "too_long":
        ("more tokens than --max-length", "swift deletes such rows, or stops under --strict"),
    "contaminated":
        ("a question that the training data holds", "take the row out of one of the two files"),
    "unread_training_row":
        ("a row of the training data that cannot be read", "mend it: it was not compared"),
}  # fmt: skip
WARNINGS = {
    "overlap":
        ("a question that shares a passage with the training data",
         "look whether it is the same task"),
    "undeclared_parameter":
        ("an argument that the tool does not declare", "declare it, or delete it"),
    "unchecked_calls": ("calls in a row without tools: nothing to check them by", "add the tools"),
    "bad_schema":
        ("a tool whose parameters are no valid JSON Schema", "mend it: its calls were not checked"),
    "answer_quoted":
        ("an answer that stands word for word in the prompt",
         "keep it only if copying is the task"),
    "call_in_text":
        ("a call that an answer writes as text, and that is trained as words",
         "write it as a tool_call message, as swiftkit convert does with the raw data"),
    "format_in_prompt":
        ("a system prompt that defines tools or prescribes a format of calls, beside the chat"
         " template's own",
         "take these sentences out, and put the tools into the column `tools`"),
    "control_token":
        ("a control token in a text, behind which another message may seem to begin",
         "take it out; one that ends an answer is written by the chat template"),
    "duplicate_tool":
        ("a tool that is defined twice, word for word", "keep one: the other costs tokens only"),
    "missing_result":
        ("calls without a result before the next answer",
         "add a tool_response for each, or take the calls out; templates refuse such rows, or"
         " write them as no server will"),
    "reasoning_dropped":
        ("reasoning that the model's chat template leaves out, so that it is not trained",
         "convert with --template-of DIR, which gives such answers rows of their own, or take"
         " another template"),
    "no_answer":
        ("a row without answer or gold: nothing to train on", "fine for a reward of your own only"),
    "plain_text":
        ("a text without a question: swift pt learns all of it",
         "for swift sft, put a question before it"),
    "question_after_result":
        ("a question right after a tool's result",
         "swift's own templates stop there: train it with --template_backend jinja"),
    "nested_column":
        ("a column that is no text", "write it as JSON text: Arrow pads structs with nulls"),
    "dropped_key": ("a key of a message that swift drops", "run swiftkit convert on the raw data"),
    "duplicate":
        ("a row that is there before, word for word", "delete it, unless it is to weigh double"),
    "near_duplicate": ("a row that is almost there before", "delete it if it teaches nothing new"),
}  # fmt: skip
KINDS = ERRORS | WARNINGS


class FindingExample(msgspec.Struct, frozen=True):
    where: str  # file:line
    detail: str


class CheckFinding(msgspec.Struct):
    """All findings of one kind. `rows` counts each row once; `examples` are the first of them."""

    code: str
    level: Level
    rows: int
    what: str
    fix: str
    examples: list[FindingExample]


class CheckFindings:
    """Gathers the findings of one file's rows by kind."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._by_code: dict[str, CheckFinding] = {}

    def add(self, line: int, findings: Iterable[RowFinding], file: str = "") -> None:
        """Enter the findings of one row. Of several of one kind the first counts."""
        codes = set()
        for finding in findings:
            code = finding.code
            if code in codes:
                continue
            codes.add(code)
            if code not in self._by_code:
                level = Level.WARN if code in WARNINGS else Level.FAIL
                what, fix = KINDS.get(code, ("a row that cannot be used", finding.fix))
                self._by_code[code] = CheckFinding(code, level, 0, what, fix, [])
            kind = self._by_code[code]
            kind.rows += 1
            if len(kind.examples) < EXAMPLES:
                where = f"{file or self._file}:{line}"
                kind.examples.append(FindingExample(where, shorten(finding.detail, _LONGEST)))

    def sorted(self) -> list[CheckFinding]:
        """Return the kinds, errors first, each by how many rows it has."""
        kinds = self._by_code.values()
        return sorted(kinds, key=lambda kind: (kind.level != Level.FAIL, -kind.rows, kind.code))
