"""Nemotron's calls: a JSON list between tags.

    <TOOLCALL>[{"name": "get_weather", "arguments": {"city": "北京"}}]</TOOLCALL>

Written by: Nemotron Nano.
Read too: one object.
Engines: none; the plugin that the models bring.

Source: the chat templates of Llama-3.1-Nemotron-Nano and Nemotron-Nano-9B-v2; the plugin
nemotron_json for vLLM that comes with the models.
"""

from swiftkit.toolcall.scanners.json_blocks import JsonBlocks

_FORM = JsonBlocks("<TOOLCALL>", "</TOOLCALL>")
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
