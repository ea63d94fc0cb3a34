"""Jamba's calls: a JSON list between tags.

    <tool_calls>[
    {"name": "get_weather", "arguments": {"city": "北京"}}
    ]</tool_calls>

MiniMax-M1 writes an object a line between the same tags, Hunyuan-A13B a list, ms-swift's
HunyuanHermesAgentTemplate each object between <tool_call> and </tool_call>: all are read.

Source: the chat templates of Jamba-1.5 and MiniMax-M1; vLLM's parsers jamba, minimax and
hunyuan_a13b.
"""

from swiftkit.toolcall.scanners.json_blocks import TOOL_CALLS

SIGNS, parse, render = TOOL_CALLS.signs, TOOL_CALLS.parse, TOOL_CALLS.render
