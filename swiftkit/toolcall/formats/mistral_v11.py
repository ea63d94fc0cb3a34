"""Mistral's calls since tokenizer v11, each with its own tag.

    [TOOL_CALLS]get_weather[ARGS]{"city": "北京"}[TOOL_CALLS]now[ARGS]{}

Written by: Mistral Small 3.2, Magistral, Devstral.
Read too: `[CALL_ID]`; without `[ARGS]`.
Limits: one-line names.
Engines: vLLM and SGLang `mistral`.

Source: mistral-common, tokenizers v11 and v13 (Mistral-Small-3.2, Magistral, Devstral). v11 alone
writes a [CALL_ID] before [ARGS]; it is read, not written. ms-swift has no template for this form;
vLLM's parser/mistral.py, SGLang's mistral_detector.py.
"""

from swiftkit.json_text import written
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.scanners import blocks, mistral
from swiftkit.toolcall.wire_format import Signs

SIGNS = Signs(marks=mistral.MARKS)  # found as mistral, which reads the same
parse = mistral.read  # mistral.py's form too


def render(calls: list[ToolCall]) -> str:
    text = ""
    for call in calls:
        blocks.check_name(call.name, "Mistral")
        text += f"{mistral.TOOL_CALLS}{call.name}{mistral.ARGS}{written(call.arguments)}"
    return text
