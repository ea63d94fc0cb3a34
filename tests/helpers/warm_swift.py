"""The real swift with its imports behind it: a start takes a tenth of a second of processor time,
not ten seconds.

    python warm_swift.py serve SOCKET          imports ms-swift once, then forks for each call
    python warm_swift.py call SOCKET VERB ...  what a test's `swift` runs instead of swift's own launcher
    python warm_swift.py call SOCKET python -c CODE ... | SCRIPT ...       a test's own script about swift

A call does what swift/cli/main.py does: it reads the YAML, then runs swift/cli/VERB.py with the
rest; in a fork, with the caller's folder, environment and streams. Signals to the caller go to the
fork. No torchrun: one process.
"""

import array
import importlib.util
import json
import os
import runpy
import signal
import socket
import sys
from types import FrameType
from typing import Any


def serve(address: str) -> None:
    """Until it is killed; each call is answered by a fork."""
    import swift.pipelines
    from swift.cli.main import ROUTE_MAPPING, parse_yaml_args

    for name in (
        "sft_main",
        "pretrain_main",
        "rlhf_main",
        "export_main",
        "infer_main",
        "deploy_main",
    ):
        getattr(swift.pipelines, name)  # they are imported when they are first asked for
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    while True:
        call, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            status = _run(call, ROUTE_MAPPING, parse_yaml_args)
            call.sendall(b"%d\n" % status)
            os._exit(status)
        call.close()


def _run(call: socket.socket, routes: dict[str, str], parse_yaml_args: Any) -> int:
    """In the fork: become the caller, then be swift. The exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, ancillary, _, _ = call.recvmsg(1 << 20, socket.CMSG_LEN(3 * array.array("i").itemsize))
    for place, descriptor in enumerate(array.array("i", ancillary[0][2])):
        os.dup2(descriptor, place)
    request = json.loads(message)
    call.sendall(b"%d\n" % os.getpid())
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    verb, *argv = request["argv"]
    try:
        if verb == "python":
            _python(argv)
            return 0
        parse_yaml_args(argv)
        file = str(importlib.util.find_spec(routes[verb]).origin)  # type: ignore[union-attr]
        sys.argv = [file, *argv]
        runpy.run_path(file, run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # as the interpreter would end
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _python(argv: list[str]) -> None:
    """`python -c CODE ...` or `python SCRIPT ...`"""
    if argv[0] != "-c":
        sys.argv = argv
        runpy.run_path(argv[0], run_name="__main__")
        return
    sys.argv = ["-c", *argv[2:]]
    sys.path[:0] = ["", *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    exec(compile(argv[1], "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - the test's own code


def call(address: str, argv: list[str]) -> int:
    """Hands this process's streams, folder and environment to the server; the fork's exit
    status."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        request = {"argv": argv, "environment": dict(os.environ), "folder": os.getcwd()}  # noqa: PTH109 - light imports
        socket.send_fds(server, [json.dumps(request).encode()], [0, 1, 2])
        answers = server.makefile()
        pid = int(answers.readline())

        def pass_on(number: int, _: FrameType | None) -> None:
            os.kill(pid, number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, pass_on)
        return int(answers.readline() or 1)  # nothing: it was killed


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    sys.exit(call(sys.argv[2], sys.argv[3:]))
