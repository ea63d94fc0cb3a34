"""The XML of Seed-OSS.

    <seed:think>I need the weather.</seed:think><seed:tool_call>
    <function=get_weather>
    <parameter=city>北京</parameter>
    </function>
    </seed:tool_call>

What else is read, and the limits of values without types, are in scanners/function_xml.py.

Written by: Seed-OSS.
Read too: as `qwen3_coder`.
Limits: as `qwen3_coder`.
Engines: vLLM `seed_oss`.

Source: the chat template of Seed-OSS-36B-Instruct; rendered as ms-swift's SeedAgentTemplate does;
vLLM's parser/seed_oss.py.
"""

from swiftkit.toolcall.scanners.function_xml import FunctionXml

_FORM = FunctionXml("<seed:tool_call>", "</seed:tool_call>", padding="")
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
