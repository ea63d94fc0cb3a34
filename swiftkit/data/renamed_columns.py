"""Columns under other names: `swiftkit convert --columns ask=prompt,reply=response,label=`."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from swiftkit.errors import DataError, UsageError

Renames = tuple[tuple[str, str], ...]  # (old name, new name); "" leaves the column out

_EXAMPLE = "write --columns question=prompt,answer=response, or --columns NAME= to leave one out"


def renames_of(texts: Iterable[str]) -> Renames:
    """Return the renames of the option's texts, each "old=new,old=new". Raises UsageError."""
    renames: dict[str, str] = {}
    for text in texts:
        for part in text.split(","):
            old, equals, new = (word.strip() for word in part.partition("="))
            if not old or not equals:
                raise UsageError(f"--columns {text}: {part!r} is no NAME=NEW; {_EXAMPLE}")
            if renames.setdefault(old, new) != new:
                raise UsageError(f"--columns {text}: {old} is named twice; give it one new name")
            if old == new:
                raise UsageError(f"--columns {text}: {old} has that name already; leave it out")
    return tuple(renames.items())


def renamed(record: Mapping[str, Any], renames: Renames) -> dict[str, Any]:
    """Return the record with its own columns, not those inside of them, under their new names.

    A null column counts as none. Raises DataError (column_exists) where a new name is there
    already.
    """
    names = dict(renames)
    result: dict[str, Any] = {}
    sources: dict[str, str] = {}  # by the new name
    for name, value in record.items():
        new = names.get(name, name)
        if not new or (value is None and new in result):
            continue
        if result.get(new) is not None:
            reason = f"--columns: both {sources[new]} and {name} would be the column {new}"
            fix = f"leave one of them out, as with {new}=, or choose another name"
            raise DataError(reason, "column_exists", fix)
        result[new] = value
        sources[new] = name
    return result


def missing_columns_note(renames: Renames, found: Collection[str], seen: Collection[str]) -> str:
    """Return a note on the columns that no record has; "" where each is in some record.

    found: the old names that some record has; seen: all names of columns.
    """
    words = []
    for old, _ in renames:
        if old in found:
            continue
        near = get_close_matches(old, seen, 1, 0.6)
        inner = "; only a record's own columns can be renamed, none inside of them"
        hint = f" (did you mean {near[0]}?)" if near else inner if "." in old else ""
        words.append(f"{old}{hint}")
    if not words:
        return ""
    return f"--columns: no record has a column {', '.join(words)}"
