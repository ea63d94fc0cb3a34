"""The requests of a run."""

from typing import Any

from swiftkit.evals.run_directory import RunConfig
from swiftkit.files.jsonl import encode


def request_body(
    config: RunConfig,
    messages: list[dict[str, Any]],
    tools: list[dict[str, Any]],
    trial: int,
    stream: bool,
) -> bytes:
    """Return a chat-completions request as JSON; config.prompt replaces its own system prompt."""
    if config.prompt is not None:
        others = [message for message in messages if message["role"] != "system"]
        messages = [{"role": "system", "content": config.prompt}, *others]
    body: dict[str, Any] = {"model": config.model, "messages": messages}
    body |= {"temperature": config.temperature, "max_tokens": config.max_tokens}
    if tools:  # some servers refuse an empty list
        body["tools"] = tools
    if config.trials > 1:
        body["seed"] = config.seed + trial
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return encode(body)
