"""The XML of Qwen3-Coder and Qwen3.5.

    <tool_call>
    <function=get_weather>
    <parameter=city>
    北京
    </parameter>
    </function>
    </tool_call>

What else is read, and the limits of values without types, are in scanners/function_xml.py.

Written by: Qwen3-Coder, Qwen3.5, Step-3.5, MiMo-V2, Nemotron 3.
Read too: without `<tool_call>`, a last `</tool_call>`, `</function>` or `</parameter>`; several
functions in one.
Limits: untyped; names without `<` `>`; no tag inside a string.
Engines: vLLM `qwen3_coder`, `qwen3_xml`, `mimo`, `step3p5`; SGLang `qwen3_coder`, `mimo`,
`step3p5`.

Source: the chat template of Qwen3-Coder; rendered as ms-swift's Qwen3CoderAgentTemplate and
Qwen3_5AgentTemplate do; vLLM's parser/qwen3.py, SGLang's qwen3_coder_detector.py and
mimo_detector.py.
"""

from swiftkit.toolcall.scanners.function_xml import FUNCTION, FunctionXml

_FORM = FunctionXml("<tool_call>", "</tool_call>", padding="\n")
# </tool_call> is hermes' where no function stands before it
SIGNS = _FORM.signs._replace(
    opening={**_FORM.signs.opening, FUNCTION: ""}, closing=("</function>",)
)
parse, render = _FORM.parse, _FORM.render
