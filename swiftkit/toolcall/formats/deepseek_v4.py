"""The calls of DeepSeek-V4, in DSML (scanners/dsml.py).

    <｜DSML｜tool_calls>
    <｜DSML｜invoke name="get_weather">
    <｜DSML｜parameter name="city" string="true">北京</｜DSML｜parameter>
    <｜DSML｜parameter name="days" string="false">[1, 2]</｜DSML｜parameter>
    </｜DSML｜invoke>
    </｜DSML｜tool_calls>

Written by: DeepSeek V4.
Read too: as `deepseek_v3_2`.
Limits: as `deepseek_v3_2`.
Engines: vLLM `deepseek_v4`; SGLang `deepseekv4`, which needs the last tag.

Source: the encoder of DeepSeek-V4-Flash (encoding/), which has no Jinja template; vLLM's
parser/deepseek_v4.py, SGLang's deepseekv4_detector.py.
"""

from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.scanners import dsml
from swiftkit.toolcall.wire_format import Signs

SIGNS = Signs(
    opening={f"<{dsml.MARK}tool_calls>": ""},
    marks=dsml.MARKS,
    call_ends=dsml.CALL_ENDS,
    section_end=f"</{dsml.MARK}tool_calls>",
)
parse = dsml.read  # the forms of the other two, too


def render(calls: list[ToolCall]) -> str:
    return dsml.render(calls, "tool_calls")
