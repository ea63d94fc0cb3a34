"""InternLM2's call: a JSON object between tokens.

    <|action_start|><|plugin|>
    {"name": "get_weather", "parameters": {"city": "北京"}}<|action_end|>

Written by: InternLM2, Intern-S1.
Read too: a blank between the opening tokens, as Intern-S1 writes it.
Engines: vLLM `internlm`, one call without a blank; SGLang `interns1`, calls with it.

Source: the chat template of internlm2_5-7b-chat; vLLM's internlm2_tool_parser.py, SGLang's
internlm_detector.py.
"""

from swiftkit.toolcall.scanners.json_blocks import JsonBlocks

_FORM = JsonBlocks(
    "<|action_start|><|plugin|>\n",
    "<|action_end|>",
    also=("<|action_start|> <|plugin|>",),
    is_list=False,
    keys=("name", "parameters"),
)
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
