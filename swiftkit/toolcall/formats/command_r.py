"""Calls of Cohere's Command R: a fenced JSON list behind the word Action.

    Action: ```json
    [
        {"tool_name": "get_weather", "parameters": {"city": "北京"}}
    ]```

Without a fence of JSON the word is prose.

Written by: Command R, R+.
Read too: LangChain's `action` and `action_input`.
Engines: none.

Source: the tool-use template of c4ai-command-r-v01 and command-r-plus.
"""

from swiftkit.toolcall.scanners.json_blocks import JsonBlocks

_FORM = JsonBlocks(
    "Action: ```json\n",
    "```",
    also=("Action: ```",),
    is_word=True,
    keys=("tool_name", "parameters"),
)
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
