"""Calls of Phi-4-mini and FireFunction: a word, and a JSON list behind it.

    functools[{"name": "get_weather", "arguments": {"city": "北京"}}]

The word is prose where no JSON list follows.

Written by: Phi-4-mini, FireFunction.
Engines: vLLM `phi4_mini_json`, which ends the list at its first `]`.

Source: the model cards of Phi-4-mini-instruct and firefunction-v2; vLLM's phi4mini_tool_parser.py.
"""

from swiftkit.toolcall.scanners.json_blocks import JsonBlocks

_FORM = JsonBlocks("functools", is_word=True)
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
