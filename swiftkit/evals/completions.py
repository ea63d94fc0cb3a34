"""Completions that somebody else asked for: a JSON Lines file in any of these forms, a form a line.

    {"id": "w-17", "completion": "<tool_call>..."}                  text, or a list of texts: several completions
    {"id": "w-17", "message": {"role": "assistant", "content": ..., "tool_calls": [...]}}         or the message itself
    {"id": "w-17", "choices": [{"message": {...}}, ...]}            a chat completion of the OpenAI API
    {"custom_id": "w-17", "response": {"body": {"choices": ...}}}   a line of its batch API
    {"sample_id": "w-17", "trial": 0, "text": "...", "tool_calls": [{"name", "arguments"}]}       swiftkit's journal
    {"response": "...", "messages": [...], "labels": null}          `swift infer --result_path`
    {"step": [...], "prompt": [...], "completion": [...]}           completions.jsonl of swift's GRPO: a table a step

The text may stand under text, response, output or generated_text too. A line names its row by
sample_id, custom_id or id; swift's files name none, and are matched by what was asked (pairing in
evals/score_file.py). Of tables of the same step the last counts: swift writes the last one twice.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.client.completion import BadBodyError, read_completion
from swiftkit.errors import DataError
from swiftkit.files.jsonl import encode, read_objects
from swiftkit.records import Response

_NAMES = ("sample_id", "custom_id", "id")
_TEXTS = ("completion", "text", "response", "output", "generated_text")
_FIX = "give each line an id and a completion; docs/scoring.md shows the forms"


class Completion(msgspec.Struct, frozen=True):
    """One answer. `id` is "" where its line names no row: then `asked` are the texts of the
    messages before it, or `prompt` the text that they were rendered into, or neither is known."""

    where: str
    response: Response
    id: str = ""
    asked: tuple[str, ...] = ()
    prompt: str = ""


def read_completions(path: Path) -> list[Completion]:
    """All completions of the file, in its order. Raises DataError (file:line) at a line that is
    none of the forms."""
    found: list[Completion] = []
    tables: dict[str, list[Completion]] = {}
    for where, line in read_objects(path):
        if isinstance(line.get("prompt"), list) and isinstance(line.get("completion"), list):
            step = encode(line.get("step")).decode() if line.get("step") else where
            tables[step] = list(_of_table(line, where))
        else:
            found += _of_line(line, where)
    found += [completion for table in tables.values() for completion in table]
    if not found:
        raise DataError(f"{path}: no completions", "empty_file", _FIX)
    return found


def _of_table(table: dict[str, Any], where: str) -> Iterator[Completion]:
    prompts, texts = table["prompt"], table["completion"]
    if len(prompts) != len(texts) or not all(isinstance(text, str) for text in [*prompts, *texts]):
        raise DataError(
            f"{where}: prompt and completion are not lists of as many texts", "bad_completion", _FIX
        )
    for prompt, text in zip(prompts, texts, strict=True):
        yield Completion(where, Response("", text=text), prompt=prompt)


def _of_line(line: dict[str, Any], where: str) -> Iterator[Completion]:
    identity = next(
        (str(line[name]) for name in _NAMES if isinstance(line.get(name), str | int)), ""
    )
    messages = line.get("messages")
    asked = asked_by(messages) if isinstance(messages, list) else ()
    for response in _responses(line, where):
        yield Completion(where, response, identity, asked)


def asked_by(messages: list[Any]) -> tuple[str, ...]:
    """The texts of a conversation up to its last question or tool result: what an answer is an
    answer to. Without its calls, which each template writes in its own way."""
    known = [message for message in messages if isinstance(message, dict)]
    while known and known[-1].get("role") in ("assistant", "tool_call"):
        known.pop()
    return tuple(
        str(message["content"])
        for message in known
        if message.get("content") and message.get("role") != "tool_call"
    )


def _responses(line: dict[str, Any], where: str) -> list[Response]:
    # the journal's, of a request that failed
    if isinstance(line.get("error"), str) and line["error"]:
        return [Response("", error=line["error"])]
    if line.get("tool_calls") is not None and "text" in line:
        return [_of_journal(line, where)]
    for body in (line, _inner(line, "response", "body"), _inner(line, "response")):
        if isinstance(body.get("choices"), list):
            return [_of_message(_inner(choice, "message"), where) for choice in body["choices"]]
    for message in (_inner(line, "message"), line):
        if message.get("role") == "assistant" or (message and message is not line):
            return [_of_message(message, where)]
    given = next((line[name] for name in _TEXTS if line.get(name) is not None), None)
    texts = [
        text for text in (given if isinstance(given, list) else [given]) if isinstance(text, str)
    ]
    if not texts or (isinstance(given, list) and len(texts) < len(given)):
        raise DataError(f"{where}: no completion", "bad_completion", _FIX)
    return [Response("", text=text) for text in texts]


def _of_journal(line: dict[str, Any], where: str) -> Response:
    try:
        return msgspec.convert(line | {"sample_id": ""}, Response)
    except msgspec.ValidationError as error:
        raise DataError(f"{where}: no completion: {error}", "bad_completion", _FIX) from error


def _of_message(message: dict[str, Any], where: str) -> Response:
    try:
        return read_completion(encode({"choices": [{"message": message}]}), "", 0, 0.0)
    except BadBodyError as error:
        raise DataError(f"{where}: no completion: {error}", "bad_completion", _FIX) from error


def _inner(value: Any, *keys: str) -> dict[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
