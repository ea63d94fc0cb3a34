"""What ms-swift's own agent templates write: `render_with_swift.py TEMPLATE...`, {case: calls} on
standard input.

Prints {case: {template: text}}. Importing swift takes seconds and loads torch, so it has a process
of its own.
"""

import json
import sys
from typing import Any

from swift.agent_template import agent_template_map


def rendered(template: str, calls: list[dict[str, Any]]) -> str:
    messages = [
        {"role": "tool_call", "content": json.dumps(call, ensure_ascii=False)} for call in calls
    ]
    text: str = agent_template_map[template]()._format_tool_calls(messages)
    return text


cases = json.load(sys.stdin)
print(
    json.dumps(
        {
            case: {name: rendered(name, calls) for name in sys.argv[1:]}
            for case, calls in cases.items()
        }
    )
)
