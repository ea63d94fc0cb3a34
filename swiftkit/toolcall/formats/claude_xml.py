"""Claude's calls as XML.

    <function_calls>
    <invoke name="get_weather">
    <parameter name="city">北京</parameter>
    </invoke>
    </function_calls>

Values have no types (scanners/tagged_calls.py, with its limits).

Written by: Claude 3's prompts.
Read too: the namespace `antml:`.
Limits: untyped; one-line names.
Engines: none; vLLM's `dots` reads the inside.

Source: Anthropic's prompt format of Claude 3; DeepSeek's DSML has the same shape.
"""

from swiftkit.toolcall.scanners.tagged_calls import TaggedCalls
from swiftkit.toolcall.wire_format import Signs

_NAMESPACE = "antml:"
SIGNS = Signs(
    opening={"<function_calls>": "", f"<{_NAMESPACE}function_calls>": ""},
    closing=("</function_calls>", f"</{_NAMESPACE}function_calls>"),
    marks=(),
    call_ends=("</invoke>", f"</{_NAMESPACE}invoke>"),
    section_end="</function_calls>",
)
_FORM = TaggedCalls(
    ('<invoke name="', '">\n', "\n</invoke>"),
    ('<parameter name="', '">', "</parameter>"),
    outer=("<function_calls>\n", "\n</function_calls>"),
    glue="\n",
    prefix=_NAMESPACE,
)
parse, render = _FORM.parse, _FORM.render
