"""A TCP port that nobody listens on now: `python -m swiftkit.training.free_port` prints one.

Another process may take it before it is used; a fixed port would fail every second job.
"""

import socket


def free_port() -> int:
    """Return a port that is free on all of this machine's addresses."""
    with socket.socket() as listener:
        listener.bind(("", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    print(free_port())
