"""Mistral's calls as a JSON list.

    [TOOL_CALLS] [{"name": "get_weather", "arguments": {}}, {"name": "now", "arguments": {}}]

Reasoning stands between [THINK] and [/THINK]. An "id" beside name and arguments is passed over, as
is a final </s>. All other ways in which Mistral's models write calls are read too
(scanners/mistral.py).

Written by: Mistral 7B v0.3 to Small 3.1.
Read too: ids; ms-swift's list without commas.
Limits: ids are not written.
Engines: vLLM and SGLang `mistral`.

Source: the chat templates of Mistral-7B-Instruct-v0.3 to Mistral-Small-3.1, but for the ids, which
calls here have not. ms-swift's MistralAgentTemplate writes `[TOOL_CALLS][`, an object a line
without commas, `]</s>`: that is no JSON where there are several calls. It is read, not written;
vLLM's parser/mistral.py, SGLang's mistral_detector.py.
"""

from swiftkit.json_text import written
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.scanners import mistral
from swiftkit.toolcall.wire_format import Signs

SIGNS = Signs(opening={mistral.TOOL_CALLS: ""}, marks=mistral.MARKS)
parse = mistral.read  # mistral_v11's form too


def render(calls: list[ToolCall]) -> str:
    values = [{"name": call.name, "arguments": call.arguments} for call in calls]
    return f"{mistral.TOOL_CALLS} {written(values)}" if values else ""
