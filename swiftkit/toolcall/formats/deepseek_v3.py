"""DeepSeek's calls, as V3 and R1 write them.

    <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather
    ```json
    {"city": "北京"}
    ```<｜tool▁call▁end｜>
    <｜tool▁call▁begin｜>...<｜tool▁call▁end｜><｜tool▁calls▁end｜>

Written by: DeepSeek V3, R1.
Read too: V3.1's form; without the last token; `JSON` in any case.
Limits: one-line names.
Engines: vLLM `deepseek_v3`; SGLang `deepseekv3`.

Source: the chat templates of DeepSeek-V3 and DeepSeek-R1 (ms-swift has V3.1's alone:
deepseek_v3_1.py); vLLM's deepseekv3_tool_parser.py, SGLang's deepseekv3_detector.py.
"""

from swiftkit.json_text import written
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.scanners import blocks, deepseek
from swiftkit.toolcall.scanners.deepseek import CALL, CALL_END, CALLS, CALLS_END, SEPARATOR
from swiftkit.toolcall.wire_format import Signs

SIGNS = Signs(opening={CALLS: "", CALL: ""}, closing=(CALLS_END,), marks=deepseek.MARKS)
parse = deepseek.read  # V3.1's form too


def render(calls: list[ToolCall]) -> str:
    rendered = []
    for call in calls:
        blocks.check_name(call.name, "DeepSeek")
        arguments = f"```json\n{written(call.arguments)}\n```"
        rendered.append(f"{CALL}function{SEPARATOR}{call.name}\n{arguments}{CALL_END}")
    return f"{CALLS}{chr(10).join(rendered)}{CALLS_END}" if calls else ""
