"""The XML of Seed-OSS.

    <seed:tool_call>
    <function=get_weather>
    <parameter=city>北京</parameter>
    </function>
    </seed:tool_call>

Values have no types (scanners/tagged_calls.py, with its limits).

Source: the chat template of Seed-OSS-36B-Instruct; rendered as ms-swift's SeedAgentTemplate does.
"""

from swiftkit.toolcall.scanners.tagged_calls import TaggedCalls
from swiftkit.toolcall.wire_format import Signs

SIGNS = Signs(opening={"<seed:tool_call>": ""}, closing=("</seed:tool_call>",))
_FORM = TaggedCalls(
    ("<seed:tool_call>\n<function=", ">\n", "</function>\n</seed:tool_call>"),
    ("<parameter=", ">", "</parameter>\n"),
)
parse, render = _FORM.parse, _FORM.render
