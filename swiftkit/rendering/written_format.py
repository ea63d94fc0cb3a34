"""The wire format of a model: by its name, or as the chat template in the model's folder writes it.

hermes                  a wire format (docs/wire-formats.md)
any                     no one format: answers are read in whichever they are written in
models/Qwen3-8B         a folder with chat_template.jinja, or tokenizer_config.json
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from swiftkit.errors import DataError, UsageError
from swiftkit.toolcall import detect, formats
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.wire_format import ANY_FORMAT

# Most settings are names, and every convert, eval and preflight asks: Jinja is imported for a
# folder alone.
if TYPE_CHECKING:
    from swiftkit.rendering.chat_template import ChatTemplate
    from swiftkit.rendering.message_form import MessageForm

_LONGEST = 100  # characters of a value that a message repeats
_CALL = ToolCall("get_weather", {"city": "Oslo", "days": 3})
_TOOL = {
    "type": "function",
    "function": {
        "name": _CALL.name,
        "description": "The weather.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "a city"},
                "days": {"type": "integer", "description": "how many"},
            },
            "required": ["city", "days"],
        },
    },
}
_QUESTION = {"role": "user", "content": "What will the weather be in Oslo?"}
_ID = "abcdefghi"  # Mistral's templates want nine letters


def wire_format_named(value: str, option: str) -> str:
    """Return the wire format that a setting names, as the option `wire_format` of a row holds it.

    Raises UsageError, naming the `option`, for a name that is none, and for a folder whose chat
    template is not there, or writes no call that can be read.
    """
    value = value.strip()
    if value in ("", ANY_FORMAT, *formats.names()):
        return value
    from swiftkit.rendering.model_folder import read_chat_template

    folder = Path(value).expanduser()
    if not _is_dir(folder):
        known = ", ".join([ANY_FORMAT, *formats.names()])
        reason = "no model's folder, and no format"
        raise UsageError(f"{option} {value[:_LONGEST]}: {reason} (there is: {known})")
    fix = "name the format itself (docs/wire-formats.md)"
    try:
        template = read_chat_template(folder)
    except DataError as error:
        raise UsageError(f"{option}: {error.reason}; {fix}") from error
    if name := _format_written(template):
        return name
    raise UsageError(f"{option} {value}: its chat template writes no call that can be read; {fix}")


def _is_dir(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except (OSError, ValueError):  # too long a name, or a null byte in it
        return False


def _format_written(template: "ChatTemplate") -> str:
    """Return the format in which a chat template writes a call; "" for none that can be read."""
    from swiftkit.rendering.message_form import probe_form

    form = probe_form(template)
    for content in ("", None):  # what templates do with an empty text differs
        answer = _written(template, form, content)
        name = detect.format_read(answer)
        if name and _CALL in detect.parse(answer).calls:
            return name
    return ""


def _written(template: "ChatTemplate", form: "MessageForm", content: str | None) -> str:
    """Return what the template adds for an answer with the call; "" where it refuses."""
    function = {"name": _CALL.name, "arguments": _CALL.arguments}
    call = {"id": _ID, "type": "function", "function": function}
    answer: dict[str, Any] = {"role": "assistant", "content": content, "tool_calls": [call]}
    question, conversation = form.apply([_QUESTION]), form.apply([_QUESTION, answer])
    try:
        asked = template.render(question, [_TOOL], add_generation_prompt=True)
        answered = template.render(conversation, [_TOOL])
    except DataError:
        return ""
    # the question's own end may open reasoning, which the answer's place in a history lacks
    common = 0
    while asked[common : common + 1] == answered[common : common + 1] != "":
        common += 1
    tag = answered.rfind("<", 0, common)
    return answered[tag if ">" not in answered[tag:common] and tag >= 0 else common :]
