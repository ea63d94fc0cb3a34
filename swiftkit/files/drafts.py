"""The drafts that files are written in until they are whole: their names, and those left behind."""

import fcntl
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

_DRAFT = re.compile(r"\.(.+)\.([1-9]\d{0,9})\.part")


def draft_of(target: Path) -> Path:
    """Return the name of this process's draft of a file, beside it."""
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def lock_draft(file: IO[bytes]) -> None:
    """Mark a draft as being written, until it is closed; some file systems know no locks."""
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def clear_drafts(targets: Iterable[Path]) -> list[Path]:
    """Delete the drafts that killed processes left in the folders of these files; return them.

    A draft has the name that draft_of gives to one of the files or to a .jsonl file.
    """
    targets = [Path(os.path.realpath(target)) for target in targets]
    names = {target.name for target in targets}
    cleared = []
    for folder in sorted({target.parent for target in targets}):
        with suppress(OSError):  # no such folder yet, or one that cannot be read
            for path in sorted(folder.iterdir()):
                match = _DRAFT.fullmatch(path.name)
                is_ours = match and (match[1] in names or match[1].endswith(".jsonl"))
                if match and is_ours and _clear(path, int(match[2])):
                    cleared.append(path)
    return cleared


def clear_drafts_of(target: Path) -> None:
    """Delete the drafts of this very file that killed processes left beside it."""
    with suppress(OSError):
        for name in os.listdir(target.parent):  # noqa: PTH208 - names are all that is wanted
            match = _DRAFT.fullmatch(name) if name.endswith(".part") else None
            if match and match[1] == target.name:
                _clear(target.with_name(name), int(match[2]))


def _clear(draft: Path, process: int) -> bool:
    """Delete a draft of this user whose process is dead and that no other machine or container
    holds the lock of; return whether that was done."""
    return not _is_alive(process) and _delete(draft)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is another user's
        return True
    return True


def _delete(path: Path) -> bool:
    """Delete a regular file of this user that nobody has locked; return whether that was done."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_uid != os.geteuid():
            return False
        with path.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except OSError:
        return False
    return True
