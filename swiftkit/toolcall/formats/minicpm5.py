"""The XML of MiniCPM5.

    <function name="get_weather"><param name="city">北京</param></function>

A string with `<`, `&` or a line break stands in a CDATA section.
Values have no types (scanners/tagged_calls.py, with its limits).

Written by: MiniCPM5.
Read too: CDATA for text with `<`, `&` or line breaks.
Limits: untyped; one-line names.
Engines: vLLM and SGLang `minicpm5`.

Source: the chat template of MiniCPM5; rendered as ms-swift's MiniCPM5AgentTemplate does; vLLM's
minicpm5xml_tool_parser.py, SGLang's minicpm5_detector.py.
"""

from swiftkit.toolcall.scanners.tagged_calls import TaggedCalls
from swiftkit.toolcall.wire_format import Signs

SIGNS = Signs(
    opening={'<function name="': ""},
    marks=("<function", "</function>"),
    call_ends=("</function>",),
)
_FORM = TaggedCalls(
    ('<function name="', '">', "</function>"),
    ('<param name="', '">', "</param>"),
    has_cdata=True,
)
parse, render = _FORM.parse, _FORM.render
