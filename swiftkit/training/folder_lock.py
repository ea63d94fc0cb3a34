"""The lock of a training's output folder: two trainings in one would mix checkpoints and logs.

The kernel frees it when the last process that holds it has ended, however it ended, so a lock is
never stale. The launcher takes it and hands it on to swift and to the watcher (supervise.py): they
outlive a launcher that is killed, and until they are gone nobody else may train there. The file
says who took it. Of several nodes the first one holds it.
"""

import fcntl
import os
import re
import socket
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

import psutil

from swiftkit.errors import UsageError
from swiftkit.recipe.machine import Machine
from swiftkit.recipe.reading import read
from swiftkit.terminal import say
from swiftkit.training.checkpoints import output_of
from swiftkit.training.run_record import is_first_node

LOCK = ".training.lock"
_TRIES = 100  # each time the folder or the file vanished just as it was opened


@contextmanager
def lock_output(
    verb: str, file: Path, flags: Sequence[str], environment: Mapping[str, str]
) -> Iterator[list[int]]:
    """Keep other trainings out of the output folder of `swift VERB FILE FLAGS`.

    Yields the descriptors that the training must inherit. Raises UsageError, with the process that
    holds the lock, or where that cannot be known. Folders that were made for the lock alone are
    removed again. A folder that cannot be made is left to preflight; where its file system has no
    locks, it is said.
    """
    if not is_first_node(environment):
        yield []
        return
    try:
        recipe, _ = read(file, flags, verb, environment, Machine())
        output = output_of(recipe)
        made = [path for path in (output, *output.parents) if not path.exists()]
        lock = locked_file(output)
    except (OSError, RuntimeError):  # preflight says what is wrong; RuntimeError: ~nobody
        yield []
        return
    with lock:
        try:
            yield [lock.fileno()]
        finally:
            with suppress(OSError):  # somebody else wrote there, or removed it
                if made and [entry.name for entry in output.iterdir()] == [LOCK]:
                    (output / LOCK).unlink()
                    for folder in made:
                        folder.rmdir()


def locked_file(output: Path) -> IO[str]:
    """Return the folder's lock file, locked; the folder is made where there is none.

    Raises UsageError if another process holds it or it cannot be opened, OSError if there can be no
    such folder.
    """
    for _ in range(_TRIES):
        try:
            output.mkdir(parents=True, exist_ok=True)
            lock = open_lock(output / LOCK)
        except FileNotFoundError:  # who ended has removed the folder, or one above it
            continue
        except FileExistsError:
            if os.path.lexists(output) and not output.is_dir():
                raise
            continue
        try:
            fix = "wait for it or stop it, or choose another --output_dir"
            take_lock(lock, f"{output} is being trained into", fix)
            # Who held it before may have removed it: another file of that name is the lock then.
            if os.path.samestat(os.fstat(lock.fileno()), (output / LOCK).stat()):
                return lock
        except FileNotFoundError:
            pass
        except UsageError:
            lock.close()
            raise
        lock.close()
    output.mkdir(parents=True, exist_ok=True)  # says why, where it can never be made
    raise cannot_be_opened(output / LOCK, "it leads nowhere")


def open_lock(path: Path) -> IO[str]:
    """Open the file, which is made where there is none, for every user who can reach it.

    Raises UsageError where it cannot be opened, FileNotFoundError where its folder has vanished.
    """
    try:
        try:
            lock = open(path, "a+", encoding="utf-8", errors="replace", opener=_without_waiting)  # noqa: SIM115
        except PermissionError:  # another user made it: to lock it one has but to read it
            if not os.path.lexists(path):
                raise
            lock = open(path, encoding="utf-8", errors="replace", opener=_without_waiting)  # noqa: SIM115
    except FileNotFoundError:
        raise
    except OSError as error:
        raise cannot_be_opened(path, error.strerror or "it is no file") from error
    if not stat.S_ISREG(os.fstat(lock.fileno()).st_mode):
        lock.close()
        raise cannot_be_opened(path, "it is no file")
    with suppress(OSError):  # another user's
        os.fchmod(lock.fileno(), 0o666)  # whatever the umask: others could not see that it is held
    return lock


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK, 0o666)  # a FIFO would wait for its other end


def cannot_be_opened(path: Path, reason: str) -> UsageError:
    unknown = "so whether another process works in its folder is not known"
    fix = "remove it or let every user read it, or choose another folder"
    return UsageError(f"{path} cannot be opened ({reason}), {unknown}; {fix}")


def take_lock(lock: IO[str], what: str, fix: str) -> None:
    """Lock an open file, and say in it who holds it.

    Raises UsageError if another process does: `what` by whom, and the fix.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"{what} by {name_of_holder(lock)}; {fix}") from None
    except OSError as error:
        say(f"swiftkit: {lock.name} cannot be locked ({error.strerror}): start no second one")
        return
    if lock.writable():
        now = datetime.now().astimezone()
        name = f"process {os.getpid()} on {socket.gethostname()} since {now:%Y-%m-%d %H:%M}"
        with suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(lock.fileno(), 0)
            os.write(lock.fileno(), name.encode(errors="replace"))


def name_of_holder(lock: IO[str]) -> str:
    """Return what the file says of who holds it, and who it is where that one was killed."""
    name = ""
    for _ in range(20):  # who has just taken it is about to write
        lock.seek(0)
        name = lock.read(200).strip()
        if name:
            break
        time.sleep(0.05)
    match = re.fullmatch(r"process ([0-9]{1,9}) on (.*) since .*", name)
    if match and match[2] == socket.gethostname() and not psutil.pid_exists(int(match[1])):
        users = dict(users_of(Path(lock.name)))
        listed = ", ".join(f"process {pid}" for pid in users)
        if os.fstat(lock.fileno()).st_uid in users.values():
            return f"what is left of {name}, which was killed: {listed}"
        # Who holds it could not write its own name into another user's file.
        holder = listed or "another user or machine"
        return f"{holder} (its file still names {name}, which has ended)"
    return name or "another process"


def users_of(path: Path) -> Iterator[tuple[int, int]]:
    """Yield (process, its user) of the others on this machine that have the file open."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            files = [file.path for file in process.open_files()]
            if process.pid != os.getpid() and str(path.resolve()) in files:
                yield process.pid, process.uids().effective
