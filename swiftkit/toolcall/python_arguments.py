"""Arguments that a data file holds as Python prints a dict, where JSON was meant."""

from typing import Any

from swiftkit.toolcall import python_literal
from swiftkit.toolcall.read_call import ARGUMENT_KEYS, PYTHON_DICT


def with_python_arguments(call: Any) -> Any:
    """Return a call of a data file, with arguments that are text of a Python dict as an object.

    A model's own call is not read so: its user gets no JSON.
    """
    inner = call.get("function") if isinstance(call, dict) else None
    body = inner if isinstance(inner, dict) else call
    if not isinstance(body, dict):
        return call
    for key in ARGUMENT_KEYS:
        text = body.get(key)
        if isinstance(text, str) and PYTHON_DICT.match(text):
            try:
                value = python_literal.read(text)
            except ValueError:
                continue
            body = {**body, key: value}
    return {**call, "function": body} if isinstance(inner, dict) else body
