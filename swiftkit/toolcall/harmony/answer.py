r"""The Harmony wire format, which gpt-oss speaks: text to calls, and calls to text.

An answer is what stands after the prompt's `<|start|>assistant`. First comes optional reasoning,
then a call or a final answer; a call is written in one order by the published chat template and in
another by the model itself:

    <|channel|>analysis<|message|>reasoning<|end|><|start|>assistant...
     to=functions.weather<|channel|>commentary json<|message|>{"city": "北京"}<|call|>
    <|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "北京"}<|call|>
    <|channel|>final<|message|>text<|return|>

stripped.py reads what is left of these where a server skips special tokens.

Source: openai/harmony, docs/format.md; rendered as the chat template of gpt-oss-20b and
gpt-oss-120b does.
"""

import re

from swiftkit.errors import DataError
from swiftkit.json_text import reason, written
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.harmony import stripped
from swiftkit.toolcall.harmony.header import (
    CHANNELS,
    FUNCTIONS,
    AnswerParts,
    MessageHeader,
    read_call,
)

START, CHANNEL, MESSAGE, CALL = "<|start|>", "<|channel|>", "<|message|>", "<|call|>"
_CONSTRAIN = "<|constrain|>"
ENDS = ("<|end|>", CALL, "<|return|>", "<|endoftext|>")
TOKENS = (START, CHANNEL, _CONSTRAIN, MESSAGE, *ENDS)
# Repetitions in these patterns are possessive (*+), so that no text makes them slow.
_CONTROL = re.compile("|".join(map(re.escape, TOKENS)))
_HEADER_TOKENS = (CHANNEL, _CONSTRAIN)
_GAP = re.compile(r"\s*+(?:<\|endoftext\|>\s*+)*+")  # padding between and after messages
# no lookahead in what is possessive: Python 3.11.2 fails there
_WORD = r"([^\s<]*+(?:<(?!\|)[^\s<]*+)*)"
_MARKED = re.compile(
    rf"\s*+(?:assistant)?\s*+(?:to={_WORD}\s*+)?<\|(?:start|channel|constrain|message)\|>"
)
# A header whose white space has been made single blanks: recipient, channel, recipient, content
# type.
_HEADER = re.compile(
    rf"(?:assistant)? ?(?:to={_WORD})? ?<\|channel\|> ?(\w++)(?: to={_WORD})? ?"
    rf"(?:<\|constrain\|>)? ?{_WORD}"
)


def check_name(name: str) -> None:
    """Raise DataError (bad_call) for a name that would end its header, or open another one."""
    if not name or "<|" in name or any(map(str.isspace, name)):
        fix = "give the tool a name without white space and without <|"
        raise DataError(f"Harmony cannot write a call of {name!r}", "bad_call", fix)


def render(calls: list[ToolCall]) -> str:
    """Write the calls as the chat template does, each a message. Raises DataError (bad_call)."""
    messages = []
    for call in calls:
        check_name(call.name)
        header = f" to={FUNCTIONS}{call.name}{CHANNEL}commentary json{MESSAGE}"
        messages.append(f"{header}{written(call.arguments)}{CALL}")
    return f"{START}assistant".join(messages)


def parse(text: str) -> Parsed:
    """Read a model's answer. Never raises; parse(render(calls)).calls == calls.

    `reasoning` is what the analysis channel holds, its messages joined by a line break; `content`
    is the final channel and commentary to the user (a preamble), joined by an empty line; both are
    as the model wrote them. A text without markup is content.

    Malformed: arguments that are no JSON object, text between messages or after a call's JSON, a
    recipient that is no function, a header that is cut off or cannot be read, reasoning that is
    never closed, an answer that goes on in another's name. Reasoning and content are what stands
    before it then; without reasoning, the content is the whole text. Another role's header alone,
    behind all else, is a server's stop text and is ignored.
    """
    parts = AnswerParts([], [], [])
    try:
        is_complete = _read(text, parts)
    except (ValueError, RecursionError) as error:
        reasoning, content = parts.joined()
        return Parsed([], content if reasoning else text.strip(), reason(error), reasoning)
    reasoning, content = parts.joined()
    if not is_complete:
        return Parsed([], content, "the answer ends inside its reasoning", reasoning)
    return Parsed(parts.calls, content, "", reasoning)


def read_header(text: str, is_first: bool) -> MessageHeader:
    """Read the header that a text is, up to its <|message|>. `is_first`: no message stands before
    it. Raises ValueError for one that cannot be read."""
    header = _next_header(text, 0, is_first) if not is_first or _MARKED.match(text) else None
    if header is None:
        raise ValueError("no header in special tokens")
    return header


def _read(text: str, parts: AnswerParts) -> bool:
    """Add what the answer holds to `parts`; False if it ends inside reasoning. Raises ValueError or
    RecursionError, which says why it is malformed."""
    if _MARKED.match(text):
        return _read_marked(text, parts)
    if stripped.is_likely(text):
        return stripped.read(text, parts)
    if any(token in text for token in (START, CHANNEL, MESSAGE)):
        return _read_marked(text, parts)
    parts.content.append(text.strip())
    return True


def _read_marked(text: str, parts: AnswerParts) -> bool:
    position = 0
    while header := _next_header(text, position, position == 0):
        if header.recipient is not None:
            call, end = read_call(header.recipient, text, header.start)
            position = _call_end(text, end)
            parts.calls.append(call)
            continue
        token = _CONTROL.search(text, header.start)
        parts.add(header, text[header.start : token.start() if token else len(text)])
        # servers cut off the token that they stop at; none stops at the end of reasoning
        if not token:
            return header.channel != "analysis"
        if token[0] not in ENDS:
            raise ValueError(f"{token[0]} inside a message")
        position = token.end()
    return True


def _next_header(text: str, position: int, is_first: bool) -> MessageHeader | None:
    """Return the header of the message at `position`; None at the end of the answer."""
    gap = _GAP.match(text, position)
    start = gap.end() if gap else position
    if start == len(text):
        return None
    is_started = text.startswith(START, start)
    if is_started:
        start += len(START)
    elif not is_first:
        raise ValueError("text between two messages")
    token = _CONTROL.search(text, start)
    while token and token[0] in _HEADER_TOKENS:  # it is a part of the header
        token = _CONTROL.search(text, token.end())
    header = " ".join(text[start : token.start() if token else len(text)].split())
    role = re.split("[ <]", header, maxsplit=1)[0]
    if is_started and not "assistant".startswith(role):  # it may be cut off
        if token:
            raise ValueError(f"the answer goes on in the name of {role[:40]!r}")
        return None  # another role's header, the last that the text holds
    return _checked(header, token)


def _checked(header: str, token: re.Match[str] | None) -> MessageHeader:
    if not token or token[0] != MESSAGE:
        raise ValueError(f"a header that never reaches {MESSAGE}")
    match = _HEADER.fullmatch(header)
    if not match or (match[1] is not None and match[3] is not None):
        raise ValueError(f"the header {header[:80]!r} cannot be read")
    channel = match[2]
    recipient = match[1] if match[3] is None else match[3]
    if channel not in CHANNELS:
        raise ValueError(f"unknown channel {channel[:40]!r}")
    if recipient is None and match[4] and channel == "commentary":
        raise ValueError("a call without a recipient")
    if recipient is not None and channel == "final":
        raise ValueError("a recipient in the final channel")
    # Calls belong into commentary. gpt-oss writes some into analysis: their recipient makes them
    # calls all the same.
    return MessageHeader(channel, recipient, token.end())


def _call_end(text: str, position: int) -> int:
    """Return the position behind the token that ends a call. A server that stops at this token may
    have cut it off."""
    if position == len(text) or text.startswith(START, position):
        return position
    token = _CONTROL.match(text, position)
    if not token or token[0] not in ENDS:
        raise ValueError("text after the call's JSON")
    return token.end()
