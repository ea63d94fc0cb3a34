"""The signals that ask a process to stop."""

import signal

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_at_ctrl_c() -> None:
    """Let Ctrl-C end this process at once, without a traceback, until somebody handles it.

    A process that was started with SIGINT ignored goes on ignoring it.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
