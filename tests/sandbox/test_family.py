"""A family of processes: whoever belongs to it is found and ended, wherever it has gone."""

import os
import subprocess
import sys

import psutil
import pytest

from swiftkit.sandbox.family import FAMILY, end_marked, has_ended, marked, new_mark, with_mark

# A daemon: two forks and a session of its own; its child has not the environment either.
DAEMON = """
import os, subprocess, time
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    for stream in (1, 2): os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    child = subprocess.Popen(["sleep", "600"], env={}, start_new_session=True)
    os.write(writer, b"%d %d" % (os.getpid(), child.pid))
    time.sleep(600)
print(os.read(reader, 100).decode())
"""
ADOPTING = """
import os, signal, subprocess, sys
from swiftkit.sandbox.family import adopt_orphans, children, end_children

adopt_orphans()
server = subprocess.Popen(["sleep", "600"])
spared = children()
for _ in range(3):
    subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
ended = subprocess.Popen(["true"])
assert len(children()) == 5, children()
end_children(spared)
assert children() == spared == {server.pid}
end_children()
assert children() == set()
end_children()
"""


def test_end_children_ends_orphans_and_spares_whom_it_should() -> None:
    """In a process of its own: it adopts the daemons, and waits for them."""
    command = [sys.executable, "-c", ADOPTING, DAEMON]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    pids = [int(word) for word in done.stdout.split()]
    assert len(pids) == 6
    assert not any(psutil.pid_exists(pid) and not has_ended(psutil.Process(pid)) for pid in pids)


def test_end_marked_ends_a_daemon_whose_parents_are_gone() -> None:
    """And its child, which bears no mark; another family lives on."""
    mark, other = new_mark(), new_mark()
    command = [sys.executable, "-c", DAEMON]
    started = []
    for own in (mark, other):
        environment = with_mark(os.environ, own)
        text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        started.append([psutil.Process(int(word)) for word in text.stdout.split()])
    assert set(marked(mark)) == set(started[0])
    end_marked(mark)
    assert all(has_ended(process) for process in started[0])
    assert set(marked(other)) == set(started[1])
    end_marked(other)


def test_with_mark_adds_to_the_outer_families(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FAMILY, "7-1 8-2")
    assert with_mark({"A": "b"}, "9-3") == {"A": "b", FAMILY: "7-1 8-2 9-3"}
    monkeypatch.delenv(FAMILY)
    assert with_mark({}, "9-3") == {FAMILY: "9-3"}
