"""Print the texts of all of ms-swift's own agent templates.

{case: calls} stands on standard input; prints {case: {template: text}}. Importing swift takes
seconds and loads torch, so it has a process of its own.
"""

import json
import sys
from typing import Any

from swift.agent_template import agent_template_map


def rendered(template: str, calls: list[dict[str, Any]]) -> str:
    contents = [json.dumps(call, ensure_ascii=False) for call in calls]
    messages = [{"role": "tool_call", "content": content} for content in contents]
    text: str = agent_template_map[template]()._format_tool_calls(messages)
    return text


texts = {}
for case, calls in json.load(sys.stdin).items():
    texts[case] = {name: rendered(name, calls) for name in agent_template_map}
print(json.dumps(texts))
