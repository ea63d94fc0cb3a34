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
    if not folder.is_dir():
        known = ", ".join([ANY_FORMAT, *formats.names()])
        raise UsageError(f"{option} {value}: no model's folder, and no format (there is: {known})")
    templates = list(_chat_templates(folder))
    if not templates:
        fix = "name the format itself, or give the folder with chat_template.jinja"
        raise UsageError(f"{option} {value}: no chat template in it; {fix}")
    for template in templates:
        if name := _format_written(template):
            return name
    fix = "name the format itself (docs/wire-formats.md)"
    raise UsageError(f"{option} {value}: its chat template writes no call that can be read; {fix}")


def _chat_templates(folder: Path) -> Iterator[str]:
    """Yield the chat templates of a model's folder, the one for tools first."""
    try:
        if (folder / "chat_template.jinja").is_file():
            yield (folder / "chat_template.jinja").read_text(encoding="utf-8")
        config = msgspec.json.decode((folder / "tokenizer_config.json").read_bytes())
    except (OSError, ValueError):
        return
    template = config.get("chat_template") if isinstance(config, dict) else None
    if isinstance(template, str):
        yield template
    elif isinstance(template, list):  # [{"name": "default", "template": ...}, {"name": "tool_use"}]
        named = [each for each in template if isinstance(each, dict)]
        for each in sorted(named, key=lambda each: each.get("name") != "tool_use"):
            if isinstance(each.get("template"), str):
                yield each["template"]


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


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    """Return Jinja as transformers sets it up for chat templates."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals |= {
        "raise_exception": _refuse, "strftime_now": time.strftime, "bos_token": "", "eos_token": "",
    }  # fmt: skip
    return environment


def _to_json(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def _refuse(message: str) -> None:
    raise ValueError(message)
