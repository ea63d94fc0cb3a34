"""Tool definitions as servers hand them to a chat template.

A client's tools pass through the server's own form of a tool, so a template prints another text
than for the tools as they were sent. Source: vLLM 0.32.0 (FunctionDefinition, run and compared);
llama.cpp and SGLang differ in what the client left out alone (docs/rendering.md).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from swiftkit.errors import DataError

_OPTIONAL = ("strict", "defer_loading")


def tools_as_served(tools: Sequence[Any] | None) -> list[dict[str, Any]] | None:
    """Return tools in OpenAI's form as vLLM's template sees them; None without any.

    The keys come in the order type, function {name, description, parameters}; `description` and
    `parameters` are None where they are missing, keys that OpenAI's API does not know are left out.
    What stands in `parameters` keeps its order. Raises DataError (bad_tools) for what is no tool.
    """
    if not tools:
        return None
    return [_tool_as_served(tool, f"tool {number}") for number, tool in enumerate(tools, 1)]


def _tool_as_served(tool: Any, where: str) -> dict[str, Any]:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        fix = 'write {"type": "function", "function": {"name", "description", "parameters"}}'
        raise DataError(f"{where} is not a function in OpenAI's form", "bad_tools", fix)
    served = {}
    for key in ("name", "description", "parameters"):
        served[key] = function.get(key)
    result: dict[str, Any] = {"type": "function", "function": served}
    for key in _OPTIONAL:
        if function.get(key) is not None:
            served[key] = function[key]
    deferred = tool.get("defer_loading")
    if deferred is not None:
        served.setdefault("defer_loading", deferred)
        result["defer_loading"] = deferred
    return result
