"""A live server on a handful of conversations: does it see what the model's template writes?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from swiftkit.errors import DataError
from swiftkit.findings import Finding, Level
from swiftkit.preflight.parity.compare import Parity, ParityOptions
from swiftkit.preflight.parity.report import CauseCount, ParityReport
from swiftkit.preflight.parity.rows import RenderedRow, render_messages

_FIX = "serve the folder that was trained, with its chat template (docs/parity.md)"
_TOOL = {
    "type": "function",
    "function": {
        "name": "water_level",
        "description": "Level of a river, in metres: 水位",
        "parameters": {
            "type": "object",
            "properties": {
                "river": {"type": "string", "description": "its name"},
                "is_daily": {"type": "boolean", "description": "the day's mean", "default": False},
            },
            "required": ["river"],
        },
    },
}
_SYSTEM = {"role": "system", "content": "You watch rivers."}
_QUESTION = {"role": "user", "content": "How high is the Aare?"}
_CALL = {
    "id": "call00001",
    "type": "function",
    "function": {"name": "water_level", "arguments": '{"river": "Aare", "is_daily": true}'},
}
_ANSWER = {"role": "assistant", "content": "", "tool_calls": [_CALL]}
_THOUGHT = {**_ANSWER, "reasoning_content": "The tool knows it."}
_RESULT = {
    "role": "tool",
    "tool_call_id": "call00001",
    "name": "water_level",
    "content": '{"level": 1.75, "unit": "m"}',
}
# each ends where the server is asked
CONVERSATIONS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]] | None]] = {
    "a question": ([{"role": "user", "content": "Name a tree."}], None),
    "a system prompt": ([_SYSTEM, _QUESTION], None),
    "Chinese": ([{"role": "user", "content": "茶叶还有多少？ “二” – ½"}], None),
    "tools": ([_QUESTION], [_TOOL]),
    "tools and a system prompt": ([_SYSTEM, _QUESTION], [_TOOL]),
    "a tool's result": ([_QUESTION, _ANSWER, _RESULT], [_TOOL]),
    "reasoning before a call": ([_QUESTION, _THOUGHT, _RESULT], [_TOOL]),
    "an earlier answer": (
        [_QUESTION, {"role": "assistant", "content": "1.75 m."}, {"role": "user", "content": "?"}],
        None,
    ),
}


def examine_deployment(folder: Path, options: ParityOptions) -> list[Finding]:
    """Return a finding for each conversation, and those about the folder.

    Raises DataError for a folder without a chat template, UsageError, EndpointError.
    """
    parity = Parity(folder, options)
    rows: list[RenderedRow] = []
    findings = []
    for name, (messages, tools) in CONVERSATIONS.items():
        try:
            row = render_messages(parity.model, messages, tools, {}, {}, name)
        except DataError as error:
            findings.append(Finding(Level.WARN, name, error.reason, error.fix))
            continue
        if row.rendered is None:
            # what a template does not take, a server cannot be asked either
            findings.append(Finding(Level.OK, name, f"not asked: {row.refusal}"))
        else:
            rows.append(row)
    report = parity.report("", rows)
    return [*_findings_of(report), *findings]


def _findings_of(report: ParityReport) -> Iterator[Finding]:
    for cause in report.folder:
        yield _finding(cause, str(cause.place))
    for side in report.sides:
        for cause in side.causes:
            yield _finding(cause, f"{side.name}, {cause.place}")
        if side.unchecked:
            yield Finding(Level.WARN, side.name, f"not told: {side.why_unchecked}", _FIX)
        message = f"{side.equal} of {side.compared} prompts equal, by {side.evidence or 'nothing'}"
        yield Finding(Level.OK, side.name, message)
    for note in report.notes:
        yield Finding(Level.WARN, "evidence", note)


def _finding(cause: CauseCount, name: str) -> Finding:
    message = f"{cause.cause} ({cause.rows}): {cause.meaning}: {cause.expected} | {cause.actual}"
    return Finding(Level.OK if cause.is_allowed else Level.FAIL, name, message, cause.fix)
