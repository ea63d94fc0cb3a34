"""ReAct: an action and its input, each on a line, until the observation that the caller writes.

    Thought: I need the weather.
    Action: get_weather
    Action Input: {"city": "北京"}
    Observation:

What else is read, and what is passed over, is in scanners/action_lines.py.

Written by: prompts of Qwen-Agent, ToolBench and ms-swift's `react_en`.
Read too: Python's dicts; a fence; what follows the observation is passed over.
Limits: one-line names.
Engines: none.

Source: ms-swift's ReactEnAgentTemplate and ReactZnAgentTemplate, Qwen-Agent's ReActChat. ms-swift
writes the arguments as Python prints them ({'city': '北京', 'now': True}), which its prompt does
not ask for ("Format the arguments as a JSON object"); here they are JSON, and both are read.
"""

from swiftkit.toolcall.scanners.action_lines import ActionLines

_FORM = ActionLines("Action", "Action Input", "Observation")
SIGNS, parse, render = _FORM.signs, _FORM.parse, _FORM.render
