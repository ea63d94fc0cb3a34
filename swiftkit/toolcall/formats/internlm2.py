"""InternLM2's call: a JSON object between tokens.

    <|action_start|><|plugin|>
    {"name": "get_weather", "parameters": {"city": "北京"}}<|action_end|>

Intern-S1 writes a blank between the two opening tokens: read, not written.

Source: the chat template of internlm2_5-7b-chat; the parsers internlm of vLLM and SGLang.
"""

from swiftkit.toolcall.scanners.json_blocks import JsonBlocks

_FORM = JsonBlocks(
    "<|action_start|><|plugin|>\n",
    "<|action_end|>",
    also=("<|action_start|> <|plugin|>",),
    is_list=False,
    keys=("name", "parameters"),
    is_end_optional=True,
)
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
