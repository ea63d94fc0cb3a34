"""Find call-like markup in an answer in which no known format reads a call.

Such an answer is not "no call": somebody's parser may read it, and a reward that took it for
silence would pay a call where none is wanted. What counts:

1. a tag named like a call, with something in it: `<tool_use>{...`, `[TOOL_REQUEST] {...`,
   `<execute name="f">`
2. the name of an offered tool as a value of JSON, or as a tag: `"tool": "f"`, `<f>`, `function=f`
3. an offered tool's name before an object, `CALL f {"a": 1}`, or before arguments that have names
   or are literals, where nothing else stands on the line: `f(a=1)`
4. JSON with a key for the name and one for the arguments, whatever the tool: `{"name": "g",
   "arguments": {`

Prose about tools is none of these: "I can look that up with f(city)."
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from swiftkit.toolcall.alternatives import any_of

_SHOWN = 60
_BEGINNINGS = "<[{(《【"
_STRONG = r"(?:tools?|functions?|func|calls?|tool_?calls?|function_?calls?|invoke)"
_WEAK = r"(?:actions?|plugins?|apis?|execute|exec|commands?|skills?)"
_CALL_TAG = re.compile(
    # <tool_use>, <|call|>, with something behind it, but not the type of List<Tool>
    rf"(?i:(?<!\w)<[|｜]?(?:[\w.:-]{{0,40}}[_.:▁-])?{_STRONG}(?:[_.:▁-][\w.:▁-]{{0,40}})?[|｜]?>"
    rf"(?:\s{{0,20}}[{{\[<(\"]|\n?\w)"
    rf"|(?<!\w)<[|｜]?(?:[\w.:-]{{0,40}}[_.:▁-])?{_WEAK}(?:[_.:▁-][\w.:▁-]{{0,40}})?[|｜]?>"
    r"\s{0,20}[{\[]"
    # <execute name="f">, <run tool=f>
    r"|<[\w.:▁-]{1,40}\s{1,4}(?:tool|function|(?:tool_?)?name)\s{0,4}=\s{0,4}[\"']?\w[^<>]{0,200}>)"
    # [TOOL_REQUEST], 【CALL】
    r"|[\[【](?:[A-Z]{1,20}_)?(?:TOOL|FUNCTION|CALL|ACTION|PLUGIN|API)S?(?:_[A-Z]{1,20})?[\]】]"
    r"\s{0,20}[\w{\[<(\"]"
)
_NAME_KEYS = r"(?:name|tool|tool_name|toolName|function|function_name|recipient_name|action|api)"
_ARGUMENT_KEYS = (
    r"(?:arguments|parameters|args|params|kwargs|input|tool_input|action_input|toolInput)"
)
_JSON_NAME = re.compile(rf"[\"']{_NAME_KEYS}[\"']\s{{0,20}}:\s{{0,20}}[\"'][^\"'\n]{{1,100}}[\"']")
_JSON_ARGUMENTS = re.compile(rf"[\"']{_ARGUMENT_KEYS}[\"']\s{{0,20}}:\s{{0,20}}[{{\"']")


def call_like(text: str, names: Sequence[str]) -> str:
    """Return the beginning of what looks like a call in a text, or "".

    names: of the tools on offer.
    """
    if not any(sign in text for sign in _BEGINNINGS):
        return ""
    found = _CALL_TAG.search(text)
    if not found and names:
        found = _named(tuple(names)).search(text)
    if not found and (found := _JSON_NAME.search(text)):
        found = found if _JSON_ARGUMENTS.search(text) else None
    return text[found.start() : found.start() + _SHOWN] if found else ""


@lru_cache(maxsize=4096)  # a row's tools are those of many completions
def _named(names: tuple[str, ...]) -> re.Pattern[str]:
    name = rf"(?<![\w.-])(?:{any_of(names)})(?![\w-])"
    as_value = rf":\s{{0,20}}[\"']{name}[\"']"
    as_tag = (
        rf"<[|｜/]?\s{{0,4}}{name}[^<>\n]{{0,200}}>|(?:function|tool|name|to)\s?=\s?[\"']?{name}"
    )
    before_object = rf"{name}[^\w{{}}()]{{0,20}}\{{\s{{0,20}}[\"'}}]"
    arguments = r"\((?=[^()\n]{0,200}(?:=|[\"']))[^\n]{0,2000}\)"
    alone = rf"^[^\w\n]{{0,20}}(?:print\()?{name}{arguments}[^\w\n]{{0,20}}$"
    return re.compile(rf"{as_value}|{as_tag}|{before_object}|{alone}", re.MULTILINE)
