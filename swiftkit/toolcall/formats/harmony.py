r"""Harmony, the wire format of gpt-oss; everything about it stands in toolcall/harmony/.

     to=functions.weather<|channel|>commentary json<|message|>{"city": "北京"}<|call|>

Written by: gpt-oss.
Read too: the recipient behind the channel; answers of servers that skip special tokens.
Limits: names without white space and `<|`.
Engines: vLLM `openai`; SGLang `gpt-oss`.

Source: openai/harmony, docs/format.md; see harmony/answer.py; vLLM's parser/harmony.py, SGLang's
gpt_oss_detector.py.
"""

from swiftkit.toolcall.harmony import answer, stripped
from swiftkit.toolcall.wire_format import Signs

SIGNS = Signs(
    opening={answer.START: "", answer.CHANNEL: "", answer.MESSAGE: ""}, is_sure=stripped.is_sure
)
parse = answer.parse
render = answer.render
