"""Programs that want out of the cage, or a verdict that is not theirs: as root and as an ordinary
user, in each isolation that is accepted, by what is installed and by each weaker one."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.hostile_programs import HONEST, HOSTILE, PROMPT, TEST, Hostile
from helpers.paths import ROOT, SHARED_CASES

from swiftkit.sandbox.cage import ISOLATIONS
from swiftkit.sandbox.code_pool import CodePool
from swiftkit.sandbox.namespaces import NOBODY

OPEN_PROGRAMS = SHARED_CASES / "sandbox" / "programs_open.jsonl"
CANARY = Path("/tmp/sbx_canary")  # noqa: S108 - the open programs name these places
DROPS = [Path("/dev/shm/sbx_drop"), Path("/var/tmp/sbx_drop")]  # noqa: S108
USERS = {"root": 0, "ordinary user": NOBODY} if os.getuid() == 0 else {"ordinary user": 0}


@pytest.fixture(scope="module", params=USERS)
def user(request: pytest.FixtureRequest) -> tuple[int, str]:
    """The number to become, 0 for none, and a Python that this user may run."""
    uid = USERS[request.param]
    if not uid:
        return 0, sys.executable
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        command = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        try:
            done = subprocess.run(command, user=uid, group=uid, check=False, cwd="/")
        except OSError:
            continue
        if done.returncode == 0:
            return uid, python
    pytest.skip("no Python 3.11 that an ordinary user may run")


@pytest.fixture(scope="module", params=ISOLATIONS)
def isolation(request: pytest.FixtureRequest, available: list[str]) -> str:
    if request.param not in available:
        pytest.skip(f"this machine does not give {request.param}")
    return str(request.param)


@pytest.fixture(scope="module")
def available() -> list[str]:
    found = []
    for name in ISOLATIONS:
        try:
            with CodePool(1, isolations=[name]):
                found.append(name)
        except Exception as error:
            print(error)
    return found


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder that every user may reach, read and write."""
    folder = Path(f"/tmp/swiftkit-outside-{os.getpid()}")  # noqa: S108
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "secret").write_text("secret")
    (folder / "secret").chmod(0o666)
    yield folder
    shutil.rmtree(folder)


def check(
    user: tuple[int, str], isolation: str, programs: list[dict[str, str]]
) -> list[dict[str, Any]]:
    uid, python = user
    request = {
        "uid": uid,
        "python": python,
        "isolation": isolation,
        "seconds": 3,
        "programs": programs,
    }
    command = [sys.executable, ROOT / "tests" / "helpers" / "check_programs.py"]
    done = subprocess.run(
        command, input=json.dumps(request), capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["isolation"] == isolation
    return list(answer["verdicts"])


def program(completion: str, test: str = TEST) -> dict[str, str]:
    return {"prompt": PROMPT, "completion": completion, "entry_point": "next_after", "test": test}


def test_no_program_of_ours_gets_out_or_a_verdict(
    user: tuple[int, str], isolation: str, outside: Path
) -> None:
    programs = []
    for hostile in HOSTILE:
        completion = hostile.completion.replace("OUTSIDE", str(outside))
        programs.append(program(completion, hostile.test))
    for honest in HONEST:  # after them all: the workers go on
        programs.append(program(Hostile("", honest.body).completion))
    before = (outside / "secret").stat()
    verdicts = check(user, isolation, programs)
    wrong = []
    for hostile, verdict in zip(HOSTILE, verdicts, strict=False):
        if verdict["outcome"] not in hostile.outcomes:
            wrong.append((hostile.name, verdict))
    for honest, verdict in zip(HONEST, verdicts[len(HOSTILE) :], strict=True):
        can_run = isolation != "seccomp-compute" or not honest.needs_files
        if (verdict["outcome"] == "pass") != can_run:
            wrong.append((honest.name, verdict))
    assert wrong == []
    after = (outside / "secret").stat()
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (after.st_size, after.st_mode, after.st_mtime) == (
        before.st_size,
        before.st_mode,
        before.st_mtime,
    )


class Canary:
    """Listeners on this machine, at the addresses that the open programs try."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._is_over = threading.Event()
        self._sockets = []
        self._threads = []
        for name, family, kind, address in (
            ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 18765)),
            ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 18766)),
            ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, "\0sbx_canary"),
            ("file", socket.AF_UNIX, socket.SOCK_STREAM, str(CANARY / "socket")),
        ):
            listener = socket.socket(family, kind)
            self._sockets.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.settimeout(0.2)
            listener.bind(address)
            if kind == socket.SOCK_STREAM:
                listener.listen()
            self._threads.append(threading.Thread(target=self._answer, args=(name, listener)))
            self._threads[-1].start()

    def _answer(self, name: str, listener: socket.socket) -> None:
        while not self._is_over.is_set():
            try:
                if listener.type == socket.SOCK_DGRAM:
                    listener.sendto(b"ok", listener.recvfrom(100)[1])
                else:
                    with listener.accept()[0] as connection:
                        connection.sendall(b"ok")
            except TimeoutError:
                continue
            except OSError:
                return
            self.heard.append(name)

    def close(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        for listener in self._sockets:
            listener.close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    try:
        CANARY.mkdir()
    except FileExistsError:
        pytest.skip(f"{CANARY} is there: another run of these tests, or the rest of one")
    for name in ("drop", "keep", "home"):
        (CANARY / name).mkdir()
    (CANARY / "home" / ".token").write_text("secret")
    (CANARY / "keep" / "file").write_text("kept")
    (CANARY / "answers.json").write_text('{"next_after": "plus one"}')
    for place in (CANARY, *CANARY.rglob("*")):
        place.chmod(0o777)  # nothing but the cage keeps a program away
    listeners = Canary()
    (CANARY / "socket").chmod(0o777)
    yield listeners
    listeners.close()
    shutil.rmtree(CANARY)


@pytest.mark.skipif(not OPEN_PROGRAMS.exists(), reason="no ../shared/cases/sandbox")
def test_open_programs_end_as_expected_and_leave_nothing(
    user: tuple[int, str], isolation: str, canary: Canary
) -> None:
    rows = [json.loads(line) for line in OPEN_PROGRAMS.read_text().splitlines()]
    keys = ("prompt", "completion", "entry_point", "test")
    programs = [{key: row[key] for key in keys} for row in rows]
    verdicts = check(user, isolation, programs)
    wrong = []
    for row, verdict in zip(rows, verdicts, strict=True):
        expected = [row["expected"], *row["accept"]]
        if isolation == "seccomp-compute" and row["id"] == "ok-tempfile-heap":
            expected = ["fail"]  # no files at all there
        left = [path for path in row["canary"] or [] if Path(path).exists()]
        if verdict["outcome"] not in expected or left:
            wrong.append((row["id"], verdict, left))
    assert wrong == []
    assert canary.heard == []
    assert not list((CANARY / "drop").iterdir())
    assert (CANARY / "keep" / "file").read_text() == "kept"
    assert not any(path.exists() for path in DROPS)
