"""The lock of an output folder, from inside: who may hold it, and what is left of it."""

import os
import resource
import socket
import subprocess
import threading
from pathlib import Path
from subprocess import PIPE

import pytest

from swiftkit.errors import UsageError
from swiftkit.training.folder_lock import LOCK, lock_output, locked_file


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A YAML whose output folder is a/out, in the working folder."""
    monkeypatch.chdir(tmp_path)
    Path("recipe.yaml").write_text("model: m\noutput_dir: a/out\n")
    return Path("recipe.yaml")


def test_lock_has_one_holder_though_its_folder_comes_and_goes(recipe: Path) -> None:
    """Who ends removes the empty folder, while others open the file in it."""
    holders: list[int] = []
    faults: list[str] = []
    taken = [0]

    def train(number: int) -> None:
        while taken[0] < 300:
            try:
                with lock_output("sft", recipe, [], {}) as lock:
                    if not lock:
                        faults.append("no lock")
                    holders.append(number)
                    if holders != [number]:
                        faults.append(f"{holders} at once")
                    taken[0] += 1
                    holders.remove(number)
            except UsageError:
                pass
            except Exception as error:
                faults.append(repr(error))
                return

    threads = [threading.Thread(target=train, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_folder_of_the_users_own_stays(recipe: Path) -> None:
    """Also an empty one, and the empty folder above."""
    Path("a").mkdir()
    with lock_output("sft", recipe, [], {}):
        pass
    assert Path("a").is_dir()
    assert not Path("a/out").exists()
    Path("a/out").mkdir()
    with lock_output("sft", recipe, [], {}):
        pass
    assert Path("a/out").is_dir()


def test_folder_that_is_removed_meanwhile_is_no_fault(recipe: Path) -> None:
    with lock_output("sft", recipe, [], {}):
        Path("a/out", LOCK).unlink()
        Path("a/out").rmdir()
    assert not Path("a/out").exists()


@pytest.mark.parametrize("kind", ["link", "folder", "FIFO"])
def test_lock_that_cannot_be_opened_stops(recipe: Path, kind: str) -> None:
    """Nobody could tell whether another training is there."""
    Path("a/out").mkdir(parents=True)
    path = Path("a/out", LOCK)
    match kind:
        case "link":
            path.symlink_to("nowhere/at/all")
        case "folder":
            path.mkdir()
        case "FIFO":
            os.mkfifo(path)
    with (
        pytest.raises(UsageError, match=r"lock cannot be opened \(.* choose another folder"),
        lock_output("sft", recipe, [], {}),
    ):
        pass
    assert os.path.lexists(path)


def test_lock_of_a_folder_that_cannot_be_is_left_to_preflight(recipe: Path) -> None:
    """A file in its place."""
    with lock_output("sft", recipe, ["--output_dir", "recipe.yaml"], {}) as lock:
        assert lock == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.usefixtures("recipe")
@pytest.mark.parametrize("mode", [None, 0o644, 0o600])
def test_lock_of_another_user_holds(mode: int | None) -> None:
    """Whatever the umask of who made it; a file that can be read can be locked, and one that cannot
    be read, by an older swiftkit, stops."""
    Path("a/out").mkdir(parents=True)
    Path("a/out").chmod(0o777)
    folder = Path("a/out").resolve()
    before = os.umask(0o077)
    with locked_file(folder):
        pass
    os.umask(before)
    if mode is not None:
        (folder / LOCK).chmod(mode)
    os.chdir(folder)  # the folders above may be closed to others
    os.seteuid(65534)
    try:
        if mode == 0o600:
            with pytest.raises(UsageError, match="Permission denied"):
                locked_file(Path())
            return
        with locked_file(Path()), pytest.raises(UsageError, match="is being trained into by"):
            locked_file(Path())
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.usefixtures("recipe")
def test_lock_of_another_user_is_not_given_the_name_of_who_had_it_before() -> None:
    """Who cannot write its own name must not be taken for a process that was killed."""
    Path("a/out").mkdir(parents=True)
    Path("a/out").chmod(0o777)
    folder = Path("a/out").resolve()
    before = f"process 999999999 on {socket.gethostname()} since 2026-01-01 00:00"
    (folder / LOCK).write_text(before)
    hold = ["flock", LOCK, "sh", "-c", "echo held; cat"]
    with subprocess.Popen(hold, cwd=folder, user=65534, stdin=PIPE, stdout=PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UsageError) as refusal:  # root sees whose it is
            locked_file(folder)
        assert f"by process {holder.pid}" in str(refusal.value)
        assert "which was killed" not in str(refusal.value)
        os.chdir(folder)
        os.seteuid(65533)
        try:
            with pytest.raises(UsageError, match="by another user or machine"):
                locked_file(Path())
        finally:
            os.seteuid(0)
        holder.communicate()


@pytest.mark.usefixtures("recipe")
def test_lock_holds_where_the_disk_is_full() -> None:
    """The name of who holds it finds no room; the lock needs none."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with locked_file(Path("out")), pytest.raises(UsageError, match="by another process"):
            locked_file(Path("out"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
