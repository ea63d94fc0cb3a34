"""The lock of a training's output folder: two trainings in one would mix checkpoints and logs.

The kernel frees it when the process that holds it ends, however it ends, so a lock is never stale.
The file says who that is. Of several nodes the first one holds it.
"""

import fcntl
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from swiftkit.errors import UsageError
from swiftkit.recipe.machine import Machine
from swiftkit.recipe.reading import read
from swiftkit.terminal import say
from swiftkit.training.checkpoints import output_of
from swiftkit.training.run_record import is_first_node

LOCK = ".training.lock"


@contextmanager
def lock_output(
    verb: str, file: Path, flags: Sequence[str], environment: Mapping[str, str]
) -> Iterator[None]:
    """Keep other trainings out of the output folder of `swift VERB FILE FLAGS`.

    Raises UsageError, with the process that holds it. A folder that was made for the lock alone is
    removed again. Where the folder cannot be written, or its file system has no locks, that is left
    to swift, or said.
    """
    if not is_first_node(environment):
        yield
        return
    try:
        recipe, _ = read(file, flags, verb, environment, Machine())
        output = output_of(recipe)
        output.mkdir(parents=True, exist_ok=True)
        lock = (output / LOCK).open("a+", encoding="utf-8")
    except (OSError, RuntimeError):  # preflight says what is wrong; RuntimeError: ~nobody
        yield
        return
    with lock:
        fix = "wait for it or stop it, or choose another --output_dir"
        take_lock(lock, f"{output} is being trained into", fix)
        try:
            yield
        finally:
            if [entry.name for entry in output.iterdir()] == [LOCK]:
                (output / LOCK).unlink()
                output.rmdir()


def take_lock(lock: IO[str], what: str, fix: str) -> None:
    """Lock an open file for this process. Raises UsageError: `what` by whom, and the fix."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read(200).strip() or "another process"
        raise UsageError(f"{what} by {holder}; {fix}") from None
    except OSError as error:
        say(f"swiftkit: {lock.name} cannot be locked ({error.strerror}): start no second one")
        return
    lock.truncate(0)
    now = datetime.now().astimezone()
    lock.write(f"process {os.getpid()} on {socket.gethostname()} since {now:%Y-%m-%d %H:%M}")
    lock.flush()
