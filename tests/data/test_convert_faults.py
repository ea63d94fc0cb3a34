"""Faults put into `swiftkit convert` on purpose: broken data, a full disk, a kill. No traceback, no
silent loss.

tests/data/test_convert.py has the faults of single lines, tests/files/test_inputs.py those of each
kind of file.
"""

import fcntl
import gzip
import json
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from swiftkit.data.progress import describe_speed

GOOD = {
    "messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
}
LINE = json.dumps(GOOD).encode()
LONG_LINE = LINE[:-1] + b', "note": "' + b"x" * 10_000 + b'"}\n'
COMMAND = [sys.executable, "-m", "swiftkit", "convert"]
NOBODY = 65534


def convert(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, check=False, timeout=120, **options
    )


def report_of(done: subprocess.CompletedProcess[bytes], out: Path) -> dict[str, Any]:
    """The report, after a look whether it balances, also with the files."""
    assert b"Traceback" not in done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["rows_in"] == report["rows_accepted"] + report["rows_rejected"]
    assert (
        report["rows_rejected"]
        == sum(report["rejects"].values())
        == lines_in(out.with_suffix(".rejects.jsonl"))
    )
    assert report["rows_out"] == lines_in(out)
    return report


def lines_in(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def refused(done: subprocess.CompletedProcess[bytes], out: Path, said: str) -> None:
    """Status 2, one sentence, and neither output nor draft beside what was there before."""
    assert (done.returncode, said in done.stderr.decode()) == (2, True), done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert not out.parent.exists() or not [
        path for path in out.parent.iterdir() if path.suffix == ".part"
    ]


def listed(records: list[bytes]) -> bytes:
    return b"[" + b",\n".join(records) + b"]"


CONTAINERS: dict[str, Callable[[list[bytes]], bytes]] = {
    "raw.jsonl": b"\n".join,
    "raw.json": listed,
    "raw.jsonl.gz": lambda records: gzip.compress(b"\r\n".join(records)),
    "raw.json.gz": lambda records: gzip.compress(b"\xef\xbb\xbf" + listed(records)),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_faults_in_every_container(tmp_path: Path, name: str) -> None:
    """Each fault is one reject with its place; the good rows around it are all kept, and two
    workers agree."""
    faults = {
        b'{"messages": "\xff"}': "broken_json",
        b'{"messages": "\\udc00"}': "broken_json",
        b'{"messages": \0}': "broken_json",
        b'{"messages": NaN}': "broken_json",
        b'{"messages": 1e999}': "broken_json",
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000: "too_deep",
        b'{"messages": [], "messages": [1]}': "duplicate_key",
        LINE[:-1]
        + b', "tools": [{"name": "f", "parameters": {"type": "object", "type": "array"}}]}': "duplicate_key",
        b'"text"': "not_an_object",
        b"{}": "unknown_format",
    }
    records = [LINE, *(record for fault in faults for record in (fault, LINE))]
    raw, out = tmp_path / name, tmp_path / "out.jsonl"
    raw.write_bytes(CONTAINERS[name](records))
    found = []
    for workers in ("1", "2"):
        done = convert(raw, "-o", out, "--json", "--workers", workers)
        assert (done.returncode, report_of(done, out)["rows_accepted"]) == (1, len(faults) + 1)
        rejects = [
            json.loads(line) for line in out.with_suffix(".rejects.jsonl").read_bytes().splitlines()
        ]
        found.append([(reject["line"], reject["code"]) for reject in rejects])
        assert all(
            reject["fix"] and reject["reason"] and reject["file"] == str(raw) for reject in rejects
        )
    assert (
        found[0]
        == found[1]
        == [(2 * number, code) for number, code in enumerate(faults.values(), 1)]
    )


def test_two_equal_values_of_a_key_are_one(tmp_path: Path) -> None:
    """Nothing is lost then; a colon in a text is no key."""
    raw, out = tmp_path / "raw.jsonl", tmp_path / "out.jsonl"
    raw.write_bytes(
        LINE[:-1] + b', "id": 1, "id": 1}\n' + LINE[:-1] + b', "note": "a:b\\u003a", "id": 2}'
    )
    assert report_of(convert(raw, "-o", out, "--json"), out)["rows_accepted"] == 2


def test_a_line_of_50_megabytes(tmp_path: Path) -> None:
    """It is a row like any other."""
    raw, out = tmp_path / "raw.jsonl", tmp_path / "out.jsonl"
    long = json.dumps({"instruction": "x" * 50_000_000, "output": "y"}).encode()
    raw.write_bytes(b"\n".join([LINE, long, long[:-1], LINE]))
    report = report_of(convert(raw, "-o", out, "--json"), out)
    assert (report["rows_accepted"], report["rejects"]) == (3, {"broken_json": 1})
    assert out.stat().st_size > 50_000_000
    assert out.with_suffix(".rejects.jsonl").stat().st_size < 10_000


def test_csv_and_parquet_rejects_are_counted(tmp_path: Path) -> None:
    """A row that does not fit its columns has its line; what Parquet does to nulls is said once."""
    parquet = pytest.importorskip(
        "pyarrow.parquet", reason="the extra `parquet` or `train` brings it"
    )
    pyarrow = pytest.importorskip("pyarrow")
    (tmp_path / "a.csv").write_bytes(
        b"instruction,output\nq,a\nq,a,b\n" + "q,中".encode("gbk") + b'\n"q\n'
    )
    rows = [GOOD, {"messages": []}, GOOD]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "b.parquet")
    out = tmp_path / "out" / "rows.jsonl"
    done = convert(tmp_path, "-o", out, "--json")
    report = report_of(done, out)
    assert report["formats"] == {"alpaca_tool": 1, "openai": 2}
    assert report["rejects"] == {"broken_csv": 2, "not_utf8": 1, "no_messages": 1}
    assert f"{tmp_path}/a.csv:3: this record: 3 cells under 2 names" in json.dumps(
        report["examples"]
    )
    assert done.stderr.decode().count("a null inside a Parquet row counts as absent") == 1


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no /proc on this system")
def test_input_that_fails_while_read_is_one_sentence(tmp_path: Path) -> None:
    """The address 0 of a process cannot be read: an error of the input, not of the output, after it
    was opened."""
    memory, out = Path("/proc/self/mem"), tmp_path / "out.jsonl"
    refused(convert(memory, "-o", out), out, f"{memory}: cannot be read: Input/output error")
    with memory.open("rb") as stdin:
        refused(
            convert("-", "-o", out, stdin=stdin), out, "stdin: cannot be read: Input/output error"
        )
    refused(convert("-", "-o", out, preexec_fn=lambda: os.close(0)), out, "stdin is closed")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may become another user"
)
def test_no_permission_as_another_user() -> None:
    """Neither to read nor to write: one sentence each."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        raw, secret, out = (
            Path(folder, name) for name in ("raw.jsonl", "secret.jsonl", "out.jsonl")
        )
        raw.write_bytes(LINE)
        secret.write_bytes(LINE)
        secret.chmod(0)
        as_nobody: dict[str, Any] = {
            "user": NOBODY,
            "group": NOBODY,
            "extra_groups": [],
            "cwd": folder,
        }
        try:
            subprocess.run([*COMMAND, "--help"], capture_output=True, check=True, **as_nobody)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("another user cannot run this Python or read this folder")
        free = out.parent / "free"
        free.mkdir()
        free.chmod(0o777)
        done = convert(secret, "-o", free / "out.jsonl", **as_nobody)
        refused(done, free / "out.jsonl", "secret.jsonl: cannot be read: Permission denied")
        refused(
            convert(raw, "-o", out, **as_nobody),
            out,
            "out.jsonl: cannot be written: Permission denied",
        )


@pytest.mark.parametrize("full", ["output", "rejects"])
def test_full_disk_ends_the_run_and_keeps_old_files(tmp_path: Path, full: str) -> None:
    """No file may grow beyond 100 kB: the run ends with one sentence, and an earlier run's files
    are as they were."""
    raw, out = tmp_path / "raw.jsonl", tmp_path / "out" / "rows.jsonl"
    old = [out, out.with_suffix(".rejects.jsonl")]
    out.parent.mkdir()
    for file in old:
        file.write_bytes(b"old\n")
    raw.write_bytes(b"\n".join([LINE if full == "output" else b'{"what": 1}', b""]) * 5000)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = convert(raw, "-o", out, preexec_fn=limit)
    refused(done, out, f"{old[full == 'rejects']}: cannot be written: File too large")
    assert [file.read_bytes() for file in old] == [b"old\n"] * 2


@contextmanager
def running(out: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run that has written a part of its output and waits for more input."""
    command = [*COMMAND, "-", "-o", out, *arguments]
    pipe = subprocess.PIPE
    options: Any = {
        "stdin": pipe,
        "stderr": pipe,
        "start_new_session": True,
        "preexec_fn": heed_ctrl_c,
    }
    with subprocess.Popen(command, **options) as process:
        assert process.stdin
        process.stdin.write(LONG_LINE * 2000)  # more than the workers are given in advance
        process.stdin.flush()
        wait_until(lambda: any(draft.stat().st_size for draft in out.parent.glob(".*.part")))
        yield process


def heed_ctrl_c() -> None:
    """Tests that are started in the background, or with nohup, ignore signals."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def workers_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    children = psutil.Process(process.pid).children()
    return [child for child in children if any("spawn_main" in word for word in child.cmdline())]


def test_a_killed_run_takes_its_workers_along(tmp_path: Path) -> None:
    """There is no output, and no process waits for ever."""
    out = tmp_path / "rows.jsonl"
    with running(out, "--workers", "2") as process:
        workers = workers_of(process)
        process.kill()
        process.wait(timeout=60)
    assert len(workers) == 2
    wait_until(lambda: not any(is_alive(worker) for worker in workers))
    assert not out.exists()


@pytest.mark.parametrize("attempt", range(2))  # most often it is killed while it writes
@pytest.mark.parametrize("plain", [True, False])
def test_a_killed_worker_ends_the_run(tmp_path: Path, plain: bool, attempt: int) -> None:  # noqa: ARG001 - once more
    """As the kernel does when memory runs out: one message, no output, also while pieces wait in
    the pipe, and while the worker is half-way through an answer."""
    out = tmp_path / "rows.jsonl"
    raw = tmp_path / ("raw.jsonl" if plain else "raw.jsonl.gz")
    with (open if plain else gzip.open)(raw, "wb") as file:
        file.write(LONG_LINE * 20_000)
    command = [*COMMAND, raw, "-o", out, "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        wait_until(lambda: any(draft.stat().st_size for draft in tmp_path.glob(".*.part")))
        workers_of(process)[0].kill()
        stderr = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 2
    assert (
        stderr
        == "swiftkit: a worker process was killed (out of memory?); run again with --workers 1\n"
    )
    assert not out.exists()


SAID = {
    signal.SIGINT: b"swiftkit: stopped\n",
    signal.SIGTERM: b"swiftkit: stopped by SIGTERM; no unfinished file is left\n",
    signal.SIGHUP: b"swiftkit: stopped by SIGHUP; no unfinished file is left\n",
}


@pytest.mark.parametrize("to_all", [True, False])  # as a terminal does, or `kill`
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("sent", SAID)
def test_a_signal_ends_the_run_and_leaves_nothing(
    tmp_path: Path, sent: signal.Signals, workers: str, to_all: bool
) -> None:
    """One sentence, the shell's exit status, neither file nor worker is left behind; also while it
    waits for more input."""
    out = tmp_path / "rows.jsonl"
    with running(out, "--workers", workers) as process:
        children = workers_of(process)
        (os.killpg if to_all else os.kill)(process.pid, sent)
        stderr = process.communicate(timeout=60)[1]
    assert (process.returncode, stderr) == (128 + sent, SAID[sent])
    assert not list(tmp_path.iterdir())
    assert len(children) == (2 if workers == "2" else 0)
    wait_until(lambda: not any(is_alive(child) for child in children))


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a_hangup_that_nohup_ignores_ends_nothing(tmp_path: Path) -> None:
    """The run goes on to its end, its workers too."""
    out = tmp_path / "rows.jsonl"
    raw = tmp_path / "raw"
    os.mkfifo(raw)
    command = ["nohup", *COMMAND, raw, "-o", out, "--workers", "2"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, start_new_session=True) as process:
        with raw.open("wb") as file:
            file.write(LONG_LINE * 2000)
            file.flush()
            wait_until(lambda: any(draft.stat().st_size for draft in tmp_path.glob(".*.part")))
            os.killpg(process.pid, signal.SIGHUP)
            file.write(LONG_LINE)
        stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 0
    assert b"2001 rows in = 2001 accepted" in stderr
    assert lines_in(out) == 2001


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_at_any_time_leaves_all_or_nothing(tmp_path: Path, workers: str) -> None:
    """Output and rejects file are those of a whole run, or neither is there."""
    raw, out = tmp_path / "raw.jsonl", tmp_path / "out" / "rows.jsonl"
    raw.write_bytes((LINE + b"\n{\n") * 4000 + LINE[:-1] + b', "late": "x"}\n')
    began = time.monotonic()
    convert(raw, "-o", out, "--workers", workers)
    took = time.monotonic() - began
    whole = {path.name: path.stat().st_size for path in out.parent.iterdir()}
    assert len(whole) == 2
    for tenth in (4, 6, 8, 9, 10):
        shutil.rmtree(out.parent)
        out.parent.mkdir()
        command = [*COMMAND, raw, "-o", out, "--workers", workers]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(took * tenth / 10)
            process.terminate()
            process.wait(timeout=60)
        left = {path.name: path.stat().st_size for path in out.parent.iterdir()}
        assert left in ({}, whole)
        assert left == whole or process.returncode in (143, -signal.SIGTERM)


def test_drafts_of_killed_runs_are_deleted(tmp_path: Path) -> None:
    """Those alone: no file of a process that lives, of another program, or that a lock says is
    written elsewhere."""
    out = tmp_path / "rows.jsonl"
    with running(out) as process:
        process.kill()
    killed = [path.name for path in tmp_path.iterdir()]
    assert killed == [f".rows.jsonl.{process.pid}.part"]
    dead = process.pid
    kept = {
        f".rows.jsonl.{os.getpid()}.part": "its process lives",
        f".film.mp4.{dead}.part": "not ours",
        f"rows.jsonl.{dead}.part": "not our name",
        ".rows.jsonl.part": "no process",
        ".rows.jsonl.0.part": "no process",
        f".rows.jsonl.{dead}.part.jsonl": "not our name",
        f".locked.jsonl.{dead}.part": "locked",
        f".linked.jsonl.{dead}.part": "a link",
    }
    for name in kept:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / f".linked.jsonl.{dead}.part").unlink()
    (tmp_path / f".linked.jsonl.{dead}.part").symlink_to("nowhere")
    (tmp_path / f".rows.rejects.jsonl.{dead}.part").write_bytes(b"x")
    (tmp_path / f".other.jsonl.{dead}.part").write_bytes(b"x")
    raw = tmp_path / "raw" / "raw.jsonl"
    raw.parent.mkdir()
    raw.write_bytes(LINE)
    with (tmp_path / f".locked.jsonl.{dead}.part").open("wb") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        done = convert(raw, "-o", out, "--json")
    deleted = [
        f".{name}.{dead}.part" for name in ("other.jsonl", "rows.jsonl", "rows.rejects.jsonl")
    ]
    note = f"deleted, the drafts of runs that were killed: {', '.join(deleted)}"
    assert json.loads(done.stdout)["notes"] == [note]
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "raw", "rows.jsonl"}


def test_a_file_given_twice_is_read_once(tmp_path: Path) -> None:
    """By another spelling, with its folder, by a link of either kind; and it is said."""
    folder = tmp_path / "in"
    folder.mkdir()
    raw = folder / "raw.jsonl"
    raw.write_bytes(LINE)
    (folder / ".raw.jsonl").write_bytes(LINE)
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "dataset_info.json").write_bytes(b"{}")
    (tmp_path / "hard.jsonl").hardlink_to(raw)
    (tmp_path / "soft.jsonl").symlink_to(raw)
    out = tmp_path / "rows.jsonl"
    again = [f"{folder}/../in/raw.jsonl", tmp_path / "hard.jsonl", tmp_path / "soft.jsonl", raw]
    for workers in ("1", "2"):
        done = convert(folder, *again, "-o", out, "--json", "--workers", workers)
        report = report_of(done, out)
        assert report["rows_in"] == 1
        assert report["notes"] == [
            *(f"given twice, read once: {path} is {raw}" for path in again[:3]),
            f"given twice, read once: {raw}",
            "left alone in the folder: .raw.jsonl, dataset_info.json",
        ]


def on_a_terminal(*arguments: str | Path) -> tuple[int, str]:
    """The exit status, and what a terminal showed."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
    os.close(ours)
    return process.returncode, shown.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how Linux says that the other end is closed
        return b""


def test_a_terminal_shows_a_bar(tmp_path: Path) -> None:
    """Rows, rows a second, time left, and all rows at the end; elsewhere there is the report
    alone."""
    raw, out = tmp_path / "raw.jsonl", tmp_path / "out.jsonl"
    raw.write_bytes((LINE + b"\n") * 30_000)
    status, shown = on_a_terminal(raw, "-o", out)
    assert status == 0
    assert "30,000 rows, " in shown
    assert "rows/s, 0 s left" in shown
    assert "30000 rows in = 30000 accepted + 0 rejected" in shown
    assert convert(raw, "-o", out).stderr.startswith(b"30000 rows in")


def test_the_time_left_comes_from_the_bytes() -> None:
    """Of a pipe nobody knows the end."""
    assert describe_speed(12_345, 100, 400, 2) == "12,345 rows, 6,172 rows/s, 6 s left"
    assert describe_speed(10, 100, None, 2) == "10 rows, 5 rows/s"
    assert describe_speed(0, 0, 400, 0) == "0 rows, 0 rows/s"
