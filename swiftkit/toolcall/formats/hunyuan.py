"""Hunyuan's calls as ms-swift writes them: Hermes' blocks between an outer pair of tags.

    <tool_calls>
    <tool_call>
    {"name": "get_weather", "arguments": {"city": "北京"}}
    </tool_call>
    </tool_calls>

Written by: ms-swift's `hunyuan_hermes`.
Read too: as `jamba`.
Engines: none; vLLM `hunyuan_a13b` reads a list between the outer tags.

Source: ms-swift's HunyuanHermesAgentTemplate; the chat template of Hunyuan-7B-Instruct; vLLM's
hunyuan_a13b_tool_parser.py.
"""

from swiftkit.json_text import written
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.scanners.json_blocks import TOOL_CALLS
from swiftkit.toolcall.wire_format import Signs

SIGNS = Signs(marks=("<tool_calls>", "</tool_calls>"))  # found as jamba, which reads the same
parse = TOOL_CALLS.parse


def render(calls: list[ToolCall]) -> str:
    values = [written({"name": call.name, "arguments": call.arguments}) for call in calls]
    body = "".join(f"<tool_call>\n{value}\n</tool_call>\n" for value in values)
    return f"<tool_calls>\n{body}</tool_calls>" if calls else ""
