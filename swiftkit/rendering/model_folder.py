"""The chat template in a model's folder, as transformers finds it there.

chat_template.jinja                        the template
additional_chat_templates/NAME.jinja       more of them: tool_use for conversations with tools
tokenizer_config.json                      "chat_template": its text, or [{"name", "template"}],
                                           where no file holds it; bos_token, eos_token, ...
chat_template.json                         the same, of a processor of text and pictures
special_tokens_map.json                    bos_token, ... in older folders
generation_config.json, config.json        eos_token_id: where a server stops
tokenizer.json                             the texts of those ids
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.rendering.chat_template import ChatTemplate

_LARGEST_FILE = 1 << 28  # bytes; the largest tokenizer.json have some 40 MB
_FIX = "give the folder of a chat model, with chat_template.jinja or tokenizer_config.json"


class _AddedToken(msgspec.Struct):
    id: int
    content: str


class _Tokenizer(msgspec.Struct):
    """The part of a tokenizer.json that is read."""

    added_tokens: list[_AddedToken] = []


def read_chat_template(folder: Path) -> ChatTemplate:
    """Return the chat template of a model's folder.

    Raises DataError: no_chat_template where there is none, or one that cannot be read.
    """
    config = _json_object(folder / "tokenizer_config.json")
    named = dict(_template_files(folder)) or _templates_of(config)
    named = named or _templates_of(_json_object(folder / "chat_template.json"))
    if not named:
        raise DataError(f"{folder}: no chat template in it", "no_chat_template", _FIX)
    tokens = {name: text for name, value in config.items() if (text := _token(name, value))}
    if "added_tokens_decoder" not in config:
        for name, value in _json_object(folder / "special_tokens_map.json").items():
            if text := _token(name, value):
                tokens[name] = text
    stops = _stop_tokens(folder, config)
    if "eos_token" in tokens:
        stops.append(tokens["eos_token"])
    return ChatTemplate(named, tokens, tuple(dict.fromkeys(stops)))


def template_sha256(folder: Path) -> str:
    """Return the SHA-256 of the text of a folder's chat template; "" without one.

    Where it has several, such as tool_use, it is that of their names and texts in JSON.
    """
    try:
        template = read_chat_template(folder)
        text = template.source()
    except DataError:
        return ""
    if len(template.named) > 1:
        text = json.dumps(template.named, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def stop_tokens(folder: Path) -> list[str]:
    """Return the tokens at which generation stops by generation_config.json and config.json."""
    return _stop_tokens(folder, _json_object(folder / "tokenizer_config.json"))


def _template_files(folder: Path) -> Iterator[tuple[str, str]]:
    default = folder / "chat_template.jinja"
    if default.is_file():
        yield "default", _text(default)
    for file in sorted((folder / "additional_chat_templates").glob("*.jinja")):
        yield file.stem, _text(file)


def _templates_of(config: dict[str, Any]) -> dict[str, str]:
    """Return the templates that stand in a tokenizer_config.json, by their names."""
    template = config.get("chat_template")
    if isinstance(template, str):
        return {"default": template}
    named = {}
    for each in template if isinstance(template, list) else []:
        match each:
            case {"name": str(name), "template": str(text)}:
                named[name] = text
    return named


def _token(name: str, value: Any) -> str:
    """Return the text of a setting such as bos_token; "" for a setting that is no token."""
    if isinstance(value, dict):
        value = value.get("content")
    return value if name.endswith("_token") and isinstance(value, str) else ""


def _stop_tokens(folder: Path, tokenizer_config: dict[str, Any]) -> list[str]:
    """Return the texts of eos_token_id, which is one id or a list of them."""
    ids: list[int] = []
    for name in ("generation_config.json", "config.json"):
        value = _json_object(folder / name).get("eos_token_id")
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, int):
                ids.append(each)
    texts: dict[int, str] = {}
    decoder = tokenizer_config.get("added_tokens_decoder")
    for key, token in decoder.items() if isinstance(decoder, dict) else []:
        match token:
            case {"content": str(text)} if key.isdecimal():
                texts[int(key)] = text
    if any(each not in texts for each in ids):
        for token in _added_tokens(folder / "tokenizer.json"):
            texts.setdefault(token.id, token.content)
    return [texts[each] for each in ids if each in texts]


def _added_tokens(file: Path) -> list[_AddedToken]:
    try:
        return msgspec.json.decode(_bytes(file), type=_Tokenizer).added_tokens
    except (msgspec.MsgspecError, RecursionError):
        return []


def _json_object(file: Path) -> dict[str, Any]:
    """Return the JSON object of a file; empty where there is none, or none that can be read."""
    try:
        value = json.loads(_bytes(file))  # as transformers does, which takes NaN
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(file: Path) -> str:
    try:
        return _bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8: {error}", "no_chat_template", _FIX) from error


def _bytes(file: Path) -> bytes:
    """Return what a file holds; nothing where there is no such file."""
    try:
        if not file.is_file():
            return b""
        if file.stat().st_size > _LARGEST_FILE:
            raise DataError(f"{file}: larger than {_LARGEST_FILE} bytes", "no_chat_template", _FIX)
        return file.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise DataError(f"{file}: cannot be read: {error}", "no_chat_template", _FIX) from error
