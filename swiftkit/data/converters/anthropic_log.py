r"""Logs of Anthropic's Messages API: a request with system, messages and tools, and the response.

Source: the Messages API, as proxies and Bedrock's InvokeModel logs keep it, and its message
batches. A real row:

    {"request": {"model": "claude-sonnet-4-5", "max_tokens": 1024, "system": "Be brief",
                 "messages": [{"role": "user", "content": "Weather in Bergen?"}],
                 "tools": [{"name": "get_weather", "input_schema": {...}}]},
     "response": {"id": "msg_01", "type": "message", "role": "assistant", "content": [
        {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Bergen"}}],
        "stop_reason": "tool_use", "usage": {...}}}

The blocks are read as data/from_anthropic.py says; a stream that was logged as its events is put
together. The results of a batch ({custom_id, result}) have no requests: the batch's requests
({custom_id, params}) are found in the folder requests/ beside the file, under its name.
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.exchange import (
    api_of,
    check_end,
    exchange_of,
    reads,
    rows_of,
)
from swiftkit.data.from_anthropic import add_message, system_text
from swiftkit.data.json_values import field, items
from swiftkit.data.messages import FLAGS
from swiftkit.data.turns import Turns, hosted_tool
from swiftkit.errors import DataError
from swiftkit.records import Row

ORDER = 275
COMPANION, COMPANION_ID = "requests", "custom_id"

_BLOCK = """type text thinking id name input tool_use_id content is_error -signature -data
    -citations -cache_control -caller"""
_BLOCKS = {"content[]": _BLOCK, "content[].content[]": "type text -cache_control -citations"}
_REQUEST = {
    "": """system messages tools -model -max_tokens -temperature -top_p -top_k -stop_sequences
        -stream -metadata -tool_choice -thinking -service_tier -anthropic_version -anthropic_beta
        -betas -container -context_management -mcp_servers -output_config""",
    "system[]": "type text -cache_control -citations",
    "messages[]": f"role content {FLAGS}",
} | {f"messages[].{path}": names for path, names in _BLOCKS.items()}
_RESPONSE = {
    "": """content stop_reason error -id -type -role -model -stop_sequence -usage -container
        -context_management -stop_details""",
    # of a stream
    "[]": "-type message index content_block delta error -usage",
    "[].message": "-id -type -role -model -content -stop_reason -stop_sequence -usage",
    "[].content_block": _BLOCK,
    "[].delta": "-type text thinking partial_json signature stop_reason -stop_sequence",
} | _BLOCKS
READS = reads(_REQUEST, _RESPONSE)


def matches(record: dict[str, Any]) -> bool:
    return api_of(record) == "anthropic"


def convert(record: dict[str, Any]) -> Iterable[Row]:
    exchange = exchange_of(record)
    request, response, at = exchange.request, exchange.response, exchange.response_at
    check_end(field(response, "stop_reason"), f"{at}.stop_reason")
    messages = items(request.get("messages"))
    prompt_at = exchange.at("messages")
    turns = Turns()
    for number, message in enumerate(messages):
        add_message(turns, message, f"{prompt_at}[{number}]")
    turns.end()
    if field(messages[-1] if messages else None, "role") == "assistant":
        fix = "write the whole answer into the response, and take its beginning out of the request"
        raise DataError(f"{prompt_at} ends with an answer", "ends_with_answer", fix)
    answer = response if isinstance(response, str) else field(response, "content")
    if not answer:
        raise DataError(f"{at}: an answer without content", "empty_answer", "leave the row out")
    add_message(turns, {"role": "assistant", "content": answer}, at)
    return rows_of(
        record,
        exchange,
        [turns.messages],
        READS,
        system=system_text(request.get("system")),
        tools=_tools(request, exchange.at("tools")),
    )


def _tools(request: dict[str, Any], at: str) -> Any:
    tools = request.get("tools")
    for number, tool in enumerate(items(tools)):
        kind = field(tool, "type")
        if isinstance(kind, str) and kind != "custom" and "input_schema" not in tool:
            raise hosted_tool(f"{at}[{number}]", kind)
    return tools
