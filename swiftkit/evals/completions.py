"""Read completions that other programs asked for: JSON Lines, each line in one of these forms.

    {"id": "w-17", "completion": "<tool_call>..."}      a text, or a list of texts: several
    {"id": "w-17", "message": {"role": "assistant", "content": ..., "tool_calls": [...]}}
    {"id": "w-17", "role": "assistant", "content": ..., "tool_calls": [...]}
    {"id": "w-17", "choices": [{"message": {...}}, ...]}               OpenAI's chat completion
    {"custom_id": "w-17", "response": {"body": {"choices": ...}}}      OpenAI's batch API
    {"sample_id": "w-17", "trial": 0, "text": ..., "tool_calls": ...}  a journal of `swiftkit eval`
    {"response": "...", "messages": [...], "labels": null}             `swift infer --result_path`
    {"step": [...], "prompt": [...], "completion": [...]}  completions.jsonl of swift's GRPO

The text may stand under text, response, output or generated_text too. A line names its row by
sample_id, custom_id or id; swift's files, which name none, are matched by their prompts
(evals/score_file.py). Of a journal's lines on one trial the last answer counts, as for `grade`; of
GRPO's tables of one step the last: swift writes it twice.
"""

from pathlib import Path
from typing import Any

import msgspec

from swiftkit.client.completion import BadBodyError, read_completion
from swiftkit.errors import DataError
from swiftkit.evals.run_directory import RunDirectory
from swiftkit.files.jsonl import encode, read_objects
from swiftkit.records import Response
from swiftkit.terminal import shorten
from swiftkit.toolcall.reasoning import CLOSE, split

_ID_KEYS = ("sample_id", "custom_id", "id")
_TEXT_KEYS = ("completion", "text", "response", "output", "generated_text")
_FIX = "give each line an id and a completion; docs/scoring.md shows the forms"


class Completion(msgspec.Struct, frozen=True):
    """One completion.

    `id` is "" where its line names no row: then `question` holds the texts of the messages before
    it, or `prompt` the text that they were rendered into, or neither is known. `asked` and `trial`
    are those of a journal's line.
    """

    where: str
    response: Response
    id: str = ""
    question: tuple[str, ...] = ()
    prompt: str = ""
    asked: str = ""
    trial: int | None = None


def read_completions(path: Path) -> list[Completion]:
    """Return all completions of the file. Raises DataError (file:line) at any other line."""
    run = RunDirectory(path.parent)
    if path.name == run.journal.name and (path.parent / "config.json").is_file():
        return _journal_completions(run)
    completions: list[Completion] = []
    tables: dict[str, list[Completion]] = {}  # GRPO's, by step
    for where, line in read_objects(path):
        prompts, texts = line.get("prompt"), line.get("completion")
        if not isinstance(prompts, list) or not isinstance(texts, list):
            completions += _line_completions(line, where)
            continue
        if len(prompts) != len(texts) or not all(isinstance(each, str) for each in prompts + texts):
            reason = f"{where}: prompt and completion are not lists of as many texts"
            raise DataError(reason, "bad_completion", _FIX)
        step = encode(line.get("step")).decode() if line.get("step") else where
        tables[step] = []
        for prompt, text in zip(prompts, texts, strict=True):
            tables[step].append(Completion(where, Response("", text=text), prompt=prompt))
    for table in tables.values():
        completions += table
    if not completions:
        raise DataError(f"{path}: no completions", "empty_file", _FIX)
    return completions


def _journal_completions(run: RunDirectory) -> list[Completion]:
    """Return the lines of a run's journal; a broken one, as a kill leaves, is no reason to stop."""
    completions = []
    for number, line in run.read_journal():
        where = f"{run.journal}:{number}"
        name, asked, trial = line.sample_id, line.asked, line.trial
        completions.append(Completion(where, line, name, asked=asked, trial=trial))
    if not completions:
        raise DataError(f"{run.journal}: no completions", "empty_file", _FIX)
    return completions


def question_texts(messages: list[Any]) -> tuple[str, ...]:
    """Return the texts of a conversation up to its last question or tool result, which an answer
    answers. Its calls are left out, and so are reasoning and the line breaks at a text's end: each
    template writes them in its own way."""
    known = [message for message in messages if isinstance(message, dict)]
    while known and known[-1].get("role") in ("assistant", "tool_call"):
        known.pop()
    texts = []
    for message in known:
        text = str(message.get("content") or "")
        if message.get("role") == "assistant" and CLOSE in text:
            _, text = split(text, "an answer")
        if text.strip() and message.get("role") != "tool_call":
            texts.append(text.rstrip("\n"))
    return tuple(texts)


def _line_completions(line: dict[str, Any], where: str) -> list[Completion]:
    row_id = ""
    for key in _ID_KEYS:
        if isinstance(line.get(key), str | int):
            row_id = str(line[key])
            break
    messages = line.get("messages")
    question = question_texts(messages) if isinstance(messages, list) else ()
    try:
        responses = _responses(line, where)
    except (msgspec.ValidationError, BadBodyError) as error:
        raise DataError(f"{where}: no completion: {error}", "bad_completion", _FIX) from error
    asked, trial = "", None
    if "sample_id" in line:
        asked = line["asked"] if isinstance(line.get("asked"), str) else ""
        trial = line["trial"] if isinstance(line.get("trial"), int) else None
    return [
        Completion(where, response, row_id, question, "", asked, trial) for response in responses
    ]


def _responses(line: dict[str, Any], where: str) -> list[Response]:
    match line:
        case {"error": str(error)} if error:  # a request of the journal that failed
            return [Response("", error=error)]
        case {"error": dict(said)} | {"response": {"body": {"error": dict(said)}}} if said:
            return [Response("", error=f"with an error: {shorten(encode(said).decode(), 200)}")]
        case {"text": _, "tool_calls": calls} if calls is not None:
            return [msgspec.convert(line | {"sample_id": ""}, Response)]
        case (
            {"choices": list(choices)}
            | {"response": {"body": {"choices": list(choices)}}}
            | {"response": {"choices": list(choices)}}
        ):
            responses = []
            for choice in choices:
                responses.append(_choice_response(choice))
            return responses
        case {"message": dict(inner)} if inner:
            return [_message_response(inner)]
        case {"role": "assistant"}:
            return [_message_response(line)]
    values = [line[key] for key in _TEXT_KEYS if line.get(key) is not None]
    texts = values[0] if values and isinstance(values[0], list) else values[:1]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise DataError(f"{where}: no completion", "bad_completion", _FIX)
    return [Response("", text=text) for text in texts]


def _choice_response(choice: Any) -> Response:
    """Return the response that a client would make of a choice; an error in it is no answer."""
    known = choice if isinstance(choice, dict) else {}
    if known.get("error") or known.get("finish_reason") == "error":
        said = encode(known.get("error") or "finish_reason error").decode()
        return Response("", error=f"with an error: {shorten(said, 200)}")
    return _message_response(known.get("message"), known.get("finish_reason"))


def _message_response(message: Any, finish_reason: Any = None) -> Response:
    """Return the response that a client would make of an OpenAI message."""
    known = message if isinstance(message, dict) else {}
    choice = {"message": known, "finish_reason": finish_reason}
    return read_completion(encode({"choices": [choice]}), "", 0)
