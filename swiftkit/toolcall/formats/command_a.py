"""Calls of Cohere's Command R7B and Command A: a JSON list between tokens.

    <|START_ACTION|>[
        {"tool_call_id": "0", "tool_name": "get_weather", "parameters": {"city": "北京"}}
    ]<|END_ACTION|>

Written by: Command R7B, Command A.
Read too: without the last token.
Limits: ids are not written.
Engines: vLLM `cohere_command3` and `4`; SGLang `cohere_command4`.

Source: the chat templates of c4ai-command-r7b-12-2024 and c4ai-command-a-03-2025; vLLM's
parser/cohere_command.py, SGLang's cohere_command4_detector.py.
"""

from swiftkit.toolcall.scanners.json_blocks import JsonBlocks

_FORM = JsonBlocks(
    "<|START_ACTION|>", "<|END_ACTION|>", keys=("tool_name", "parameters"), is_end_optional=True
)
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
