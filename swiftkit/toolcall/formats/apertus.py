"""Apertus' calls: a JSON list between tokens, in which the name is the key of the arguments.

    <|tools_prefix|>[{"get_weather": {"city": "北京"}}]<|tools_suffix|>

Source: the chat template of Apertus-8B-Instruct-2509; vLLM's parser apertus.
"""

from swiftkit.toolcall.scanners.json_blocks import JsonBlocks

_FORM = JsonBlocks("<|tools_prefix|>", "<|tools_suffix|>", keys=None, stops=("<|assistant_end|>",))
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
