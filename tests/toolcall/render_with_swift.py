"""What ms-swift's own agent templates write for the calls on standard input: {template: text} as JSON.

Run as a script by test_swift_renders.py: importing swift takes seconds and loads torch.
"""

import json
import sys

from swift.agent_template import agent_template_map

messages = [{"role": "tool_call", "content": json.dumps(call, ensure_ascii=False)} for call in json.load(sys.stdin)]
texts = {name: agent_template_map[name]()._format_tool_calls(messages) for name in sys.argv[1:]}
sys.stdout.write(json.dumps(texts))
