"""The calls of DeepSeek-V3.2, in DSML (scanners/dsml.py).

    <｜DSML｜function_calls>
    <｜DSML｜invoke name="get_weather">
    <｜DSML｜parameter name="city" string="true">北京</｜DSML｜parameter>
    <｜DSML｜parameter name="days" string="false">[1, 2]</｜DSML｜parameter>
    </｜DSML｜invoke>
    </｜DSML｜function_calls>

Written by: DeepSeek V3.2.
Read too: V4's and V4.1's names; without the section's tags; `<｜DSML｜invoke name="f"/>`.
Limits: names of one line without `"` `<` `>`; no `｜DSML｜` inside a string.
Engines: vLLM `deepseek_v32`; SGLang `deepseekv32`, which needs the last tag.

Source: encoding/encoding_dsv32.py of DeepSeek-V3.2, which has no Jinja template; vLLM's
parser/deepseek_v32.py, SGLang's deepseekv32_detector.py.
"""

from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.scanners import dsml
from swiftkit.toolcall.wire_format import Signs

SIGNS = Signs(
    opening={f"<{dsml.MARK}function_calls>": ""},
    closing=dsml.MARKS,
    marks=(),
    call_ends=dsml.CALL_ENDS,
    section_end=f"</{dsml.MARK}function_calls>",
)
parse = dsml.read  # the forms of the other two, too


def render(calls: list[ToolCall]) -> str:
    return dsml.render(calls, "function_calls")
