"""OpenAI's error object, and the status that its clients go by."""

from typing import Any


class RequestError(Exception):
    """A request that is refused, by a message that says what is wrong and what to do.

    `param` is the place in its body, `status` the one of HTTP, `code` a name of OpenAI's.
    """

    def __init__(
        self, message: str, param: str | None = None, status: int = 400, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.param, self.status, self.code = message, param, status, code

    # An exception with several arguments cannot be copied otherwise.
    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.param, self.status, self.code)

    def body(self) -> dict[str, Any]:
        return error_body(self.message, self.status, self.param, self.code)


def error_body(
    message: str, status: int, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """Return {"error": {"message", "type", "param", "code"}}, as the openai SDK reads it."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
