r"""NeMo-Gym rows: a request to the Responses API, and what its environment verifies answers with.

Source: https://github.com/NVIDIA-NeMo/Gym: resources_servers/*/data/*.jsonl, the data sets for
them, such as nvidia/Nemotron-RL-agent-workplace_assistant, and the rollouts that its
`ng_collect_rollouts` writes. Real rows, shortened:

    {"responses_create_params": {"input": [
       {"role": "system", "content": "You are a data lookup assistant."},
       {"role": "user", "content": "What's the weather in Paris?"}], "parallel_tool_calls": true,
      "tools": [{"type": "function", "name": "get_weather", "parameters": {...}, "strict": true}]},
     "expected_action": {"type": "function_call", "name": "get_weather",
                         "arguments": "{\"city\": \"Paris\"}"}}
    {"responses_create_params": {"input": "..."}, "reward": 1.0, "response": {"output": [
       {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "..."}]},
       {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": "{...}"},
       {"type": "function_call_output", "call_id": "c1", "output": "rain"},
       {"type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": "It rains."}]}]}}

A row is a prompt for GRPO. Its gold is the calls of expected_action (one, a batch, or a message,
which means no call), expected_call, expected_calls, expected_answers or ground_truth, also as JSON
text or in verifier_metadata; a text under these names, or expected_answer, is the `solution`. Where
an environment plays several steps (`environment_name`), ground_truth is the calls of all of them,
and no gold of the first answer. All other columns are the verifier's, and are kept as text for a
reward function. A rollout is a whole conversation, whose label is its reward: "false" below 0.99.
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.from_openai import messages_of
from swiftkit.data.json_values import as_text, field, items, listed
from swiftkit.data.rows import make_row
from swiftkit.data.simulated_user import SUCCESS
from swiftkit.errors import DataError
from swiftkit.json_text import decode_or_none
from swiftkit.records import Row
from swiftkit.scoring.expected_calls import expect_exactly, to_json
from swiftkit.toolcall.read_call import call_from, is_call

ORDER = 202
_GOLDS = (
    "expected_action", "expected_call", "expected_calls", "expected_answers", "expected_answer",
    "ground_truth",
)  # fmt: skip
_ITEM = """type role content id -status call_id name arguments output summary encrypted_content
    -prompt_token_ids -generation_token_ids -generation_log_probs -routed_experts"""
_PART = "type text refusal -annotations -logprobs"
_ITEMS = {"": _ITEM, ".content[]": _PART, ".summary[]": "type text", ".output[]": _PART}
_SETTINGS = """-background -include -max_output_tokens -max_tool_calls -metadata -model
    -parallel_tool_calls -previous_response_id -prompt -service_tier -store -stream -temperature
    -text -tool_choice -top_logprobs -top_p -truncation -user"""
READS = {
    # all others are kept: they are the verifier's, whatever they look like
    "": "responses_create_params response reward *",
    "responses_create_params": f"input tools instructions reasoning {_SETTINGS}",
    "responses_create_params.reasoning": "effort -summary -generate_summary",
    "response": f"""output error incomplete_details -id -object -created_at -completed_at -status
        -usage -instructions -tools -reasoning -billing -presence_penalty -frequency_penalty
        -prompt_cache_key -prompt_cache_retention -output_text -safety_identifier -content_filters
        -conversation -provider_specific_fields -nvext {_SETTINGS}""",
}
for _path in ("responses_create_params.input[]", "response.output[]"):
    READS |= {f"{_path}{inner}": names for inner, names in _ITEMS.items()}

_LEFT_OUT = (
    "responses_create_params", "response", "reward", "_ng_task_index", "_ng_rollout_index",
    "image",  # of a container
)  # fmt: skip
_TEXTS = ("input_text", "output_text", "summary_text", "reasoning_text")


def matches(record: dict[str, Any]) -> bool:
    return isinstance(record.get("responses_create_params"), dict)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    request = record.get("responses_create_params")
    if not isinstance(request, dict):
        fix = "give a request to the Responses API"
        raise DataError("responses_create_params is no object", "no_messages", fix)
    if record.get("mask_sample") is True:
        reason = "the environment masked this rollout: it failed by itself"
        raise DataError(reason, "failed_run", "run the task again")
    prompt = request.get("input")
    if isinstance(prompt, str):
        prompt = [{"role": "user", "content": prompt}]
    if not prompt:
        reason = "responses_create_params.input is empty: the environment asks by itself"
        raise DataError(reason, "no_question", "write the first question into it")
    messages = messages_of(*_openai(prompt, "responses_create_params.input"))
    output = field(record.get("response"), "output")
    if output:
        messages += messages_of(*_openai(output, "response.output"))
    columns: dict[str, Any] = {}
    for name, value in record.items():
        if value is not None and name not in (*_LEFT_OUT, *_GOLDS):
            columns[name] = value if name == "id" else as_text(value)
    columns["tools"] = request.get("tools")
    columns["system"] = request.get("instructions")
    columns["reasoning_effort"] = field(request.get("reasoning"), "effort")
    row: Any = make_row(messages, columns, ())
    if output:
        _add_label(row, record.get("reward"))
    else:
        _add_gold(row, record)
    return [row]


def _add_label(row: Any, reward: Any) -> None:
    if not isinstance(reward, int | float):
        raise DataError("the rollout has no reward", "no_reward", "let its verifier judge it")
    row["label"] = "true" if reward >= SUCCESS else "false"


def _add_gold(row: Any, record: dict[str, Any]) -> None:
    """Add the gold to the row: calls as expected_calls, all else as text. Raises DataError."""
    for name in _GOLDS:
        gold = record.get(name, field(record.get("verifier_metadata"), name))
        if isinstance(gold, str) and gold.lstrip().startswith(("{", "[")):
            value = decode_or_none(gold)
            gold = gold if _calls(value) is None else value
        if gold is None:
            continue
        calls = _calls(gold)
        is_whole_run = name == "ground_truth" and record.get("environment_name")
        if calls is not None and not is_whole_run:
            read = [call_from(call, f"{name}[{number}]") for number, call in enumerate(calls)]
            row["expected_calls"] = to_json(expect_exactly(read))
            if field(gold, "ordered") is True:
                row["scoring"] = '{"ordered":true}'
        if not calls:
            text = field(gold, "content") if field(gold, "type") == "message" else gold
            row.setdefault("solution", as_text(text))
        row.setdefault(name, as_text(gold))


def _calls(gold: Any) -> list[Any] | None:
    """Return the calls that a gold is, [] for a message in place of any; None for another gold."""
    if field(gold, "type") == "message":
        return []
    if field(gold, "type") == "function_call_batch":
        return listed(gold.get("calls"))
    values = [_bare(value) for value in listed(gold)]
    return values if values and all(map(is_call, values)) else None


def _bare(value: Any) -> Any:
    """Return a function_call item as a call."""
    if field(value, "type") != "function_call":
        return value
    return {"name": value.get("name"), "arguments": value.get("arguments")}


def _openai(source: Any, where: str) -> tuple[Any, str, list[int]]:
    """Return the items as OpenAI's messages, `where`, and the places of these in the source."""
    messages: list[Any] = []
    numbers: list[int] = []
    reasoning: list[str] = []
    for number, item in enumerate(items(source)):
        kind = field(item, "type") or ("message" if field(item, "role") else None)
        if kind == "reasoning":
            parts = items(item.get("content")) or items(item.get("summary"))
            reasoning += [as_text(field(part, "text")) for part in parts if field(part, "text")]
            continue
        message = _message(item, kind, f"{where}[{number}]")
        if reasoning and message["role"] == "assistant":
            message["reasoning_content"] = "\n\n".join(reasoning)
            reasoning = []
        last = messages[-1] if messages else {}
        goes_on = kind == "function_call" and "reasoning_content" not in message
        if goes_on and last.get("role") == "assistant":
            last["tool_calls"] = [*last.get("tool_calls", []), *message["tool_calls"]]
            continue
        messages.append(message)
        numbers.append(number)
    return messages, where, numbers


def _message(item: Any, kind: Any, where: str) -> dict[str, Any]:
    """Return the message that an item is. Raises DataError."""
    if kind == "function_call":
        call = {"id": item.get("call_id"), "function": _bare(item)}
        return {"role": "assistant", "content": "", "tool_calls": [call]}
    if kind == "function_call_output":
        output = _content(item.get("output"))
        return {"role": "tool", "tool_call_id": item.get("call_id"), "content": output}
    if kind == "message":
        return {"role": item.get("role"), "content": _content(item.get("content"))}
    reason = f"{where}: an item of type {kind!r:.50}, which a row cannot hold"
    raise DataError(reason, "bad_message", "leave the row out")


def _content(content: Any) -> Any:
    """Return a content with its texts as OpenAI's chat has them."""
    if not isinstance(content, list):
        return content
    parts = []
    for part in content:
        if field(part, "type") == "refusal":
            part = {"type": "text", "text": part.get("refusal")}
        elif field(part, "type") in _TEXTS:
            part = {"type": "text", "text": part.get("text")}
        parts.append(part)
    return parts
