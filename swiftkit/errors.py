"""The errors that swiftkit raises on purpose.

    SwiftkitError            anything a user can mend: exit status 2, one message, no traceback
    ├── DataError            a row, a file or a gold answer is unusable (says file:line)
    ├── UsageError           a flag, a setting or a combination of them is wrong
    ├── EndpointError        the endpoint cannot be used: exit status 4
    └── UnwritableRunError   the files of a run cannot be written: exit status 4

Every message says what happened, where, and what to do next.
"""


class SwiftkitError(Exception):
    exit_status = 2


class DataError(SwiftkitError):
    """Outside data that cannot be used; `code` is the stable name that reject files carry."""

    def __init__(self, message: str, code: str = "bad_data", fix: str = "") -> None:
        super().__init__(f"{message} ({fix})" if fix else message)
        self.reason, self.code, self.fix = message, code, fix


class UsageError(SwiftkitError):
    pass


class EndpointError(SwiftkitError):
    exit_status = 4


class UnwritableRunError(SwiftkitError):
    """The disk is full, most of the time: no wrong usage, and the run can go on."""

    exit_status = 4
