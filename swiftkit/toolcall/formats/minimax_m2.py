"""The XML of MiniMax-M2.

    <minimax:tool_call>
    <invoke name="get_weather">
    <parameter name="city">北京</parameter>
    </invoke>
    </minimax:tool_call>

Values have no types (scanners/tagged_calls.py, with its limits).

Written by: MiniMax-M2.
Read too: without the outer tags; names in other quotes or none.
Limits: untyped; one-line names.
Engines: vLLM `minimax_m2`; SGLang `minimax-m2`.

Source: the chat template of MiniMax-M2; rendered as ms-swift's MinimaxM2AgentTemplate does; vLLM's
parser/minimax_m2.py, SGLang's minimax_m2.py.
"""

from swiftkit.toolcall.scanners.tagged_calls import TaggedCalls
from swiftkit.toolcall.wire_format import Signs

SIGNS = Signs(
    opening={"<minimax:tool_call>": "", "<invoke name=": ""},
    closing=("</minimax:tool_call>",),
    marks=("<invoke",),
    call_ends=("</invoke>",),
    section_end="</minimax:tool_call>",
)
_FORM = TaggedCalls(
    ('<invoke name="', '">\n', "\n</invoke>"),
    ('<parameter name="', '">', "</parameter>"),
    outer=("<minimax:tool_call>\n", "\n</minimax:tool_call>"),
    is_outer_optional=True,
    glue="\n",
)
parse, render = _FORM.parse, _FORM.render
