"""The XML of Hunyuan V3.

    <tool_calls:opensource>
    <tool_call:opensource>get_weather<tool_sep:opensource>
    <arg_key:opensource>city</arg_key:opensource>
    <arg_value:opensource>北京</arg_value:opensource>
    </tool_call:opensource>
    </tool_calls:opensource>

The preview's tags have no `:opensource`: read, not written.
Values have no types (scanners/tagged_calls.py, with its limits).

Written by: Hunyuan V3.
Read too: without `:opensource`; without the last tag.
Limits: untyped; one-line names.
Engines: vLLM `hy_v3`; SGLang `hunyuan`.

Source: the chat template of Hy3; rendered as ms-swift's HyV3AgentTemplate does; vLLM's
hy_v3_tool_parser.py, SGLang's hunyuan_detector.py.
"""

from swiftkit.toolcall.scanners.tagged_calls import TaggedCalls
from swiftkit.toolcall.wire_format import Signs

_SUFFIX = ":opensource"
SIGNS = Signs(
    opening={
        f"<tool_calls{_SUFFIX}>": "",
        "<tool_calls>": r"\s*+<tool_call>[^<>{}]++<tool_sep>",
    },
    closing=(f"</tool_calls{_SUFFIX}>",),
    marks=("</tool_calls>",),
    call_ends=(f"</tool_call{_SUFFIX}>", "</tool_call>"),
    section_end=f"</tool_calls{_SUFFIX}>",
)
_FORM = TaggedCalls(
    (
        f"<tool_call{_SUFFIX}>",
        f"<tool_sep{_SUFFIX}>\n",
        f"\n</tool_call{_SUFFIX}>",
    ),
    (
        f"<arg_key{_SUFFIX}>",
        f"</arg_key{_SUFFIX}>\n<arg_value{_SUFFIX}>",
        f"</arg_value{_SUFFIX}>",
    ),
    outer=(f"<tool_calls{_SUFFIX}>\n", f"\n</tool_calls{_SUFFIX}>"),
    is_outer_end_optional=True,
    glue="\n",
    suffix=_SUFFIX,
)
parse, render = _FORM.parse, _FORM.render
