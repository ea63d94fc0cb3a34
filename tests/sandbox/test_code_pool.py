"""The pool of cages: HumanEval's own solutions pass, nothing is left, and it never guesses."""

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import psutil
import pytest
from helpers.paths import SHARED_DATA

from swiftkit.errors import UsageError
from swiftkit.sandbox import landlock, linux, seccomp, self_test
from swiftkit.sandbox.cage import ISOLATIONS, Cage, CheckLimits
from swiftkit.sandbox.code_pool import CodePool, CodeVerdict, Program

HUMANEVAL = SHARED_DATA / "humaneval" / "HumanEval_first82.jsonl"
PROMPT = 'def double(n):\n    """Return twice n."""\n'
TEST = "def check(candidate):\n    assert candidate(4) == 8\n"


@pytest.fixture(scope="module")
def pool() -> Iterator[CodePool]:
    try:
        made = CodePool(2)
    except UsageError as error:
        pytest.skip(f"nothing isolates here: {error}")
    with made:
        yield made


def program(body: str, test: str = TEST) -> Program:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return Program(PROMPT, lines, "double", test)


def checked(pool: CodePool, programs: list[Program]) -> list[CodeVerdict]:
    waiting: list[Future[CodeVerdict]] = [pool.submit(one) for one in programs]
    return [future.result() for future in waiting]


@pytest.mark.skipif(not HUMANEVAL.exists(), reason="no ../shared/data/humaneval")
def test_humaneval_canonical_solutions_pass_and_empty_bodies_fail(pool: CodePool) -> None:
    rows = [json.loads(line) for line in HUMANEVAL.read_text().splitlines()]
    right, empty = [], []
    for row in rows:
        parts = (row["entry_point"], row["test"])
        right.append(Program(row["prompt"], row["canonical_solution"], *parts))
        empty.append(Program(row["prompt"], "    pass\n", *parts))
    verdicts = checked(pool, right + empty)
    assert [v for v in verdicts[: len(rows)] if v.outcome != "pass"] == []
    assert [v for v in verdicts[len(rows) :] if v.outcome != "fail"] == []


def test_mbpp_shaped_test_is_lines_that_call_by_name(pool: CodePool) -> None:
    test = "import math\nassert double(4) == 8\nassert math.isclose(double(0.5), 1)"
    source = "def helper(n):\n    return n * 2\ndef double(n):\n    return helper(n)\n"
    assert pool.check(Program("", source, "double", test)).outcome == "pass"
    assert pool.check(Program("", "def double(n): return 8", "double", test)).outcome == "fail"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("return 9", "wrong"),
        ("return None + 1", "exception"),
        ("import os; os._exit(0)", "exit"),
        ("return object()", "value"),
        ("print('x' * (2 << 20), flush=True)", "output"),
        ("return 8 )", "load"),
    ],
)
def test_verdict_names_the_kind_of_fault(pool: CodePool, body: str, kind: str) -> None:
    verdict = pool.check(program(body))
    assert (verdict.outcome, verdict.kind) == ("fail", kind)
    assert verdict.reason
    assert verdict.isolation == pool.isolation
    assert pool.description.startswith(f"isolation: {pool.isolation} (3 s, 256 MB, ")


@pytest.mark.parametrize(
    "test",
    [
        "def check(candidate):\n    pass\n",
        "def check(candidate):\n    candidate(lambda: 1)\n",
        "import no_such_module\n",
        "def check(candidate:\n",
        "raise SystemExit(0)\n",
    ],
)
def test_fault_of_the_test_is_an_error_and_no_zero(pool: CodePool, test: str) -> None:
    verdict = pool.check(program("return 2 * n", test))
    assert (verdict.outcome, verdict.kind) == ("error", "test")


def test_test_in_a_loop_is_ended(pool: CodePool) -> None:
    test = "def check(candidate):\n    candidate(4)\n    pow(7, 10 ** 9)\n"
    assert pool.check(program("return 2 * n", test)).outcome == "timeout"


def test_candidate_holds_neither_test_nor_earlier_checks(pool: CodePool) -> None:
    """A search of its memory, wherever Python keeps objects and large texts, for the test's word."""
    # The word stands nowhere but in `word` itself.
    search = """
import ctypes, gc, os
word = ctypes.create_string_buffer(11)
for i, letter in enumerate(b'DROW-ERAR-A'):
    word[10 - i] = letter
libc = ctypes.CDLL(None)
libc.memmem.restype = ctypes.c_void_p
places = {id(o) >> 20 for o in gc.get_objects()} | {id('x' * size) >> 20 for size in (600, 5000, 90000)}
places = {place + step for place in places for step in (-1, 0, 1)}
hits = 0
reader, writer = os.pipe()
for place in places:
    for page in range(place << 20, (place + 1) << 20, 4096):
        # the kernel says whether there is such a page
        if libc.write(writer, ctypes.c_void_p(page), ctypes.c_size_t(1)) == 1:
            os.read(reader, 1)
            hit = libc.memmem(ctypes.c_void_p(page), ctypes.c_size_t(4096), word, ctypes.c_size_t(11))
            hits += hit not in (None, ctypes.addressof(word))
return hits
""".strip()
    test = "A = 'A-RARE-WORD'\ndef check(candidate):\n    found = candidate(4)\n    assert found == 0, found\n"
    test += "# A-RARE-WORD" * 100
    planted = search.replace("hits = 0", "kept = ('A-RARE' + '-WORD') * n\nhits = 0")
    for _ in range(3):
        assert pool.check(program(search, test)).reason == ""
    verdict = pool.check(program(planted, test))
    assert verdict.outcome == "fail", "the search itself finds nothing"


def test_arguments_are_copies(pool: CodePool) -> None:
    test = "def check(candidate):\n    xs = [1]\n    candidate(xs)\n    assert xs == [1]\n"
    assert pool.check(program("n.append(2)", test)).outcome == "pass"


def test_a_worker_that_is_killed_is_replaced(pool: CodePool) -> None:
    for child in psutil.Process().children():
        if "code_worker" in " ".join(child.cmdline()):
            child.send_signal(signal.SIGKILL)
    assert {v.outcome for v in checked(pool, [program("return 2 * n")] * 6)} == {"pass"}


def test_nothing_is_left_after_many_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    bodies = ["return 2 * n", "return 9", "import os; os._exit(1)", "open('x', 'w').write('x')"]
    for isolation in ISOLATIONS:
        before = set(psutil.Process().children(recursive=True))
        descriptors = psutil.Process().num_fds()
        try:
            pool = CodePool(1, isolations=[isolation])
        except UsageError:
            continue
        with pool:
            checked(pool, [program(body) for body in bodies * 3])
            family = set(psutil.Process().children(recursive=True)) - before
            sizes = {child: child.num_fds() for child in family}
            checked(pool, [program(body) for body in bodies * 10])
            assert set(psutil.Process().children(recursive=True)) - before == family
            assert {child: child.num_fds() for child in family} == sizes
        assert set(psutil.Process().children(recursive=True)) == before
        assert psutil.Process().num_fds() == descriptors
        assert list(tmp_path.iterdir()) == []


def test_where_nothing_isolates_it_refuses_unless_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="nothing isolates"):
        CodePool(1, isolations=[])
    others = len(psutil.Process().children(recursive=True))
    with CodePool(1, isolations=[], allow_unsafe=True) as pool:
        assert pool.isolation == "none"
        assert pool.check(program("return 2 * n")).outcome == "pass"
        assert pool.check(program("return 9")).outcome == "fail"
        leave = (
            "import os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(600)\nreturn 2 * n"
        )
        assert pool.check(program(leave)).outcome == "pass"
        family = psutil.Process().children(recursive=True)
        assert len(family) == others + 2  # the worker and its zygote
    assert "WITHOUT isolation" in capsys.readouterr().err


def test_limits_are_the_callers() -> None:
    with CodePool(1, limits=CheckLimits(seconds=0.5, megabytes=64)) as pool:
        slow = "import time\ntime.sleep(2)\nreturn 2 * n"
        assert pool.check(program(slow)).outcome == "timeout"
        assert pool.check(program("x = bytearray(100 << 20)\nreturn 2 * n")).outcome == "fail"


def test_machine_without_a_table_of_calls_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    linux.numbers.cache_clear()
    with pytest.raises(linux.UnknownMachineError, match="riscv64"):
        seccomp.build(has_paths=True, has_modes=True)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert seccomp.build(has_paths=True, has_modes=True).own_pid
    assert linux.numbers(linux.OTHERS)["clone"] == 220
    monkeypatch.undo()
    linux.numbers.cache_clear()


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the header is of this machine")
def test_numbers_are_the_kernels() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("no kernel headers")
    kernel = {}
    for line in header.read_text().splitlines():
        match line.split():
            case ["#define", name, number] if name.startswith("__NR_"):
                kernel[name.removeprefix("__NR_")] = int(number)
    groups = " ".join(
        (linux.FILES, linux.MEMORY, linux.PROCESS, linux.CLOCKS, linux.PATHS, linux.MODES)
    )
    ours = linux.numbers(f"{groups} {linux.OTHERS}")
    assert ours == {name: kernel[name] for name in ours}


def test_function_named_check_is_no_test(pool: CodePool) -> None:
    test = "assert check(4) == 8"
    assert pool.check(Program("", "def check(n): return 2 * n", "check", test)).outcome == "pass"
    assert (
        pool.check(
            Program("", "def check(n): return 8", "check", test + "\nassert check(1) == 2")
        ).outcome
        == "fail"
    )


def test_trainer_that_is_killed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    script = (
        "import sys, time\n"
        "from swiftkit.sandbox.code_pool import *\n"
        "pool = CodePool(1, isolations=[sys.argv[1]])\n"
        "pool.submit(Program('', 'while True: pass', 'f', ''))\n"
        "time.sleep(0.5)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    for isolation in (ISOLATIONS[0], "landlock+seccomp"):
        command = [sys.executable, "-c", script, isolation]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as trainer:
            assert trainer.stdout
            if trainer.stdout.readline() != b"ready\n":
                continue  # this machine does not give it
            family = psutil.Process(trainer.pid).children(recursive=True)
            assert len(family) == 4
            trainer.kill()
        _, alive = psutil.wait_procs(family, timeout=60)
        assert alive == []
        assert list(tmp_path.iterdir()) == []


def test_python_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="no-such-python"):
        CodePool(1, python="/no-such-python")


def test_self_test_sees_that_nothing_isolates() -> None:
    """Its programs get out where they can: else they would show nothing."""
    with CodePool(1, isolations=[], allow_unsafe=True) as pool:
        escapes = Program("", self_test.ESCAPES, "attempt", self_test.ESCAPES_TEST)
        verdict = pool.check(escapes)
    assert verdict.outcome == "fail"
    for way in ("file_read", "file_written", "network", "datagrams", "process", "signalled"):
        assert way in verdict.reason


def test_landlock_that_lets_files_be_emptied_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 2)
    with pytest.raises(OSError, match="Landlock 3 is needed"):
        Cage("landlock+seccomp", CheckLimits(), "")
