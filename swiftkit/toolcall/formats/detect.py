"""Which wire format a model's answer is written in, and what it says.

The first rule that holds:

1. Harmony, if the text begins as only Harmony does: with a call's header (` to=functions.`, also
   behind `assistant`, `analysis` or `commentary`), or with a channel's name and later another
   message's (`analysis...assistantfinal`, which a server leaves that skips special tokens). A
   beginning like `finalHello` is too weak a sign.
2. A format without markup, if the answer behind its reasoning is calls from beginning to end: JSON
   (plain_json), a Python list of calls (pythonic), call strings, or a name on a line with a JSON
   object behind it (glm4; where its <|observation|> is missing, a heading such as `Result`, and
   `json`, is no name). So such a call may quote any markup in its strings, and prose is no call.
3. The format whose markup comes first, reasoning passed over: so a call may quote all the others.
   <tool_call> is Qwen3-Coder's before <function=, GLM-4.5's before a bare name on its line (any
   name, if the text ends with <|observation|>), else Hermes'. `Action:` counts with `Action Input:`
   on the next line. If words come first, and later a </think> whose opening was in the prompt, what
   stands behind it decides, if it opens a call.
4. Without markup: malformed, if it begins as JSON calls, a Python list or a call string and cannot
   be read to its end; otherwise content.

A sample that knows its format says so, and is read by `FORMATS[name].parse`.
"""

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.formats import _blocks as blocks
from swiftkit.toolcall.formats import (
    call_strings,
    deepseek_v3,
    deepseek_v3_1,
    glm4,
    glm4_5,
    hermes,
    llama_json,
    mistral,
    mistral_v11,
    plain_json,
    pythonic,
    qwen3_coder,
    react,
)
from swiftkit.toolcall.harmony import answer as harmony
from swiftkit.toolcall.harmony import stripped as harmony_stripped


class WireFormat(Protocol):
    """A module of this folder: text to calls, and calls to text (which raises DataError for what it
    cannot carry)."""

    def parse(self, text: str) -> Parsed: ...
    def render(self, calls: list[ToolCall]) -> str: ...


FORMATS: dict[str, WireFormat] = {
    "call_strings": call_strings,
    "deepseek_v3": deepseek_v3,
    "deepseek_v3_1": deepseek_v3_1,
    "glm4": glm4,
    "glm4_5": glm4_5,
    "harmony": harmony,
    "hermes": hermes,
    "llama_json": llama_json,
    "mistral": mistral,
    "mistral_v11": mistral_v11,
    "plain_json": plain_json,
    "pythonic": pythonic,
    "qwen3_coder": qwen3_coder,
    "react": react,
}

_OPENING = {
    "<|start|>": "harmony",
    "<|channel|>": "harmony",
    "<|message|>": "harmony",
    "<tool_call>": "hermes",
    "<function=": "qwen3_coder",
    "[TOOL_CALLS]": "mistral",
    "<｜tool▁calls▁begin｜>": "deepseek_v3",
    "<｜tool▁call▁begin｜>": "deepseek_v3",
    "<|python_tag|>": "llama_json",
    "<|assistant|>": "glm4",
    "<|observation|>": "glm4",
}
_CLOSING = {
    "</tool_call>": "hermes",
    "</function>": "qwen3_coder",
    "<｜tool▁calls▁end｜>": "deepseek_v3",
}
_TAGS = _OPENING | _CLOSING
_MARKUP = re.compile("|".join((*map(re.escape, _TAGS), blocks.THINK)))
_ACTION = re.compile(rf"{react.LINE}Action:[^\n]*+\n\s*+Action Input:", re.MULTILINE)
_FUNCTION = re.compile(r"\s*+<function=")
_NAME_AND_TAG = re.compile(
    rf"[ \t]*+[^\W\d][\w.\-]*+\s*+</tool_call>|\s*+{blocks.NAME}\s*+<arg_key>"
)
_NAME_LINE = re.compile(r"(?!json\n|[A-Z][a-z]*+\n)[^\W\d][\w.\-]*+\n[ \t]*+\{")


def parse(text: str) -> Parsed:
    """Read a model's answer in the format that it is written in. Never raises."""
    if text.startswith(hermes.SURE):  # rule 3, said first because most answers begin so
        return hermes.parse(text)
    if harmony_stripped.is_sure(text):
        return harmony.parse(text)
    if answer := _hermes_behind_reasoning(text):
        return hermes.parse(answer)
    whole = blocks.read_whole(text, _whole)
    if whole.calls:
        return whole
    if name := _marked(text):
        return FORMATS[name].parse(text)
    return whole if whole.malformed else hermes.parse(text)


def _hermes_behind_reasoning(text: str) -> str:
    """A Hermes answer whose reasoning holds no markup, without its reasoning; "" for all that needs
    a closer look."""
    reasoning, end, answer = text.partition("</think>")
    answer = answer.lstrip()
    if not end or not answer.startswith(hermes.SURE):
        return ""
    thought = reasoning.lstrip().removeprefix("<think>")
    return "" if "<" in thought or "[" in thought else answer


def is_harmony(text: str) -> bool:
    return harmony_stripped.is_sure(text) or ("<|" in text and _marked(text) == "harmony")


def _whole(answer: str) -> Parsed:
    """The calls that an answer is from beginning to end; or what is wrong with them; or content."""
    malformed = Parsed([], answer)
    for reader in _readers(answer):
        parsed = reader(answer)
        if parsed.calls:
            return parsed
        malformed = malformed if malformed.malformed else parsed
    return malformed


def _readers(answer: str) -> Sequence[Callable[[str], Parsed]]:
    """Who can make something of an answer that begins like this."""
    if answer.startswith(("{", "```")):
        return (llama_json.read,)
    if answer.startswith(("[", "<|python_start|>")):
        return llama_json.read, pythonic.read, call_strings.read
    is_glm = answer.endswith(glm4.OBSERVATION) or _NAME_LINE.match(answer)
    return (_name_line if is_glm else call_strings.read,)


def _name_line(answer: str) -> Parsed:
    parsed = glm4.read(answer)
    return parsed if parsed.calls else Parsed([], answer)  # a word above some braces, and no call


def _marked(text: str) -> str | None:
    """The format whose markup decides, by its name in FORMATS; None without any."""
    tag, is_behind = _first(text, 0)
    if (
        tag
        and not is_behind
        and text[: tag.start()].strip()
        and (end := blocks.CLOSING.search(text, tag.end()))
    ):
        behind, _ = _first(text, end.end())
        tag = behind if behind and behind[0] not in _CLOSING else tag
    if not tag or tag[0] != hermes.OPEN:
        return _TAGS.get(tag[0], "react") if tag else None
    if _FUNCTION.match(text, tag.end()):
        return "qwen3_coder"
    is_glm = _NAME_AND_TAG.match(text, tag.end()) or text.endswith(glm4_5.OBSERVATION)
    return "glm4_5" if is_glm else "hermes"


def _first(text: str, start: int) -> tuple[re.Match[str] | None, bool]:
    """The first markup that is not reasoning's, and whether reasoning stands before it."""
    position = start
    action = _ACTION.search(text, start) if "Action Input:" in text else None
    while True:
        if action and action.start() < position:
            action = _ACTION.search(text, position)
        tag = _MARKUP.search(text, position)
        if action and not (tag and tag.start() < action.start()):
            return action, position > start
        if not tag or tag[0] in _TAGS:
            return tag, position > start
        end = tag if blocks.CLOSING.fullmatch(tag[0]) else blocks.CLOSING.search(text, tag.end())
        if not end:  # reasoning that is never closed
            return None, True
        position = end.end()
