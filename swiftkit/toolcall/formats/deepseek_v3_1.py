"""DeepSeek's calls since V3.1.

    <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{"city": "北京"}
    <｜tool▁call▁end｜><｜tool▁calls▁end｜>

all of it without a line break.

Written by: DeepSeek V3.1.
Read too: V3's form; without the last token.
Limits: one-line names.
Engines: vLLM `deepseek_v31`; SGLang `deepseekv31`.

Source: the chat template of DeepSeek-V3.1; rendered as ms-swift's DeepSeekV31AgentTemplate does;
vLLM's deepseekv31_tool_parser.py, SGLang's deepseekv31_detector.py.
"""

from swiftkit.json_text import written
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.scanners import blocks, deepseek
from swiftkit.toolcall.scanners.deepseek import CALL, CALL_END, CALLS, CALLS_END, SEPARATOR
from swiftkit.toolcall.wire_format import Signs

SIGNS = Signs(marks=deepseek.MARKS)  # found as deepseek_v3, which reads the same
parse = deepseek.read  # V3's form too


def render(calls: list[ToolCall]) -> str:
    text = ""
    for call in calls:
        blocks.check_name(call.name, "DeepSeek")
        text += f"{CALL}{call.name}{SEPARATOR}{written(call.arguments)}{CALL_END}"
    return f"{CALLS}{text}{CALLS_END}" if calls else ""
