"""The account of `swiftkit tools`: operations = made + skipped, and notes on what was made."""

from collections import Counter
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.openapi.openai_rules import MOST_TOOLS, faults
from swiftkit.terminal import shorten

_PRINTED = 20  # lines of one kind; --json has them all
_LONGEST_REASON = 400


class MadeTool(msgspec.Struct, frozen=True):
    """An operation that became a tool: of an API a method and a path, of an MCP server a name."""

    method: str
    path: str
    tool: str
    parameters: dict[str, str]  # of the tool -> place:name in the request; MCP has no places
    characters: int  # of the tool as JSON, as a prompt may show it
    server: str = ""
    name: str = ""


class SkippedOperation(msgspec.Struct, frozen=True):
    """An operation without a tool, or a path or a server of which no operation is known."""

    method: str
    path: str
    code: str
    reason: str
    fix: str
    server: str = ""
    name: str = ""


class ToolNote(msgspec.Struct, frozen=True):
    """Something to know about a tool that was made."""

    tool: str
    code: str
    reason: str
    fix: str


class ListedServer(msgspec.Struct, frozen=True):
    """An MCP server that has answered."""

    name: str
    tools: int
    seconds: float


class ToolsReport(msgspec.Struct):
    """The counts, as `--json` prints them: operations = made + skipped."""

    output: str
    operations: int = 0
    characters: int = 0
    made: list[MadeTool] = []
    skipped: list[SkippedOperation] = []
    notes: list[ToolNote] = []
    servers: list[ListedServer] = []

    def add_made(self, tool: dict[str, Any], max_chars: int, **origin: Any) -> None:
        """Enter a tool in OpenAI's form, with notes on what a prompt or OpenAI may not take.

        `origin` are the fields of MadeTool that say where it comes from.
        """
        name = tool["function"]["name"]
        characters = len(msgspec.json.encode(tool).decode())
        made = {"method": "", "path": "", "parameters": {}} | origin
        self.made.append(MadeTool(tool=name, characters=characters, **made))
        self.characters += characters
        if characters > max_chars:
            reason = f"{characters:,} characters, more than --max-chars {max_chars:,}"
            self.note(name, "too_many_characters", reason, "shorten it, or leave it out")
        for code, fault in faults(tool):
            self.note(name, code, fault, "shorten it" if code == "long_description" else "mend it")

    def note(self, tool: str, code: str, reason: str, fix: str) -> None:
        self.notes.append(ToolNote(tool, code, shorten(reason, _LONGEST_REASON), fix))

    def add_skipped(self, error: DataError, **origin: str) -> None:
        reason = shorten(error.reason, _LONGEST_REASON)
        skipped = {"method": "", "path": ""} | origin
        skipped |= {"code": error.code, "reason": reason, "fix": error.fix}
        self.skipped.append(SkippedOperation(**skipped))


def summary(report: ToolsReport) -> str:
    """Return the report for a person: a line of totals, then what was skipped and the notes."""
    made, skipped = len(report.made), len(report.skipped)
    lines = [f"{report.operations} operations = {made} tools + {skipped} skipped: {report.output}"]
    if report.made:
        largest = max(report.made, key=lambda tool: tool.characters)
        size = f"{report.characters:,} characters of tools; the largest: {largest.tool}"
        lines.append(f"  {size}, {largest.characters:,}")
    if made > MOST_TOOLS:
        lines.append(f"  OpenAI takes {MOST_TOOLS} tools a request: choose among these")
    for server in report.servers:
        lines.append(f"  server {server.name}: {server.tools} tools, {server.seconds:.1f} s")
    said: list[tuple[str, str, SkippedOperation | ToolNote]] = []
    for operation in report.skipped:
        said.append((f"skipped, {operation.code}", _origin(operation), operation))
    for note in report.notes:
        said.append((f"note, {note.code}", note.tool, note))
    return "\n".join([*lines, *_bounded(said)])


def skipped_servers(report: ToolsReport) -> str:
    """Return a line for each server that was skipped."""
    lines = []
    for each in report.skipped:
        lines.append(f"  {each.server}: {each.reason} ({each.fix})")
    return "\n".join(lines)


def _origin(skipped: SkippedOperation) -> str:
    words = [skipped.method.upper(), skipped.path, skipped.server, skipped.name]
    return " ".join(word for word in words if word)


def _bounded(said: list[tuple[str, str, SkippedOperation | ToolNote]]) -> list[str]:
    """Return a line each, of each kind no more than a person reads."""
    lines = []
    counts: Counter[str] = Counter()
    for kind, what, remark in said:
        counts[kind] += 1
        if counts[kind] <= _PRINTED:
            words = [kind, shorten(what, 100), f"{remark.reason} ({remark.fix})"]
            lines.append("  " + ": ".join(word for word in words if word))
    for kind, count in counts.items():
        if count > _PRINTED:
            lines.append(f"  {kind}: {count - _PRINTED} more (--json names all)")
    return lines
