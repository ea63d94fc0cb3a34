r"""Find call-like markup in an answer in which no known format reads a call.

Such an answer is not "no call": somebody's parser may read it, and a reward that took it for
silence would pay a call where none is wanted. What counts:

1. markup named like a call before JSON, whatever the tool: `<tool_use>{"...`, `[TOOL_REQUEST] {}`
2. JSON with a key for a name and the key "arguments", whatever the tool
3. an offered tool in the place of a name: `"tool": "f"` where a line begins with the object, or
   where one with arguments does anywhere; `{"f": ...`, `<f>`, `<run fn="f"/>`, `<tool>f</tool>`,
   `[TOOL: f]`, `call_tool("f", ...)`, `Action: f` with another label on the next line
4. an offered tool before an object of its parameters, `f {"city": "Oslo"}`, or before arguments
   that are literals or have names, where it stands in brackets or nearly alone on its line:
   `[f(city="Oslo")]`, `x = f(5)`

A tool whose name is a plain word, such as search, needs one of its parameters beside it in 4 and is
no tag. Prose about tools is none of these: "I can look that up with f(city)", "f: {"status": 1}",
a list of what was done, HTML.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from swiftkit.toolcall.alternatives import any_of

_SHOWN = 60
_BEGINNINGS = "<[{(:：=《【‹"
_JSON = r"\{\s*+[\"'}]"
_WORD = r"(?:tool|function|func|call|action|invoke|execute|command|plugin|api|skill)"
_NAME_KEY = (
    r"(?:name|tool|tool_?name|function|function_?name|func|recipient_name|action|api|command)"
)
_ARGUMENT_KEY = (
    r"(?:arguments|parameters|args|params|kwargs|input|tool_?input|action_?input|function_?args)"
)
_MARKUP = re.compile(
    # <tool_use>{", [TOOL_REQUEST] {", <tool_call {"
    rf"[<\[【‹][|｜/]?(?:[\w.:▁-]{{0,40}}[_.:▁-])?{_WORD}s?_?(?:call|use|request)?s?"
    rf"(?:[_.:▁-][\w.:▁-]{{0,40}})?[|｜]?[>\]】›]?\s*+\[?\s*+{_JSON}",
    re.IGNORECASE,
)
_JSON_NAME = re.compile(rf"\{{\s*+[\"']{_NAME_KEY}[\"']\s*+:\s*+[\"'][^\"'\n]{{1,100}}[\"']")
_JSON_ARGUMENTS = re.compile(r"[\"']arguments[\"']\s*+:\s*+[\[{\"']")
_LABELS = (
    r"(?:json|action[ _]input|input|args|arguments|params|parameters|参数|输入|动作输入|参数输入)"
)
_LABEL = r"(?:tool|function|func|action|name|call|api|command|工具|动作|函数|调用)"

Tools = Sequence[Mapping[str, Any]]


def call_like(text: str, tools: Tools) -> str:
    """Return the beginning of what looks like a call in a text, or "".

    tools: definitions of the tools on offer, in OpenAI's form or bare functions.
    """
    if not any(sign in text for sign in _BEGINNINGS):
        return ""
    found = _MARKUP.search(text)
    if not found and "arguments" in text and _JSON_ARGUMENTS.search(text):
        found = _JSON_NAME.search(text)
    if not found:
        functions = [tool.get("function", tool) for tool in tools]
        names = tuple(sorted([function["name"] for function in functions]))
        if any(name in text for name in names):
            found = _call_of(names, _parameters(functions)).search(text)
    return text[found.start() : found.start() + _SHOWN] if found else ""


def _parameters(functions: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    names: set[str] = set()
    for function in functions:
        properties = (function.get("parameters") or {}).get("properties")
        names.update(properties if isinstance(properties, dict) else ())
    return tuple(sorted(names))


@lru_cache(maxsize=1024)  # a row's tools are those of many completions
def _call_of(names: tuple[str, ...], parameters: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of a call of any of these tools."""
    patterns = _in_the_place_of_a_name(names) + _before_parameters(names, parameters)
    if distinctive := tuple(name for name in names if not name.isalpha() or not name.islower()):
        patterns += _of_distinctive(distinctive)
    return re.compile("|".join(patterns), re.IGNORECASE | re.MULTILINE)


def _name(names: Sequence[str]) -> str:
    return rf"(?-i:(?<![\w-]){any_of(names)}(?![\w-]))"


def _in_the_place_of_a_name(names: Sequence[str]) -> list[str]:
    name = _name(names)
    quoted = rf"[\"']?(?:\w{{1,20}}[.:/])?{name}[\"']?"
    key = rf"[\"']?{_NAME_KEY}[\"']?\s*+:\s*+{quoted}"
    mark, colon = r"[^\w\n]{0,8}", r"[^\w\n]{0,3}[:：=]"
    return [
        rf"^[^\w\n{{}}\[]{{0,20}}\[?\{{\s*+{key}",
        rf"\{{\s*+{key}\s*+,\s*+[\"']?{_ARGUMENT_KEY}[\"']?\s*+:",
        rf"\A\s*+[\[{{]\s*+[\"']{name}[\"']\s*+[,:]",
        rf"[\[【<(‹]{{1,3}}\s{{0,4}}{_LABEL}\w{{0,10}}\s{{0,4}}[:：=]\s{{0,4}}{quoted}",
        rf"<[\w:-]{{0,20}}(?:{_WORD}|name)[\w:-]{{0,20}}>\s*+{name}\s*+[<({{]",
        rf"<[\w:-]{{0,20}}{_WORD}[\w:-]{{0,20}}\s[^<>\n]{{0,60}}=\s?[\"']?{name}[\"']?[\s/>]",
        rf"(?:call|invoke|execute|run|use)\w{{0,20}}\(\s*+[\"']{name}[\"']",
        rf"^{mark}{_LABEL}\w{{0,10}}[^\w\n]{{1,8}}{quoted}{mark}\n{mark}[\w ]{{1,20}}{colon}",
        rf"^{mark}{_LABEL}\w{{0,10}}[^\w\n]{{1,8}}{quoted}{mark}{_LABELS}{colon}",
        rf"{_LABEL}[\W_]{{0,3}}(?:calls?)?[\W_]{{0,3}}(?:begin|start)?[^\w\s]{{1,5}}{name}[|｜>\]】]",
    ]


def _before_parameters(names: Sequence[str], parameters: Sequence[str]) -> list[str]:
    name, gap = _name(names), rf"[^\w{{}}()]{{0,20}}(?:{_LABELS}[^\w{{}}()]{{0,20}}){{0,2}}"
    if not parameters:
        return [rf"{name}{gap}\{{\s*+\}}"]
    parameter = rf"(?-i:{any_of(parameters)})"
    return [
        rf"{name}{gap}\(?\s*+\{{\s*+(?:[\"']?{parameter}[\"']?\s*+:|\}})",
        rf"(?:^|[\[<>(=`]|[.:!：。]\s{{1,4}}){name}\(\s*+{parameter}\s*+=[^\n]{{0,2000}}\)"
        r"[^\w\n]{0,20}(?:$|[<\]])",
        rf"\[\s*+{name}\(\s*+{parameter}\s*+=",
        rf"{name}[^\w{{}}()]{{0,40}}tool_call\(\s*+{parameter}\s*+=",
    ]


def _of_distinctive(names: Sequence[str]) -> list[str]:
    name = _name(names)
    literal = r"(?=[^()\n]{0,200}(?:=|[\"'\d\[{]|True|False|None|true|false|null))"
    arguments = rf"\({literal}[^\n]{{0,2000}}\)"
    tag = r"[<‹][^<>‹\s]{1,30}>"
    before = rf"(?:[\w.]{{1,40}}\s?=\s?|\w{{1,20}}\.|await\s|return\s|print\(|{tag})*"
    return [
        rf"<[|｜]?\s{{0,4}}{name}(?:\s[^<>\n]{{0,200}})?[|｜]?/?>",
        rf"<[\w:-]{{1,40}}\s[^<>\n]{{0,100}}=\s?[\"']?{name}[\"']?[\s/>]",
        rf"(?:function|tool|name|to)\s?=\s?[\"']?{name}",
        rf"^(?![^\w\n]{{0,4}}[-*•]\s)[^\w\n]{{0,20}}{before}{name}{arguments}[^\w\n]{{0,20}}(?:<|‹|$)",
        rf"[\[<]\s*+{name}{arguments}",
        rf"[《【]{name}[》】]",
    ]
