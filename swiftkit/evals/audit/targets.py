"""The rows of an audit with their gold, which the attacks start from."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from swiftkit.errors import DataError, UsageError
from swiftkit.evals.audit.gold import (
    PARTS,
    decoded,
    gold_of,
    is_choice,
    key_of,
    last_answer,
    made_up,
    number,
    part_of,
)
from swiftkit.files.jsonl import read_objects
from swiftkit.toolcall.tools import tools_from

COLUMNS = (
    "expected_calls", "solution", "answer", "ground_truth", "ground_truths", "gold", "target",
    "label", "reference", "canonical_solution", "response",
)  # fmt: skip
_PROMPTS = ("question", "prompt", "query", "problem", "instruction", "input")
_ROWS = 32  # that are attacked
_READ = 20_000  # rows of the file that are looked at
_OTHERS = 6  # golds of other rows, as wrong answers
_CHOICES = 8  # at most so many different golds are choices


class Target(NamedTuple):
    """A row: its number in the audit, what is right, and what would be wrong.

    gold: a text, or a list of ToolCall for the kinds calls and silence (no call is wanted).
    kind: calls, silence, number, choice or text. others: the gold of other rows.
    """

    row: int
    kind: str
    gold: Any
    others: tuple[Any, ...]
    prompt: str
    tools: tuple[dict[str, Any], ...] = ()
    is_ordered: bool = False
    wire_format: str = ""

    @property
    def wrong(self) -> Any:
        """A wrong answer of the right kind."""
        return self.others[0]


class AuditData(NamedTuple):
    rows: list[dict[str, Any]]
    targets: list[Target]
    column: str
    total: int  # rows of the file


def read_rows(path: Path, tools: Path | None) -> list[dict[str, Any]]:
    """Return the rows as a training's reward sees them. Raises DataError."""
    shared = tools.read_text(encoding="utf-8") if tools else ""
    if shared:
        tools_from(shared)
    rows = []
    for _, row in read_objects(path):
        rows.append({"tools": shared, **row} if shared else row)
        if len(rows) == _READ:
            break
    if not rows:
        raise DataError(f"{path}: no rows", "empty_file", "give the training's rows")
    return rows


def gold_column(rows: Sequence[Mapping[str, Any]], named: str, wanted: Sequence[str]) -> str:
    """Return the column with the gold: the named one, one that the reward wants, or a usual one;
    "messages" for the last answer of the conversation. Raises UsageError where there is none."""
    names = {name for row in rows for name in row if row[name] is not None}
    if named:
        if named not in names:
            reason = f"--gold {named}: the data has no such column, only {', '.join(sorted(names))}"
            raise UsageError(reason)
        return named
    known = [name for name in COLUMNS if name in names]
    for name in (*[name for name in known if name in wanted], *known):
        return name
    if any(last_answer(row) for row in rows):
        return "messages"
    others = [name for name in wanted if name in names and name != "messages"]
    if others:
        return others[0]
    reason = f"no gold is found in the columns {', '.join(sorted(names))}"
    raise UsageError(f"{reason}; name it: --gold COLUMN")


def make_data(rows: list[dict[str, Any]], column: str, seed: int, part: str = "") -> AuditData:
    """Choose rows, and give each its target. Raises UsageError where no row has gold.

    part: the gold is only this part of the column, one of PARTS; "": all of it.
    """
    golds = [part_of(gold_of(row, column), part) for row in rows]
    usable = [index for index, gold in enumerate(golds) if gold is not None]
    if not usable:
        raise UsageError(f"no row has gold in {column}; name another column: --gold COLUMN")
    draw = random.Random(seed)  # noqa: S311 - a sample of rows
    chosen = sorted(draw.sample(usable, min(_ROWS, len(usable))))
    texts = [golds[index] for index in usable if isinstance(golds[index], str)]
    distinct = list(dict.fromkeys(map(key_of, texts)))
    are_choices = 1 < len(distinct) <= min(_CHOICES, len(texts) // 3) or (
        bool(texts) and all(is_choice(text) for text in texts)
    )
    shown: list[dict[str, Any]] = []
    targets = []
    for index in chosen:
        row, gold = rows[index], golds[index]
        others: dict[str, Any] = {}
        for other in draw.sample(usable, min(len(usable), 40)):
            if key_of(golds[other]) != key_of(gold) and len(others) < _OTHERS:
                others.setdefault(key_of(golds[other]), golds[other])
        kind = "calls" if isinstance(gold, list) else "text"
        if kind == "calls" and not gold:
            kind = "silence"
        elif kind == "text" and are_choices:
            kind = "choice"
        elif kind == "text" and number(gold) is not None:
            kind = "number"
        alternatives = tuple(others.values()) or made_up(gold, kind)
        options = decoded(row.get("scoring")) or {}
        target = Target(
            len(shown), kind, gold, alternatives, _prompt_of(row), tuple(_tools_of(row)),
            bool(options.get("ordered")), str(options.get("wire_format") or ""),
        )  # fmt: skip
        shown.append(_as_trained(row, column))
        targets.append(target)
    return AuditData(shown, targets, column, len(rows))


def parts_of(data: AuditData) -> list[str]:
    """Return the parts that the gold of all rows has."""
    texts = [target.gold for target in data.targets]
    if not all(isinstance(text, str) for text in texts):
        return []
    return [name for name, part in PARTS.items() if all(part.search(text) for text in texts)]


def _as_trained(row: dict[str, Any], column: str) -> dict[str, Any]:
    """Return the row without its last answer, which ms-swift takes off before it asks."""
    if column == "messages" or last_answer(row) is not None:
        return row | {"messages": row["messages"][:-1]}
    if "messages" not in row and _prompt_of(row):
        return row | {"messages": [{"role": "user", "content": _prompt_of(row)}]}
    return row


def _prompt_of(row: Mapping[str, Any]) -> str:
    messages = row.get("messages")
    if isinstance(messages, list):
        texts = [each.get("content") for each in messages if isinstance(each, dict)]
        asked = [text for text in texts if isinstance(text, str)]
        return "\n".join(asked[:-1] if last_answer(row) is not None else asked)
    return next((row[name] for name in _PROMPTS if isinstance(row.get(name), str)), "")


def _tools_of(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    try:
        return tools_from(row.get("tools"))
    except DataError:
        return []
