"""Qwen2's and Qwen2.5's calls between ✿, before they spoke Hermes.

    ✿FUNCTION✿: get_weather
    ✿ARGS✿: {"city": "北京"}
    ✿RESULT✿:

What else is read, and what is passed over, is in scanners/action_lines.py.

Written by: Qwen2, Qwen2.5 in Qwen-Agent, ms-swift's `qwen_en` and siblings.
Read too: as `react`.
Limits: as `react`.
Engines: none.

Source: Qwen-Agent's qwen_fncall_prompt.py; ms-swift's QwenEnAgentTemplate and its three siblings
write the arguments as Python prints them: read, not written.
"""

from swiftkit.toolcall.scanners.action_lines import ActionLines

_FORM = ActionLines("✿FUNCTION✿", "✿ARGS✿", "✿RESULT✿")
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
