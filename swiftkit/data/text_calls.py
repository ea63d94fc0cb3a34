r"""Calls that stand as text in an answer, in whatever wire format, as messages of their own.

    {"role": "assistant", "content": "I look.\n<tool_call>\n{\"name\": \"f\", ...}\n</tool_call>"}

Trained as text they would be right for one chat template at most, and the gold of such a row would
be "call nothing". Markup of calls is read whatever the tools are. A text without marks, which may
as well be code or an answer in JSON, is a call where its name is a tool's. What looks like a call
and cannot be read is refused: broken_call in a known format, unread_call in none.

Results that follow such calls may stand in a user's message, in <tool_response> tags or other
markup (dialects/result_markup.py), or behind "Observation:"; they become results.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from swiftkit.data.dialects import glaive, hermes, react, result_markup, toolace
from swiftkit.data.messages import (
    answer_message,
    call_message,
    place_of,
    placed,
    result_message,
)
from swiftkit.errors import DataError
from swiftkit.records import Message
from swiftkit.toolcall import detect, python_literal
from swiftkit.toolcall.call import Parsed
from swiftkit.toolcall.reasoning import TAGS
from swiftkit.toolcall.text_arguments import retyped
from swiftkit.toolcall.tools import tool_names
from swiftkit.toolcall.unread import call_like

_RESULT_TAG, _RESULT_END = "<tool_response>", "</tool_response>"
_SHOWN = 60  # characters
_MARKUP = "<[【《✿"  # with one of these markup begins; a brace may begin any JSON
_MARKUP_ENDS = ">]】》"
_DOCUMENTS = ("<?xml", "<!")  # whose own tags may be called as those of calls
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_WORDS_BEHIND = re.compile(r"(?:(?:\w+\W+){2}|[^\x00-\x7f]{4})", re.ASCII)
_SIGNS = (*_MARKUP, "{", "Action", "to=", "Final Answer:")
# formats that stop for a result and read nothing of what follows, and where they stop
_STOPPING = ("", "react", "glm4", "qwen_fncall")
_RETURNS = ("\nObservation:", "<|observation|>", "✿RESULT✿", "✿RETURN✿")
_TOKEN_END = ("|>", "｜>")  # of a model's special token

Tools = Sequence[dict[str, Any]]


def with_calls_read(messages: Iterable[Message], tools: Tools, *, lenient: bool) -> list[Message]:
    """Return the messages with the calls and results in their texts as messages of their own.

    lenient: a broken or unknown call in an answer stays text. Raises DataError: broken_call,
    unread_call, text_after_call, broken_result.
    """
    names = tool_names(list(tools))
    made: list[Message] = []
    is_react = False  # whether a call stood in this form before
    asked: set[str] = set()  # tags of reasoning that the prompts ask for
    for number, message in enumerate(messages):
        place = place_of(message, number)
        before = made[-1]["role"] if made else ""
        parts = [message]
        if message["role"] == "assistant":
            try:
                parts = _parts_of_answer(message, place, tools, names, asked, is_react=is_react)
            except DataError:
                if not lenient:
                    raise
            is_react = is_react or "Action:" in message["content"]
        elif before in ("tool_call", "tool_response"):
            parts = _results(message, place, is_behind_call=before == "tool_call")
        if message["role"] in ("system", "user"):
            asked.update(tag for tag in TAGS if tag in message["content"])
        made += [placed(part, place) for part in parts]
    return made


def holds_none(text: str, tools: Tools, names: Iterable[str]) -> bool:
    """Tell whether a text surely is no call, at little cost for most."""
    if not _may_hold_call(text, names):
        return True
    try:
        message: Message = {"role": "assistant", "content": text}
        parts = _parts_of_answer(message, "", tools, frozenset(names), (), is_react=False)
    except DataError:
        return False
    return parts == [message]


def _may_hold_call(text: str, names: Iterable[str]) -> bool:
    for sign in _SIGNS:
        if sign in text:
            return True
    return any(name in text for name in names)


def _parts_of_answer(
    message: Message,
    place: str,
    tools: Tools,
    names: frozenset[str],
    asked: Collection[str],
    *,
    is_react: bool,
) -> list[Message]:
    text = message["content"]
    if not _may_hold_call(text, names):
        return [message]
    form = detect.format_of(text)
    parsed = retyped(detect.parse(text), tools)
    is_suspect = form or parsed.calls or parsed.malformed
    if is_suspect and _is_quoted(text, tools, names):
        return [message]
    if parsed.calls and _are_calls(parsed, form, names):
        _check_ends(text, parsed.content, form, place)
        _check_distinct(text, place)
        return _messages(parsed, message, is_react=form == "react")
    if parsed.malformed and _is_about_markup(text, form, tools, names):
        return [message]
    if other := _of_dialect(text, place, names):
        return _messages(other, message)
    _check_read(parsed, text, place, tools, names)
    if is_react and (final := react.final_answer(text)):
        return _messages(Parsed([], final[1], "", final[0]), message)
    if not form and any(tag in text for tag in asked):
        return [message]  # the tags are what the prompt wants to see
    if parsed.reasoning or form == "harmony":  # its channels are markup too
        return _messages(parsed, message)
    return [message]


def _is_quoted(text: str, tools: Tools, names: frozenset[str]) -> bool:
    """Tell whether all that looks like a call is quoted in code amid words: an explanation of
    somebody's format. With the name of one of the row's own tools in it, it may be a call."""
    code = _CODE.findall(text)
    if not code or _holds_name("\n".join(code), names):
        return False
    before, after = text.partition(code[0])[0], text.rpartition(code[-1])[2]
    # a model may put its call into a fence, and say so; behind it nothing is left to say
    is_amid = bool(_WORDS_BEHIND.search(after)) or not (names or code[-1].startswith("```"))
    if not before.strip() or not is_amid:
        return False
    words = _CODE.sub("", text)
    parsed = detect.parse(words)
    return not (parsed.calls or parsed.malformed or call_like(words, tools))


def _holds_name(text: str, names: frozenset[str]) -> bool:
    """Tell whether a tool's name stands in a text; a plain word beside quotes or brackets alone."""
    for name in names:
        word = rf"(?<!\w){re.escape(name)}(?!\w)"
        if name.isalpha() and name.islower():
            word = rf"[\"'=>\]\[:|]\s?{word}|{word}\s?[\"'({{\[<|>]"
        if name in text and re.search(word, text):
            return True
    return False


def _is_about_markup(text: str, form: str, tools: Tools, names: frozenset[str]) -> bool:
    """Tell whether a text speaks of markup, or is code, rather than a broken call."""
    if not names and (not form or text.lstrip().startswith(_DOCUMENTS)):
        return True  # JSON may be an answer
    if _holds_name(text, names):
        return False
    is_at_edge = text.lstrip()[:1] in _MARKUP or text.rstrip()[-1:] in _MARKUP_ENDS
    return not (form and is_at_edge) and not call_like(text, tools)


def _check_read(parsed: Parsed, text: str, place: str, tools: Tools, names: frozenset[str]) -> None:
    """Refuse a text that is left with something like a call in it."""
    if parsed.malformed:
        reason = f"{place}: a broken call, {text[:_SHOWN]!r}: {parsed.malformed}"
        raise DataError(reason, "broken_call", "mend the call, or take its markup out")
    like = call_like(text, tools) or _beginning_of_call(text, names)
    if like and (names or like[0] in _MARKUP) and not _is_quoted(text, tools, names):
        reason = f"{place}: {like!r} looks like a call, and is in no known format"
        fix = "write it as tool_calls, or mend the text; docs/wire-formats.md has the known ones"
        raise DataError(reason, "unread_call", fix)


def _are_calls(parsed: Parsed, form: str, names: frozenset[str]) -> bool:
    """Tell whether what was read as calls was meant so; without markup it may be code, or JSON."""
    if form:
        return True
    return bool(names) and all(call.name in names for call in parsed.calls)


def _ends_with(text: str, content: str) -> bool:
    """Tell whether something of the content stands behind the calls."""
    text, content = text.rstrip(), content.rstrip()
    end = len(text) - len(content)
    is_in_one_piece = -1 < text.rfind(content) < end  # then it stands before them
    return bool(content) and not is_in_one_piece and text.endswith(content[-1])


def _check_ends(text: str, content: str, form: str, place: str) -> None:
    """Refuse an answer that goes on behind its calls: with words, or with a result and maybe more
    steps, of which its format reads nothing."""
    if form and _ends_with(text, content):
        fix = "put it before the calls, or delete it"
        raise DataError(f"{place}: text after a call", "text_after_call", fix)
    if form not in _STOPPING:
        return
    for mark in _RETURNS:
        if text.partition(mark)[2].strip(" :\n"):
            fix = "make the result a message of role tool, and what follows one of assistant"
            reason = f"{place}: {mark.strip()!r} and more after a call"
            raise DataError(reason, "text_after_call", fix)


def _of_dialect(text: str, place: str, names: frozenset[str]) -> Parsed | None:
    """Return the calls that are written as one data set writes them; None for none."""
    if hermes.OPEN in text:
        read = hermes.text_and_calls(text, place)
    elif glaive.CALL in text:
        read = glaive.text_and_calls(text, place)
    elif text.startswith("[") and any(f"{name}(" in text for name in names):
        read = toolace.text_and_calls(text.strip(), place, names)
    else:
        return None
    return Parsed(read[1], read[0].strip()) if read[1] else None


def _beginning_of_call(text: str, names: frozenset[str]) -> str:
    """Return the beginning of a text that is a tool's name with its arguments behind it, or that of
    a tool's name behind a special token, as in <|recipient|>NAME; or "". Words behind the arguments
    make a sentence of it, as in "run (verb): to move"."""
    begun = text.strip()
    for name in names:
        if any(f"{end}{name}" in text for end in _TOKEN_END):
            return begun[:_SHOWN]
        if f"{name}\n```python\ntool_call(" in text:  # ChatGLM3's, amid a line
            return begun[:_SHOWN]
        behind = begun[len(name) :].lstrip()
        if begun.startswith(name) and behind[:1] in ("(", "{"):
            closed = re.match(r"\([^()]*\)|\{[^{}]*\}", behind)
            if not closed or not re.search(r"\w", behind[closed.end() :]):
                return begun[:_SHOWN]
    return ""


def _check_distinct(text: str, place: str) -> None:
    """Refuse JSON in which a key has two values: its reader keeps one of them without a word."""
    position = text.find("{")
    while position >= 0:
        try:
            _, position = python_literal.json_at(text, position, place)
        except (ValueError, RecursionError):
            position += 1
        position = text.find("{", position)


def _messages(parsed: Parsed, message: Message, *, is_react: bool = False) -> list[Message]:
    """Return the messages of an answer that was taken apart, with the flags of the whole."""
    content, reasoning = parsed.content, message.get("reasoning_content") or parsed.reasoning
    if is_react and not reasoning and (thought := react.thought(content)):
        content, reasoning = "", thought
    parts = [call_message(call) for call in parsed.calls]
    if content.strip() or reasoning or not parts:
        parts.insert(0, answer_message(content, reasoning))
    if "loss" in message:
        for part in parts:
            part["loss"] = message["loss"]
    return parts


def may_be_result(text: str) -> bool:
    """Tell cheaply whether a text behind a call may be results in markup, or an observation."""
    if _RESULT_TAG in text or text.lstrip().startswith("Observation"):
        return True
    return result_markup.may_be_results(text)


def _results(message: Message, place: str, *, is_behind_call: bool) -> list[Message]:
    """Return the results that a message behind a call holds; the message itself if it holds none.

    What a user says behind a result is a message of its own.
    """
    text, is_result = message["content"], message["role"] == "tool_response"
    is_begun = text.lstrip().startswith(_RESULT_TAG)
    if _RESULT_TAG in text and (is_begun or (is_behind_call and not is_result)):
        said = ""
        if is_begun and not is_result and _RESULT_END in text:
            text, _, said = text.rpartition(_RESULT_END)
            text += _RESULT_END
        found: list[str] | None = hermes.results(text, place)
        parts = _result_messages(found or [], message)
        return [*parts, {**message, "content": said.strip()}] if said.strip() else parts
    if not is_result and not is_behind_call:
        return [message]
    found = result_markup.results(text, place) if result_markup.may_be_results(text) else None
    if found is None and not is_result and (observed := react.result(text)) is not None:
        found = [observed]
    return [message] if found is None else _result_messages(found, message)


def _result_messages(texts: list[str], message: Message) -> list[Message]:
    """Return a message for each result; the only one of a tool's message keeps its id and name."""
    if len(texts) == 1 and message["role"] == "tool_response":
        return [{**message, "content": texts[0]}]
    return [result_message(text) for text in texts]
