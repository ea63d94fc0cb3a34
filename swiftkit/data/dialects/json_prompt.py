r"""Tools as JSON in a system text, with or without a sentence on how to call them.

    Given the following functions, please respond with a JSON for a function call with its proper
    arguments that best answers the given prompt.

    Respond in the format {"name": function name, "parameters": dictionary of argument name and its
    value}. Do not use variables.

    {"name": "get_weather", "description": "...", "parameters": {...}}

Source: the prompts of Llama 3.1 and of Mistral ([AVAILABLE_TOOLS]), and data made with prompts of
one's own. The tools are found by their form, a list or one after the other; those whose parameters
have no types only where a line announces tools. That line goes too.
"""

import re
from typing import Any

from swiftkit.data.json_values import listed
from swiftkit.toolcall.python_literal import json_at
from swiftkit.toolcall.tools import are_surely_tools, are_tools

_BEGIN = re.compile(r"\[\s*\{|\{")
_ANNOUNCEMENT = re.compile(
    r"[^\n.]*\b(?:functions?|tools?|APIs?)\b[^\n.]*[:：-]\s*\Z", re.IGNORECASE
)
_SENTENCES = re.compile(
    r"""Given\ the\ following\ functions,\ please\ respond\ with\ a\ JSON\ for\ a\ function\ call
      [^\n]*?prompt\.\s*
    | Respond\ in\ the\ format\ \{"name":\ function\ name[^}\n]*\}\s*[.]?\s*
      (?:Do\ not\ use\ variables\.\s*)?
    | \[/?AVAILABLE_TOOLS\]\s*
    """,
    re.VERBOSE,
)


def may_hold_tools(text: str) -> bool:
    """Tell cheaply whether a text may hold tools as JSON."""
    return '"name"' in text and ('"parameters"' in text or '"description"' in text)


def without_prompt(text: str, where: str) -> tuple[str, list[Any]]:
    """Return a system text without the tools in it, and these."""
    tools: list[Any] = []
    kept: list[str] = []
    done = 0  # the position up to which the text is in `kept`, or was a tool
    position = 0
    while begin := _BEGIN.search(text, position):
        try:
            value, end = json_at(text, begin.start(), where)
        except (ValueError, RecursionError):
            position = begin.start() + 1
            continue
        position = end
        before = text[done : begin.start()]
        # what is not surely tools may be products, unless a line announces tools
        is_announced = are_tools(value) and (tools or _ANNOUNCEMENT.search(before))
        if is_announced or are_surely_tools(value):
            kept.append(_ANNOUNCEMENT.sub("", before))
            tools += listed(value)
            done = end
    if not tools:
        return text, []
    kept.append(text[done:])
    return _SENTENCES.sub("", "".join(kept)).strip(), tools
