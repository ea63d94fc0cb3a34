"""The wire format of a model: by its name, or as the chat template in the model's folder writes it.

hermes                  a wire format (docs/wire-formats.md)
any                     no one format: answers are read in whichever they are written in
models/Qwen3-8B         a folder with chat_template.jinja, or tokenizer_config.json
"""

import json
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2.sandbox import ImmutableSandboxedEnvironment

from swiftkit.errors import UsageError
from swiftkit.toolcall import detect, formats
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.wire_format import ANY_FORMAT

_CALL = ToolCall("get_weather", {"city": "Oslo", "days": 3})
_LARGEST = 1 << 24  # bytes; tokenizer_config.json may list thousands of tokens
_MOST_ROUNDS = 1000  # of a loop, and repetitions of a text
_TOKENS = (
    "bos_token",
    "eos_token",
    "pad_token",
    "unk_token",
    "cls_token",
    "sep_token",
    "mask_token",
)
_ID = "abcdefghi"  # Mistral's templates want nine letters
_PARAMETERS = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "a city"},
        "days": {"type": "integer", "description": "how many"},
    },
    "required": ["city", "days"],
}
_FUNCTION = {"name": _CALL.name, "description": "The weather.", "parameters": _PARAMETERS}
_GENERATION = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")  # it marks what is trained
_QUESTION = "What will the weather be in Oslo?"


def wire_format_named(value: str, option: str) -> str:
    """Return the wire format that a setting names, as the option `wire_format` of a row holds it.

    Raises UsageError, naming the `option`, for a name that is none, and for a folder whose chat
    template is not there, or writes no call that can be read.
    """
    if value in ("", ANY_FORMAT, *formats.names()):
        return value
    folder = Path(value).expanduser()
    if not _is_dir(folder):
        known = ", ".join([ANY_FORMAT, *formats.names()])
        reason = "no model's folder, and no format"
        raise UsageError(f"{option} {value[:100]}: {reason} (there is: {known})")
    templates = list(_chat_templates(folder))
    if not templates:
        fix = "name the format itself, or give the folder with chat_template.jinja"
        raise UsageError(f"{option} {value}: no chat template in it; {fix}")
    for template in templates:
        if name := _format_written(template):
            return name
    fix = "name the format itself (docs/wire-formats.md)"
    raise UsageError(f"{option} {value}: its chat template writes no call that can be read; {fix}")


def _is_dir(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except (OSError, ValueError):  # too long a name, or a null byte in it
        return False


def _chat_templates(folder: Path) -> Iterator[str]:
    """Yield the chat templates of a model's folder, the one for tools first."""
    yield from filter(None, [_text_of(folder / "chat_template.jinja")])
    for name in ("tokenizer_config.json", "chat_template.json"):
        try:
            config = json.loads(_text_of(folder / name))
        except (ValueError, RecursionError):
            continue
        template = config.get("chat_template") if isinstance(config, dict) else None
        if isinstance(template, str):
            yield template
        named = template if isinstance(template, list) else []  # [{"name": ..., "template": ...}]
        for each in sorted(named, key=lambda each: "tool_use" not in str(each)):
            if isinstance(each, dict) and isinstance(each.get("template"), str):
                yield each["template"]


def _text_of(file: Path) -> str:
    """Return a file's text; "" for one that is none, too large, or cannot be read."""
    try:
        if not file.is_file() or file.stat().st_size > _LARGEST:
            return ""
        return file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        return ""


def _format_written(template: str) -> str:
    """Return the format in which a chat template writes a call; "" for none that can be read."""
    # templates differ in how they take arguments, what they do with an empty text, and the tools
    for arguments in (_CALL.arguments, msgspec.json.encode(_CALL.arguments).decode()):
        for content in ("", None):
            for tool in ({"type": "function", "function": _FUNCTION}, _FUNCTION):
                answer = _written(template, arguments, content, tool)
                name = detect.format_read(answer)
                if name and _CALL in _calls_of(answer):
                    return name
    return ""


def _calls_of(answer: str) -> list[ToolCall]:
    return detect.parse(answer).calls


def _written(template: str, arguments: Any, content: str | None, tool: Any) -> str:
    """Return what the template adds for an answer with the call; "" where it refuses."""
    function = {"name": _CALL.name, "arguments": arguments}
    call = {"id": _ID, "type": "function", "function": function}
    question = {"role": "user", "content": _QUESTION}
    answer = {"role": "assistant", "content": content, "tool_calls": [call]}
    try:
        render = _environment().from_string(_GENERATION.sub("", template)).render
        asked = render(messages=[question], tools=[tool], add_generation_prompt=True)
        answered = render(messages=[question, answer], tools=[tool], add_generation_prompt=False)
    except Exception:  # whatever a foreign template raises
        return ""
    # the question's own end may open reasoning, which the answer's place in a history lacks
    common = 0
    while asked[common : common + 1] == answered[common : common + 1] != "":
        common += 1
    tag = answered.rfind("<", 0, common)
    return answered[tag if ">" not in answered[tag:common] and tag >= 0 else common :]


class _BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, without texts and loops that take minutes."""

    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        for factor in (left, right):
            if operator == "**" or (isinstance(factor, int) and abs(factor) > _MOST_ROUNDS):
                raise OverflowError("a chat template needs no such numbers")
        return super().call_binop(context, operator, left, right)


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    """Return Jinja as transformers sets it up for chat templates."""
    environment = _BoundedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals |= {
        "raise_exception": _refuse, "strftime_now": time.strftime, "range": _short_range,
    }  # fmt: skip
    environment.globals |= dict.fromkeys(_TOKENS, "")
    return environment


def _to_json(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def _short_range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > _MOST_ROUNDS:
        raise OverflowError("a chat template needs no such loop")
    return numbers


def _refuse(message: str) -> None:
    raise ValueError(message)
