"""Rights on files that a process can only lose (Landlock, landlock(7)).

Landlock does not stop stat(), readlink() and chdir(): that a file exists can be seen, not its text.
"""

import ctypes
import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

from swiftkit.sandbox import linux

LEAST = 3  # the version from which a file cannot be emptied by opening it to read
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = 1, 2, 4, 8, 16, 32
_MAKE_DIR, _MAKE_REG, _REFER, _TRUNCATE = 128, 256, 1 << 13, 1 << 14
READ = _READ_FILE | _READ_DIR
LIST = _READ_DIR
WRITE = _WRITE_FILE | _READ_FILE
# No folders in the scratch folder: what lies there can then be counted and removed in one glance.
SCRATCH = WRITE | _READ_DIR | _REMOVE_FILE | _MAKE_REG | _TRUNCATE
SCRATCH_TREE = SCRATCH | _REMOVE_DIR | _MAKE_DIR | _REFER
_PATH_BENEATH = 1
_ONLY_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE  # rights that a rule on a file takes
Rule = tuple[str | Path, int]


def version() -> int:
    """Return the version of Landlock's interface; 0 without. Raises UnknownMachineError."""
    try:
        return linux.system_call("landlock_create_ruleset", None, 0, 1)
    except linux.UnknownMachineError:
        raise
    except OSError:
        return 0


def ruleset(rules: Iterable[Rule], *, may_signal: bool = False) -> int:
    """Return a descriptor of rules: no file may be used but what stands in them.

    `may_signal`: the kernel asks, too, before it ends a child whose parent has (PR_SET_PDEATHSIG),
    and the child of a parent without this right would live on.
    """
    available = version()
    files = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(available, 16)) - 1
    network = 3 if available >= 4 else 0  # bind and connect by TCP
    scope = 0
    if available >= 6:  # abstract sockets, and signals, beyond these processes
        scope = 1 if may_signal else 3
    size = 8 if available < 4 else 16 if available < 6 else 24
    attributes = struct.pack("=QQQ", files, network, scope)[:size]
    descriptor = linux.system_call("landlock_create_ruleset", attributes, size, 0)
    for path, rights in rules:
        _add(descriptor, path, rights & files)
    return descriptor


def _add(ruleset: int, path: str | Path, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not os.path.isdir(path):  # noqa: PTH112 - each check pays for a Path
            rights &= _ONLY_FILES
        beneath = ctypes.create_string_buffer(struct.pack("=Qi", rights, place), 12)
        linux.system_call("landlock_add_rule", ruleset, _PATH_BENEATH, beneath, 0)
    finally:
        os.close(place)


def restrict(ruleset: int) -> None:
    """Bind this thread and whatever it starts to the rules. Raises OSError."""
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.system_call("landlock_restrict_self", ruleset, 0)


def library_rules(folder: str, hidden: Sequence[str]) -> list[Rule]:
    """Rules to read Python's own library without the packages that are installed inside it.

    A rule holds for all that lies beneath, so each entry has its own. Data sets with their answers
    come as packages.
    """
    rules: list[Rule] = [(folder, LIST)]
    for entry in Path(folder).iterdir():
        if entry.name not in hidden:
            rules.append((entry, READ))
    return rules
