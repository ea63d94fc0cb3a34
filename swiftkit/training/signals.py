"""The signals that ask a process to stop."""

import signal

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_at_ctrl_c() -> None:
    """Let SIGINT end this process at once, without a traceback, until somebody handles it.

    Also where it was started with SIGINT ignored, as a shell does with `recipe &` in a script:
    `kill -INT` is meant for the training.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
