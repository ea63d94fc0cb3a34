"""Worker processes: whatever the foreign code does, a request gets an answer or a WorkerError."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from swiftkit.sandbox.family import marked
from swiftkit.sandbox.worker import Worker, WorkerError

HANDLER = """
import os, signal, sys, time

def start(*arguments):
    print("printed while loading")
    return {"arguments": list(arguments), "folder": os.getcwd()}, handle

def handle(request):
    print("printed while working")
    match request["do"]:
        case "echo": return {"echo": request["value"]}
        case "fail": raise ValueError("no such thing " + "x" * 1000)
        case "leave": os._exit(3)
        case "sleep": time.sleep(600)
        case "deep":
            value = []
            for _ in range(900): value = [value]
            return {"value": value}
        case "environment": return dict(os.environ)
        case "large": return {"value": "x" * request["size"]}
        case "noise": os.write(1, b"noise"); os.write(2, b"noise"); return {}
        case "forge":
            for descriptor in range(3, 64):
                try: os.write(descriptor, request["line"].encode())
                except OSError: pass
            return {}
        case "stop": os.kill(os.getpid(), signal.SIGSTOP); return {}
        case "fall asleep":
            signal.signal(signal.SIGALRM, lambda *_: time.sleep(600))
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            return {}
        case "leave a child":
            if os.fork() == 0: time.sleep(600)
            os._exit(3)
"""


@pytest.fixture
def handler(tmp_path: Path) -> Path:
    file = tmp_path / "my handler.py"
    file.write_text(HANDLER, encoding="utf-8")
    return file


@pytest.fixture
def worker(handler: Path) -> Iterator[Worker]:
    worker = Worker(handler, ["a b", "--c"])
    yield worker
    worker.kill()


def test_request_gets_the_handlers_answer(worker: Worker) -> None:
    """Any JSON value, line breaks and lone surrogates too; what is printed does no harm."""
    assert worker.hello["arguments"] == ["a b", "--c"]
    for value in (1, "a\nb", "\ud800 晴", {"x": [None, 1.5]}):
        assert worker.request({"do": "echo", "value": value}, 60) == {"echo": value}
    assert worker.request({"do": "noise"}, 60) == {}
    assert worker.request({"do": "echo", "value": 1}, 60) == {"echo": 1}


def test_request_that_fails_is_an_error_and_the_next_one_is_answered(worker: Worker) -> None:
    """The exception's type and text, cut to a line."""
    with pytest.raises(WorkerError, match=r"ValueError: no such thing x+$") as caught:
        worker.request({"do": "fail"}, 60)
    assert len(str(caught.value)) <= 300
    assert worker.request({"do": "echo", "value": 1}, 60) == {"echo": 1}


def test_request_that_json_cannot_hold_is_the_callers_fault(worker: Worker) -> None:
    """Nothing is sent, and the worker goes on."""
    with pytest.raises(ValueError, match="4300"):
        worker.request({"do": "echo", "value": 10**5000}, 60)
    assert worker.request({"do": "echo", "value": 1}, 60) == {"echo": 1}


def test_worker_that_ends_is_an_error_now_and_later(worker: Worker) -> None:
    for _ in range(2):
        with pytest.raises(WorkerError, match="the worker has ended"):
            worker.request({"do": "leave"}, 60)
    assert not worker.alive


def test_request_without_an_answer_in_time_kills_the_worker(worker: Worker) -> None:
    """Its answer could come later, and be taken for that of the next request."""
    with pytest.raises(WorkerError, match=r"no answer within 0\.2 s"):
        worker.request({"do": "sleep"}, 0.2)
    with pytest.raises(WorkerError, match="the worker has ended"):
        worker.request({"do": "echo", "value": 1}, 60)


@pytest.mark.parametrize(
    "line",
    ["noise\n", "[]\n", '{"id": 1, "answer": []}\n', '{"id": 2, "answer": {}}\n', "\xff\n", "{}\n"],
)
def test_text_among_the_answers_ends_the_worker(worker: Worker, line: str) -> None:
    """From there on an answer could be that of another request."""
    with pytest.raises(WorkerError):
        worker.request({"do": "forge", "line": line}, 60)
    assert not worker.alive
    with pytest.raises(WorkerError, match="the worker has ended"):
        worker.request({"do": "echo", "value": 1}, 60)


def test_channel_cannot_be_opened_by_its_number(worker: Worker) -> None:
    """As a pipe can in /proc/ID/fd, by every process of the same user."""
    with pytest.raises(OSError, match="No such device"):
        os.open(f"/proc/self/fd/{worker._channel.fileno()}", os.O_WRONLY)


def test_worker_that_is_stopped_goes_on(worker: Worker) -> None:
    assert worker.request({"do": "stop"}, 60) == {}
    assert worker.request({"do": "echo", "value": 1}, 60) == {"echo": 1}


def test_request_that_nobody_reads_is_given_up_in_time(worker: Worker) -> None:
    """It is larger than the pipe."""
    assert worker.request({"do": "fall asleep"}, 60) == {}
    time.sleep(0.1)  # it does so 10 ms later
    with pytest.raises(WorkerError, match=r"no answer within 0\.5 s"):
        worker.request({"do": "echo", "value": "x" * 1_000_000}, 0.5)
    assert not worker.alive


def test_child_of_a_worker_that_has_ended_is_ended_too(worker: Worker) -> None:
    """It holds no pipe open, and bears the worker's mark."""
    with pytest.raises(WorkerError, match="the worker has ended"):
        worker.request({"do": "leave a child"}, 60)
    assert marked(worker._mark) == []


def test_kill_frees_a_request_that_waits_in_another_thread(worker: Worker) -> None:
    errors: list[WorkerError] = []

    def ask() -> None:
        try:
            worker.request({"do": "sleep"}, 600)
        except WorkerError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    worker.kill()
    thread.join(60)
    assert not thread.is_alive()
    assert [str(error) for error in errors] == ["the worker has ended"]


def test_large_answers_arrive_whole(worker: Worker) -> None:
    assert len(worker.request({"do": "large", "size": 20_000_000}, 60)["value"]) == 20_000_000


def test_environment_and_folder_are_those_that_were_given(handler: Path, tmp_path: Path) -> None:
    """Nothing of ours reaches foreign code that was not handed over."""
    worker = Worker(handler, environment={"GIVEN": "1"}, folder=tmp_path, quiet=True)
    assert worker.hello["folder"] == str(tmp_path)
    environment = worker.request({"do": "environment"}, 60)
    worker.close()
    assert environment["GIVEN"] == "1"
    assert not {"HOME", "PATH", "PYTHONPATH"} & environment.keys()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("def start(): exit(3)", "SystemExit"),
        ("import os\nos._exit(3)", "the worker has ended"),
    ],
)
def test_handler_that_cannot_start_is_an_error(tmp_path: Path, text: str, reason: str) -> None:
    """And leaves no process."""
    file = tmp_path / "handler.py"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(WorkerError, match=reason):
        Worker(file)
    children = psutil.Process().children(recursive=True)
    assert not [child for child in children if str(file) in child.cmdline()]
