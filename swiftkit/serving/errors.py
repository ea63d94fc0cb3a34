"""What a request gets that cannot be answered: OpenAI's error object, and the status that its
clients go by."""

from typing import Any


class RequestFault(Exception):  # noqa: N818  # the client's mistake, not ours
    """A request that is refused: what is wrong and what to do; `param` is the place in its body."""

    def __init__(
        self, message: str, param: str | None = None, status: int = 400, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.param, self.status, self.code = message, param, status, code

    # an exception with several arguments cannot be copied otherwise
    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.param, self.status, self.code)


def error_body(
    message: str, status: int, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """{"error": {"message", "type", "param", "code"}}, as the openai SDK reads it."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def body_of(fault: RequestFault) -> dict[str, Any]:
    return error_body(fault.message, fault.status, fault.param, fault.code)
