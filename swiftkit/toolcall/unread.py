r"""Find call-like markup in an answer in which no known format reads a call.

Such an answer is not "no call": somebody's parser may read it, and a reward that took it for
silence would pay a call where none is wanted. What counts:

1. markup named like a call, whatever the tool: `<tool_use>{"name": ...`, `<function_call name=`
2. JSON with a key for a name and the key "arguments", whatever the tool
3. an offered tool in the place of a name: `{"tool": "f"` with nothing beside it but arguments,
   `<f>`, `<run fn="f"/>`, `<tool>f</tool>`, `[TOOL: f]`, `call_tool("f", ...)`, `Action: f` with
   its input on the next line
4. an offered tool before an object of its parameters and of nothing else, `f {"city": "Oslo"}`, or
   before arguments that are literals or have names, where it stands in brackets or nearly alone on
   its line: `[f(city="Oslo")]`, `x = f(5)`

A tool whose name is a plain word, such as search, needs one of its parameters beside it in 4 and is
no tag. Prose about tools is none of these: "I can look that up with f(city)", a result, a list of
what was done, `1. f(city="Oslo")`, code in the midst of words, HTML.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from swiftkit.json_text import raw_decode
from swiftkit.toolcall.alternatives import any_of

_SHOWN = 60
_BEGINNINGS = "<[{(:：=《【‹"
_NAME_KEYS = (
    "name tool tool_name toolName function function_name func recipient_name action api command"
    " task"
).split()
_ARGUMENT_KEYS = (
    "arguments parameters args params kwargs input tool_input toolInput action_input function_args"
).split()
_BESIDE = frozenset((*_NAME_KEYS, *_ARGUMENT_KEYS, "id", "type", "call_id", "dep"))
_NAME_KEY, _ARGUMENT_KEY = any_of(_NAME_KEYS), any_of(_ARGUMENT_KEYS)
_KEY = rf"[\"'](?:{_NAME_KEY}|{_ARGUMENT_KEY})[\"']\s*+:"
_WORD = r"(?:tool|function|func|call|action|invoke|execute|command|plugin|api|skill)"
_STRONG = (
    r"(?:(?:tool|function)s?_?(?:call|use|request|invocation)s?|call_?(?:tool|function)|invoke)"
)
_TAG_BEGIN = r"[<\[【‹][|｜/]?(?:[\w.▁-]{0,40}[_.:▁-])?"
_MARKUP = re.compile(
    # <tool_use>{"a":, [TOOL_REQUEST] {}, <tool_call {"name":, <tool_use><name>, <tool_call name=
    rf"{_TAG_BEGIN}{_STRONG}(?:[_.:▁-](?!resp|res|out)[\w.:▁-]{{0,40}})?(?:"
    r"[|｜]?[>\]】›]?\s*+\[?\s*+(?:\{\s*+[\"'][^\"'\n]{1,60}[\"']\s*+:|\{\s*+\})"
    r"|[|｜]?>\s*+<[\w:]|\s{1,4}\w{1,20}\s?=)"
    # <tool>{"name":, [FUNCTION] {"arguments":
    rf"|{_TAG_BEGIN}{_WORD}s?[|｜]?[>\]】›]\s*+\[?\s*+\{{\s*+{_KEY}"
    # <tool_name>f
    r"|<(?:tool|function)[_-]name>\s*+\w"
    # {"command": {"name": "f", "args": {
    rf"|[\"'](?:command|tool|function|function_call|tool_call|action)[\"']\s*+:\s*+\{{\s*+[\"']name[\"']",
    re.IGNORECASE,
)
_JSON_NAME = re.compile(rf"\{{\s*+[\"']{_NAME_KEY}[\"']\s*+:\s*+[\"'][^\"'\n]{{1,100}}[\"']")
_JSON_ARGUMENTS = re.compile(
    r"[\"'](?:arguments[\"']\s*+:\s*+[{\"']|(?:tool|function|command)[\"']\s*+:\s*+[\"'][^\"'\n]{1,100}[\"']"
    r"\s*+,\s*+[\"']arguments[\"']\s*+:\s*+\[)"
)
_LABELS = (
    r"(?:json|action[ _]input|input|args|arguments|params|parameters|参数|输入|动作输入|参数输入)"
)
_LABEL = r"(?:tool|function|func|action|name|call|api|command|工具|动作|函数|调用)"
_HTML = (
    r"(?:a|button|input|form|meta|param|slot|div|span|select|textarea|iframe|object|map|output)\b"
)

Tools = Sequence[Mapping[str, Any]]


class _Calls(NamedTuple):
    """How calls of the tools on offer may look; an object in them holds `keys` alone."""

    pattern: re.Pattern[str]
    keys: frozenset[str]


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
            found = _call_in(text, _calls_of(names, _parameters(functions)))
    return text[found.start() : found.start() + _SHOWN] if found else ""


def _call_in(text: str, calls: _Calls) -> re.Match[str] | None:
    for found in calls.pattern.finditer(text):
        if _is_of_a_call(text, found, calls.keys) and not _is_amid_words(text, found):
            return found
    return None


def _is_of_a_call(text: str, found: re.Match[str], keys: frozenset[str]) -> bool:
    """Tell if the object that was found, if it is JSON, holds nothing but arguments."""
    start = found.start("object")
    start = start if start >= 0 else found.start("call")
    if start < 0:
        return True
    try:
        value, _ = raw_decode(text, start)
    except (ValueError, RecursionError):
        return True
    return keys.issuperset(value) if isinstance(value, dict) else True


def _is_amid_words(text: str, found: re.Match[str]) -> bool:
    """Tell if what was found is code in a fence that words follow: an example, not a call."""
    if text.count("```", 0, found.start()) % 2 == 0:
        return False
    _, closed, rest = text[found.end() :].partition("```")
    return bool(closed) and len(re.findall(r"\w+", rest[:400])) > 1


def _parameters(functions: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    names: set[str] = set()
    for function in functions:
        properties = (function.get("parameters") or {}).get("properties")
        names.update(properties if isinstance(properties, dict) else ())
    return tuple(sorted(names))


@lru_cache(maxsize=1024)  # a row's tools are those of many completions
def _calls_of(names: tuple[str, ...], parameters: tuple[str, ...]) -> _Calls:
    patterns = _in_the_place_of_a_name(names, parameters) + _before_parameters(names, parameters)
    if distinctive := tuple(name for name in names if not name.isalpha() or not name.islower()):
        patterns += _of_distinctive(distinctive)
    pattern = re.compile("|".join(patterns), re.IGNORECASE | re.MULTILINE)
    return _Calls(pattern, frozenset(parameters) | _BESIDE)


def _name(names: Sequence[str]) -> str:
    return rf"(?-i:(?<![\w-]){any_of(names)}(?![\w-]))"


def _in_the_place_of_a_name(names: Sequence[str], parameters: Sequence[str]) -> list[str]:
    name = _name(names)
    quoted = rf"[\"']?(?:\w{{1,20}}[.:/])?{name}[\"']?"
    key = rf"[\"']?{_NAME_KEY}[\"']?\s*+:\s*+{quoted}"
    mark, colon = r"[^\w\n]{0,8}", r"[^\w\n]{0,3}[:：=]"
    label = rf"^{mark}(?:\w{{1,12}} )?{_LABEL}(?:[\w ]{{0,10}})"
    value = r"\s*+[{\"'\[]"
    if parameters:
        value = rf"\s*+(?:[{{\"'\[]|(?-i:{any_of(parameters)})\s*+[:=])"
    return [
        rf"^[^\w\n{{}}\[]{{0,20}}\[?(?P<call>\{{)\s*+{key}",
        rf"\{{[^{{}}]{{0,200}}{key}[^{{}}]{{0,200}}[\"']?{_ARGUMENT_KEY}[\"']?\s*+(?::|\Z)",
        rf"^[^\w\n{{}}\[]{{0,20}}\[\{{[^{{}}\n]{{0,200}}[\"'](?:tool|function)(?:_name)?[\"']\s*+:\s*+{quoted}",
        rf"\A\s*+[\[{{]\s*+[\"']{name}[\"']\s*+[,:]",
        rf"[\[【<(‹]{{1,3}}\s{{0,4}}{_LABEL}\w{{0,10}}\s{{0,4}}[:：=]\s{{0,4}}{quoted}",
        rf"<[\w:-]{{0,20}}(?:{_WORD}|name)[\w:-]{{0,20}}>\s*+{name}\s*+[<({{]",
        rf"<[\w:-]{{0,20}}{_WORD}[\w:-]{{0,20}}\s[^<>\n]{{0,60}}=\s?[\"']?{name}[\"']?[\s/>]",
        rf"(?:call|invoke|execute|run|use)\w{{0,20}}\(\s*+[\"']{name}[\"']",
        rf"{label}[^\w\n]{{1,8}}{quoted}{mark}(?:\n{mark})?(?:\w{{1,12}} )?{_LABELS}{colon}{value}",
        # cut off behind the name
        rf"(?:^|[.:!。：]\s){mark}(?:action|✿FUNCTION✿)\s?[:：]\s?{name}{mark}\n[^\n{{}}]{{0,20}}\Z",
        rf"^{mark}(?:\w{{1,12}} )?action\s?\d{{0,2}}\s?[:：]\s?{name}\[",
        rf"{_LABEL}[\W_]{{0,3}}(?:calls?)?[\W_]{{0,3}}(?:begin|start)?[^\w\s]{{1,5}}{name}[|｜>\]】]",
    ]


def _before_parameters(names: Sequence[str], parameters: Sequence[str]) -> list[str]:
    name, gap = _name(names), rf"[^\w{{}}()]{{0,20}}(?:{_LABELS}[^\w{{}}()]{{0,20}}){{0,2}}"
    if not parameters:
        return [rf"(?<!/){name}{gap}(?P<object>\{{)\s*+\}}"]
    parameter = rf"(?-i:{any_of(parameters)})"
    return [
        rf"(?<!/){name}{gap}\(?\s*+(?P<object>\{{)\s*+(?:[\"']?{parameter}[\"']?\s*+(?::|\Z)|\}})",
        rf"(?:^|[\[<>(=]|(?<!\d)[.:!：。]\s{{1,4}}){name}\(\s*+{parameter}\s*+=[^\n]{{0,2000}}\)"
        r"[^\w\n]{0,20}(?:$|[<\]])",
        rf"\[\s*+{name}\(\s*+{parameter}\s*+=",
        rf"\[{name}\]\s{{0,4}}{parameter}\s?=",
        rf"<{name}>\s*+<{parameter}>",
        rf"^{name}:\n\s{{1,8}}{parameter}:\s",
        rf"{name}[^\w{{}}()]{{0,40}}tool_call\(\s*+{parameter}\s*+=",
    ]


def _of_distinctive(names: Sequence[str]) -> list[str]:
    name = _name(names)
    literal = r"(?=[^()\n]{0,200}(?:=|[\"'\d\[{]|True|False|None|true|false|null))"
    arguments = rf"\*{{0,2}}\({literal}[^\n]{{0,2000}}\)"
    tag = r"[<‹][^<>‹\s]{1,30}>:?\s?"
    before = rf"(?:[\w.]{{1,40}}\s?=\s?|\w{{1,20}}\.|await\s|return\s|print\(|{tag})*"
    return [
        rf"<[|｜]?\s{{0,4}}{name}(?:\s[^<>\n]{{0,200}})?[|｜]?/?>",
        rf"<(?!{_HTML})[\w:-]{{1,40}}\s[^<>\n]{{0,100}}=\s?[\"']?{name}[\"']?[\s/>]",
        rf"(?:function|tool|name|to)\s?=\s?[\"']?{name}[^\n({{]{{0,40}}[({{]",
        rf"^[ \t]{{0,2}}[@$!<\[({{*>#]{{0,3}}\s?{before}{name}{arguments}[^\w\n`]{{0,20}}(?:<|‹|$)",
        rf"[\[<]\s*+{name}{arguments}",
        rf"[《【]{name}[》】]",
    ]
