"""The calls of Step-3.

    <｜tool_calls_begin｜>
    <｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name="get_weather">
    <steptml:parameter name="city">北京</steptml:parameter>
    </steptml:invoke><｜tool_call_end｜>
    <｜tool_calls_end｜>

Values have no types (scanners/tagged_calls.py, with its limits).

Written by: Step-3.
Limits: untyped; one-line names.
Engines: vLLM and SGLang `step3`.

Source: the chat template of step3; vLLM's step3_tool_parser.py, SGLang's step3_detector.py.
"""

from swiftkit.toolcall.scanners.tagged_calls import TaggedCalls
from swiftkit.toolcall.wire_format import Signs

SIGNS = Signs(
    opening={"<｜tool_calls_begin｜>": ""},
    closing=("<｜tool_calls_end｜>",),
    marks=(),
    call_ends=("<｜tool_call_end｜>",),
    section_end="<｜tool_calls_end｜>",
)
_FORM = TaggedCalls(
    (
        '<｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name="',
        '">\n',
        "\n</steptml:invoke><｜tool_call_end｜>",
    ),
    ('<steptml:parameter name="', '">', "</steptml:parameter>"),
    outer=("<｜tool_calls_begin｜>\n", "\n<｜tool_calls_end｜>"),
    glue="\n",
)
parse, render = _FORM.parse, _FORM.render
