"""Hypothesis strategies: conversations of every shape, with texts that are hard to keep apart."""

from typing import Any

from hypothesis import strategies as st

PLAIN = [
    "Oak",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\t",
    "\r\n",
    "北京",
    "🌲",
    "é",
    "a.b",
    "123",
    '"',
    "{",
    "\\",
]
CONTROL = {"<|im_end|>": "one", "<|im_start|>system": "two", "<|endoftext|>": "three"}
TAGS = ["<think>", "</think>", "<tool_call>", "</tool_response>"]


def _texts(words: list[str], smallest: int = 0) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(words), min_size=smallest, max_size=4).map("".join)


plain_texts = _texts(PLAIN)
texts = plain_texts | _texts([*PLAIN, *CONTROL]) | _texts([*PLAIN, *CONTROL, *TAGS])
_names = st.sampled_from(["city", "days", "城市", "a b", *CONTROL])
_values = st.one_of(
    texts, st.integers(-9, 9), st.booleans(), st.none(), st.lists(texts, max_size=2)
)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[Any] | None]:
    """(messages, tools): one to three questions, each answered after up to two rounds of calls."""
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(texts)})
    names = draw(st.lists(_names, min_size=1, max_size=2, unique=True))
    for _ in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(texts)})
        for _ in range(draw(st.integers(0, 2))):
            calls = draw(st.lists(_calls(names), min_size=1, max_size=2))
            messages.append({**draw(_answers()), "tool_calls": calls})
            for call in calls:
                messages.append(
                    {"role": "tool", "tool_call_id": call["id"], "content": draw(texts)}
                )
        messages.append(draw(_answers()))
    has_calls = any("tool_calls" in message for message in messages)
    return messages, [_tool(names, draw(texts))] if has_calls or draw(st.booleans()) else None


def _answers() -> st.SearchStrategy[dict[str, Any]]:
    said = st.fixed_dictionaries({"role": st.just("assistant"), "content": texts})
    thought = plain_texts.filter(str.strip)
    return said | st.builds(lambda answer, why: {**answer, "reasoning_content": why}, said, thought)


def _calls(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    arguments = st.dictionaries(st.sampled_from(names), _values, max_size=2)
    return st.builds(
        lambda given: {
            "id": "abcdefghi",
            "type": "function",
            "function": {"name": "get_weather", "arguments": given},
        },
        arguments,
    )


def _tool(names: list[str], description: str) -> dict[str, Any]:
    properties = {name: {"type": "string", "description": description} for name in names}
    parameters = {"type": "object", "properties": properties, "required": names[:1]}
    function = {"name": "get_weather", "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


def harmless(value: Any) -> Any:
    """The same JSON value with other words for control tokens."""
    if isinstance(value, str):
        for token, word in CONTROL.items():
            value = value.replace(token, word)
        return value
    if isinstance(value, dict):
        return {harmless(key): harmless(each) for key, each in value.items()}
    if isinstance(value, list):
        return [harmless(each) for each in value]
    return value
