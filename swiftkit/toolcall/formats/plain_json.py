r"""Calls as JSON and nothing else, in the shapes found in data, in prompts and in API answers.

    {"name": "get_weather", "arguments": {"city": "北京"}}

is written; scanners/json_calls.py shows the other shapes that are read. An answer with words beside
the JSON is prose, and so is JSON that has not the keys of a call, or has others too, such as
{"name": "Ada", "age": 36}.

Written by: xLAM, Hammer, many prompts.
Read too: the call objects of OpenAI, Anthropic, Gemini and LangChain; a list; a fence.
Limits: the whole answer, or one fence.
Engines: vLLM `xlam`: lists, also in a fence beside words.

Source: the prompt formats of instruction data sets, OpenAI's API; Llama's and Mistral's calls are
such values as well; vLLM's xlam_tool_parser.py.
"""

from swiftkit.json_text import written
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.scanners import blocks, json_calls
from swiftkit.toolcall.wire_format import Signs

SIGNS = Signs()  # found as llama_json, which reads the same and Llama's stop tokens too


def render(calls: list[ToolCall]) -> str:
    """Write one call as an object, several as a list."""
    values = [{"name": call.name, "arguments": call.arguments} for call in calls]
    if not values:
        return ""
    return written(values[0] if len(values) == 1 else values)


def parse(text: str) -> Parsed:
    return blocks.read_whole(text, json_calls.read)
