"""DeepSeek's calls since V3.1.

    <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{"city": "北京"}<｜tool▁call▁end｜>
    <｜tool▁calls▁end｜>

all of it without a line break.

Source: the chat template of DeepSeek-V3.1; rendered as ms-swift's DeepSeekV31AgentTemplate does.
"""

from swiftkit.json_text import written
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks, deepseek
from swiftkit.toolcall.scanners.deepseek import CALL, CALL_END, CALLS, CALLS_END, SEPARATOR
from swiftkit.toolcall.wire_format import Signs

SIGNS = Signs()  # found as deepseek_v3, which reads the same


def render(calls: list[ToolCall]) -> str:
    """Write all calls byte for byte as ms-swift trains on them. Raises DataError (bad_call)."""
    return f"{CALLS}{''.join(map(_rendered, calls))}{CALLS_END}" if calls else ""


def parse(text: str) -> Parsed:
    """Read an answer in this form or in V3's. Never raises; parse(render(calls)).calls == calls."""
    return deepseek.read(text)


def _rendered(call: ToolCall) -> str:
    blocks.check_name(call.name, "DeepSeek")
    return f"{CALL}{call.name}{SEPARATOR}{written(call.arguments)}{CALL_END}"
