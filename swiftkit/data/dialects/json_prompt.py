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
    r"[^\n.]*\b(?:functions?|tools?|APIs?)\b[^\n.]*[:：-]\s*\0", re.IGNORECASE
)
_GAP = "\0"  # where a tool stood
_AROUND = (  # the tags that chat templates write around tools
    ("[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"),
    ("[BEGIN OF AVAILABLE TOOLS]", "[END OF AVAILABLE TOOLS]"),
    ("<AVAILABLE_TOOLS>", "</AVAILABLE_TOOLS>"),
    ("<tool_definitions>", "</tool_definitions>"),
    ("<functions>", "</functions>"),
    ("<|tool|>", "<|/tool|>"),
    ("<|bom|><|tool|>", "<|eom|>"),
    ("<|tool_list_start|>", "<|tool_list_end|>"),
    ("<|im_system|>tool_declare<|im_middle|>", "<|im_end|>"),
)
_OPENING = tuple(begin for begin, _ in _AROUND)
_TAGGED = re.compile(
    "|".join(rf"{re.escape(begin)}\s*{_GAP}\s*{re.escape(end)}" for begin, end in _AROUND)
)
_HEADINGS = re.compile(  # of the tools, and of the one tool
    r"(?:(?:\A|\n)\s*#+ [^\n]*(?:tools?|functions?|APIs?|工具|函数)[^\n]*\s*)?"
    rf"(?:(?:\A|\n)\s*#+ [\w.-]+\s*)?{_GAP}",
    re.IGNORECASE,
)
_BETWEEN = re.compile(rf"{_GAP}(?:[\s,;]*{_GAP})+")
_SENTENCES = re.compile(
    r"""Given\ the\ following\ functions,\ please\ respond\ with\ a\ JSON\ for\ a\ function\ call
      [^\n]*?prompt\.\s*
    | You\ have\ access\ to\ the\ following\ functions\.\ To\ call\ a\ function,\ please\ respond
      \ with\ JSON\ for\ a\ function\ call\.\s*
    | When\ a\ tool\ is\ required\ to\ answer\ the\ user's\ query,\ respond\ with\ <\|tool_call\|>
      \ followed\ by\ a\ JSON\ list\ of\ tools\ used\.\s*
    | <\|tools\|>\s*
    | 在调用上述函数时，请使用\ Json\ 格式表示调用的参数。\s*
    | Respond\ in\ the\ format\ \{"name":\ function\ name[^}\n]*\}\s*[.]?\s*
      (?:Do\ not\ use\ variables\.\s*)?
    | \[/?AVAILABLE_TOOLS\]\s*
    """,
    re.VERBOSE,
)


def may_hold_tools(text: str) -> bool:
    """Tell cheaply whether a text may hold tools as JSON."""
    return '"name"' in text and ('"parameters"' in text or '"description"' in text)


def _announces(text: str) -> bool:
    """Tell whether a text that ends before tools says that tools follow."""
    return _ANNOUNCEMENT.search(f"{text}{_GAP}") is not None or text.rstrip().endswith(_OPENING)


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
        is_announced = are_tools(value) and (tools or _announces(before))
        if is_announced or are_surely_tools(value):
            kept.append(before)
            tools += listed(value)
            done = end
    if not tools:
        return text, []
    kept.append(text[done:])
    rest = _TAGGED.sub(_GAP, _BETWEEN.sub(_GAP, _GAP.join(kept)))
    rest = _HEADINGS.sub(_GAP, _ANNOUNCEMENT.sub(_GAP, rest)).replace(_GAP, "")
    return _SENTENCES.sub("", rest).strip(), tools
