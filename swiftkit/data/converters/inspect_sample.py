r"""Samples of Inspect: a task's input and target, the messages of a run, and its scores.

Source: https://inspect.aisi.org.uk (EvalSample of inspect_ai.log), as `inspect log dump` and logs
in .json hold them under "samples". A real sample, shortened:

    {"id": 1, "epoch": 1, "input": "What is the weather in Oslo?", "target": "rain",
     "messages": [
       {"id": "a", "role": "user", "content": "What is the weather in Oslo?", "source": "input"},
       {"id": "b", "role": "assistant", "source": "generate", "model": "openai/gpt-4o",
        "content": [{"type": "reasoning", "reasoning": "..."}, {"type": "text", "text": ""}],
        "tool_calls": [{"id": "c1", "type": "function", "function": "get_weather",
                        "arguments": {"city": "Oslo"}}]},
       {"id": "c", "role": "tool", "content": "rain", "tool_call_id": "c1",
        "function": "get_weather"},
       {"id": "d", "role": "assistant", "content": "It rains."}],
     "scores": {"match": {"value": "C", "answer": "rain"}}, "model_usage": {...}}

A log of many samples is one record for each. The label is "false" where a score is I, P, N, false
or a number from 0 to below 1, and "true" where all scores are C, true or 1; others say nothing.
The target becomes `solution`. Tools are those that the events say the model was given. The result
of the call that ends a run is left out, and so is reasoning that its provider has encrypted. A text
that the log keeps among its attachments is put back.
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.from_openai import messages_of, reads_of
from swiftkit.data.json_values import as_text, field, items
from swiftkit.data.roles import ANSWERS
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Row

ORDER = 302
LIST_COLUMN = "samples"
READS = {
    "": (
        "id epoch input target messages scores events attachments error"
        " -output -choices -sandbox -files -setup -metadata -store -model_usage -role_usage -uuid"
        " -started_at -completed_at -total_time -working_time -error_retries -limit -invalidation"
        " -timelines -score eval -plan -results -stats status -version samples"
    ),
    **reads_of("messages", also="function error -id -source -metadata -model"),
    "messages[].tool_calls[]": "id function arguments parse_error -type -view",
    "messages[].content[]": (
        "type text reasoning summary redacted -signature -refusal -citations -internal"
    ),
}

_BAD, _GOOD = ("I", "P", "N"), "C"
_ATTACHMENT = "attachment://"


def holds_list(record: dict[str, Any]) -> bool:
    return isinstance(record.get("eval"), dict) and "status" in record


def record_of(_: dict[str, Any], item: Any) -> dict[str, Any]:
    """Return a sample; what is none has no messages, and is refused for it."""
    return item if isinstance(item, dict) else {"epoch": None, "input": None, "messages": None}


def matches(record: dict[str, Any]) -> bool:
    return holds_list(record) or ("epoch" in record and "input" in record and "messages" in record)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    if not holds_list(record):
        yield _row(record)
        return
    if not items(record.get("samples")):
        fix = "write one with its samples (inspect log dump LOG.eval, not with --header-only)"
        raise DataError("an Inspect log without samples", "no_messages", fix)
    for sample in record["samples"]:
        yield _row(record_of(record, sample))


def _row(sample: dict[str, Any]) -> Row:
    error = field(sample.get("error"), "message")
    if isinstance(error, str):
        reason = f"the run stopped with an error: {error[:200]}"
        raise DataError(reason, "failed_run", "run the sample again")
    attachments = sample.get("attachments")
    messages = sample.get("messages")
    if isinstance(messages, list):
        messages = [_openai(message, f"messages[{n}]") for n, message in enumerate(messages)]
    read = messages_of(_with_attachments(messages, attachments), "messages")
    while len(read) > 1 and read[-1]["role"] == "tool_response":
        read.pop()
    row: Any = make_row(read, {"tools": _tools(sample.get("events"))}, ())
    if isinstance(sample.get("id"), str | int):
        row["id"] = f"{sample['id']}_epoch_{sample.get('epoch')}"
    target = sample.get("target")
    if isinstance(target, list) and len(target) == 1:
        target = target[0]
    if target:
        row["solution"] = as_text(target)
    label = _label(sample.get("scores"))
    if label and read and read[-1]["role"] in ANSWERS:
        row["label"] = label
    return row  # type: ignore[no-any-return]


def _openai(message: Any, where: str) -> Any:
    """Return a message with its reasoning beside the content. Raises DataError."""
    for call in items(field(message, "tool_calls")):
        if field(call, "parse_error"):
            reason = f"{where}: the model's call could not be read: {call['parse_error']}"
            raise DataError(reason[:300], "broken_call", "delete the sample")
    content = field(message, "content")
    if not isinstance(content, list):
        return message
    reasonings: list[str] = []
    rest: list[Any] = []
    for part in content:
        if field(part, "type") != "reasoning":
            rest.append(part)
            continue
        reasoning = part.get("summary") if part.get("redacted") else part.get("reasoning")
        if isinstance(reasoning, str) and reasoning.strip():
            reasonings.append(reasoning)
    if not reasonings:
        return {**message, "content": rest}
    return {**message, "content": rest, "reasoning_content": "\n\n".join(reasonings)}


def _with_attachments(value: Any, attachments: Any) -> Any:
    """Return the value with the texts that were put among the attachments. Raises DataError."""
    if isinstance(value, list):
        return [_with_attachments(item, attachments) for item in value]
    if isinstance(value, dict):
        return {key: _with_attachments(item, attachments) for key, item in value.items()}
    if isinstance(value, str) and value.startswith(_ATTACHMENT):
        text = field(attachments, value.removeprefix(_ATTACHMENT))
        if not isinstance(text, str):
            reason = f"{value[:100]} is not among the sample's attachments"
            raise DataError(reason, "bad_content", "write the log whole: inspect log dump")
        return text
    return value


def _tools(events: Any) -> list[Any]:
    """Return the tools of all requests to the model, each once."""
    tools: dict[Any, Any] = {}
    for event in items(events):
        if field(event, "event") == "model":
            for tool in items(field(event, "tools")):
                name = field(tool, "name")
                tools.setdefault(name if isinstance(name, str) else None, tool)
    return list(tools.values())


def _label(scores: Any) -> str:
    verdicts = set()
    for score in scores.values() if isinstance(scores, dict) else []:
        value = field(score, "value")
        if value == _GOOD or value in (1, True):
            verdicts.add("true")
        elif value in _BAD or (isinstance(value, int | float) and 0 <= value < 1):
            verdicts.add("false")
    return min(verdicts) if verdicts else ""
