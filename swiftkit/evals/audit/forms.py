"""How a reward wants an answer written: tried out on the gold, the form that is paid best wins."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from swiftkit.errors import DataError
from swiftkit.evals.audit.targets import Target
from swiftkit.toolcall.wire_format import load

THOUGHT = "<think>\nLet me work it out step by step.\n</think>\n\n"
PLAIN_ANSWER = "I can answer that without a tool."  # where no call is wanted
_WIRE_FORMATS = (
    "hermes", "qwen3_coder", "llama_json", "plain_json", "mistral", "glm4_5", "deepseek_v3",
    "pythonic", "react", "harmony",
)  # fmt: skip
_ANSWERS = (
    "{}", "<answer>{}</answer>", "\\boxed{{{}}}", "$\\boxed{{{}}}$", "#### {}", "Answer: {}",
    "The answer is {}", "The answer is {}.", "**Answer:** {}", "```python\n{}\n```",
    '{{"answer": "{}"}}', "<answer>\\boxed{{{}}}</answer>", "[[{}]]",
)  # fmt: skip
_TAG = re.compile(r"^<([A-Za-z][\w-]{0,30})>$")
_KEY = re.compile(r"^[A-Za-z_]{2,20}$")
_LEAD = re.compile(r"^[\w #*\[(<-]{1,40}[:：=]\s?$")


class Form(NamedTuple):
    """A way to write an answer: what stands before it, as thoughts, and the answer itself."""

    name: str
    render: Callable[[Any], str]
    thought: str = ""

    def write(self, answer: Any) -> str:
        return self.thought + self.render(answer)


def text_form(pattern: str, thought: str = "") -> Form:
    """Return the form of a pattern with one {} for the answer."""
    before, _, after = pattern.partition("{}")
    before, after = before.replace("{{", "{"), after.replace("}}", "}")

    def render(answer: Any) -> str:
        return f"{before}{answer}{after}"

    name = f"{before}GOLD{after}".replace("\n", "\\n")
    return Form(f"<think>...</think> {name}" if thought else name, render, thought)


def forms_for(target: Target, texts: Sequence[str]) -> list[Form]:
    """Return the forms to try, the simplest first; `texts` stand in the reward's source."""
    if target.kind in ("calls", "silence"):
        return list(_call_forms(target.wire_format))
    patterns = dict.fromkeys([*_ANSWERS, *_patterns_in(texts)])
    plain = [text_form(pattern) for pattern in patterns]
    return plain + [text_form(pattern, THOUGHT) for pattern in patterns]


def _patterns_in(texts: Sequence[str]) -> Iterator[str]:
    """Yield patterns made of the tags and lead-ins that stand in the reward's source."""
    tags = []
    for text in texts:
        match = _TAG.match(text.strip())
        if match and match[1] not in tags:
            tags.append(match[1])
        elif _LEAD.match(text):
            lead = text.replace("{", "{{").replace("}", "}}")
            yield lead.rstrip() + " {}"
            yield "The steps are done.\n" + lead.rstrip() + " {}\n"
    for key in [text for text in texts if _KEY.match(text)][:12]:
        yield f'{{{{"{key}": "{{}}"}}}}'
        yield f'{{{{"{key}": {{}}}}}}'
    for tag in tags:
        yield f"<{tag}>{{}}</{tag}>"
    for last in tags:
        before = "\n".join(f"<{tag}>\nStep by step.\n</{tag}>" for tag in tags if tag != last)
        if before:
            yield f"{before}\n<{last}>\n{{}}\n</{last}>"
            yield f"{before}\n<{last}>{{}}</{last}>"


def _call_forms(wanted: str) -> Iterator[Form]:
    for thought in ("", THOUGHT):
        prefix = "<think>...</think> " if thought else ""
        for name in dict.fromkeys([wanted, *_WIRE_FORMATS]):
            if name:
                yield Form(prefix + name, _renderer(name), thought)
        yield Form(prefix + "JSON list", _json_list, thought)
        # as ToolRL writes it: one line end before the calls
        one_line = thought.rstrip("\n") + "\n" if thought else ""
        yield Form(prefix + "JSON lines in one <tool_call>", _lines_in_block, one_line)
        yield Form(prefix + "<answer> JSON list", _json_in_answer, thought)


def _renderer(name: str) -> Callable[[Any], str]:
    def render(calls: Any) -> str:
        return load(name).render(list(calls)) or PLAIN_ANSWER

    return render


def _json_list(calls: Any) -> str:
    return json.dumps(
        [{"name": call.name, "arguments": call.arguments} for call in calls], ensure_ascii=False
    )


def _json_in_answer(calls: Any) -> str:
    return f"<answer>{_json_list(calls)}</answer>"


def _lines_in_block(calls: Any) -> str:
    """As ToolRL's prompt asks: all calls between one pair of tags, a line each."""
    lines = [json.dumps({"name": call.name, "parameters": call.arguments}) for call in calls]
    return "<tool_call>\n" + "\n".join(lines) + "\n</tool_call>"


def written(form: Form, answer: Any) -> str | None:
    """Return the answer in a form, or None where the form cannot carry it."""
    try:
        return form.write(answer)
    except (DataError, ValueError, TypeError):
        return None
