"""Namespaces: a process that sees no network, no other processes, and of the files only Python's.

An ordinary user makes a user namespace first and has every right inside it. root makes the new root
first, because the interpreter may lie in a home that only its owner may enter, and then becomes
nobody: uid 0 is bound neither by limits of processes nor by permissions.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from swiftkit.sandbox import linux

NOBODY = 65534
_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000
_ALL_BUT_MOUNTS = _NEWUSER | _NEWPID | _NEWNET | _NEWIPC | _NEWUTS | _NEWCGROUP
_READ_ONLY, _NO_SETUID, _NO_DEVICES, _REMOUNT, _BIND = 1, 2, 4, 32, 4096  # MS_*
_RECURSIVE, _PRIVATE, _DETACH = 16384, 1 << 18, 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_NEW_ROOT = "/proc"  # a folder that is there on every Linux, and of which we bind nothing
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
TIME_ZONES = "/usr/share/zoneinfo"
SCRATCH = "/tmp"  # noqa: S108 - in the new root, where nobody else is
PARTS = ("user", "pid", "net", "ipc", "uts", "cgroup", "mount")


def enter(library: str, hidden: Sequence[str]) -> None:
    """Leave the machine's namespaces; the next child is process 1 of its own. Raises OSError.

    `library` is the folder that can be read; of it not the folders `hidden`. Everything that is to
    be imported from elsewhere must have been.
    """
    # the maps are written by way of a folder that the new root hides
    processes = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        if may_become_nobody() and _mounts_are_ours():
            _change_root(library, hidden)
            become_nobody()
            linux.library_call("unshare", _ALL_BUT_MOUNTS)
            _write_maps(processes)
        else:
            uid, gid = os.getuid(), os.getgid()
            linux.library_call("unshare", _ALL_BUT_MOUNTS | _NEWNS)
            _write_maps(processes, uid, gid)
            _change_root(library, hidden)
    finally:
        os.close(processes)


def _mounts_are_ours() -> bool:
    """Leave the machine's mounts, if we may: root of a container may not, and is as any user."""
    try:
        linux.library_call("unshare", _NEWNS)
    except PermissionError:
        return False
    return True


def may_become_nobody() -> bool:
    """Return True if we are root, and nobody has a number in our user namespace."""
    if os.getuid() != 0:
        return False
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = map(int, line.split())
        if first <= NOBODY < first + count:
            return True
    return False


def become_nobody() -> None:
    """Raises OSError if we may not."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    # or the files in /proc/self, uid_map among them, would still be root's
    linux.prctl(linux.PR_SET_DUMPABLE, 1)


def processes_of_one_check() -> None:
    """Let the next child be process 1 of its own: it sees no other, and all end with it."""
    linux.library_call("unshare", _NEWPID)


def scratch_of_one_check(megabytes: int) -> None:
    """Mount an empty folder that nobody else sees, which is gone with the process."""
    linux.library_call("unshare", _NEWNS)
    options = f"size={megabytes}m,nr_inodes=512,mode=700".encode()
    flags = _NO_SETUID | _NO_DEVICES
    linux.library_call("mount", b"tmpfs", SCRATCH.encode(), b"tmpfs", flags, options)


def _write_maps(processes: int, uid: int = NOBODY, gid: int = NOBODY) -> None:
    """Keep our own numbers in the user namespace, alone."""
    for name, text in (
        ("setgroups", "deny"),  # first: else gid_map may not be written
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        file = os.open(f"self/{name}", os.O_WRONLY, dir_fd=processes)
        try:
            os.write(file, text.encode())
        except OSError as error:
            raise OSError(error.errno, f"{name} of the user namespace: {error.strerror}") from None
        finally:
            os.close(file)


def _change_root(library: str, hidden: Sequence[str]) -> None:
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)
    _mount("tmpfs", _NEW_ROOT, "tmpfs", _NO_SETUID | _NO_DEVICES, "size=1m,mode=755")
    for place in (library, TIME_ZONES):
        if Path(place).is_dir():
            _bind(place)
    for name in hidden:
        folder = f"{_NEW_ROOT}{library}/{name}"
        if Path(folder).is_dir():
            _mount("tmpfs", folder, "tmpfs", _READ_ONLY, "size=4k,mode=555")
    Path(f"{_NEW_ROOT}/dev").mkdir()
    for device in DEVICES:
        if Path(device).exists():
            Path(f"{_NEW_ROOT}{device}").touch()
            _mount(device, f"{_NEW_ROOT}{device}", None, _BIND)
    Path(f"{_NEW_ROOT}{SCRATCH}").mkdir()
    _mount(None, _NEW_ROOT, None, _REMOUNT | _BIND | _READ_ONLY | _NO_SETUID | _NO_DEVICES)
    os.chdir(_NEW_ROOT)
    linux.system_call("pivot_root", b".", b".")  # the old root lies upon the new one
    linux.library_call("umount2", b".", _DETACH)
    os.chdir("/")


def _bind(folder: str) -> None:
    """Show a folder and all that is mounted in it, read-only."""
    target = f"{_NEW_ROOT}{folder}"
    Path(target).mkdir(parents=True)
    _mount(folder, target, None, _BIND | _RECURSIVE)
    # struct mount_attr; a remount would leave out the mounts inside
    wanted = b"".join(
        number.to_bytes(8, sys.byteorder)
        for number in (_READ_ONLY | _NO_SETUID | _NO_DEVICES, 0, 0, 0)
    )
    linux.system_call(
        "mount_setattr", _AT_FDCWD, target.encode(), _AT_RECURSIVE, wanted, len(wanted)
    )


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    words = [word.encode() if word else None for word in (source, target, kind)]
    try:
        linux.library_call("mount", *words, flags, data.encode() or None)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror} ({target})") from None
