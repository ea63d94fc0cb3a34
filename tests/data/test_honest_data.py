"""What people train on and is no call, no format of calls and no lost field: accepted as it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from swiftkit.data.convert_record import ConvertOptions, ConvertOutcome, convert_chunk
from swiftkit.files.inputs import Chunk

PING = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [
    {"type": "function", "function": {"name": name, "description": "d", "parameters": PING}}
    for name in ("get_weather", "search", "run", "list")
]
FENCE = "```"
CALL = '<tool_call>\n{"name": "get_time", "arguments": {"zone": "UTC"}}\n</tool_call>'
BARE = '{"name": "get_time", "arguments": {"zone": "UTC"}}'


def outcome_of(record: dict[str, Any]) -> ConvertOutcome:
    line = json.dumps(record).encode()
    (outcome,) = convert_chunk(Chunk(Path("raw.jsonl"), [(1, line)]), ConvertOptions("sft"))
    return outcome


def chat(*texts: str, system: str = "") -> list[dict[str, Any]]:
    messages = [{"role": "system", "content": system}] if system else []
    for number, text in enumerate(texts):
        messages.append({"role": ("user", "assistant")[number % 2], "content": text})
    return messages


def messages_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    outcome = outcome_of(record)
    assert outcome.reject is None, outcome.reject
    messages: list[dict[str, Any]] = json.loads(outcome.rows[0])["messages"]
    return messages


@pytest.mark.parametrize(
    "text",
    [
        f"Qwen writes a call so:\n\n{FENCE}\n{CALL}\n{FENCE}\n\nYour program has to read the JSON.",
        f"The reply has this in it:\n{FENCE}json\n{BARE}\n{FENCE}\nYou then run the function.",
        f"{FENCE}python\ncalls = re.findall(r'<tool_call>(.*?)</tool_call>', text)\n{FENCE}",
        "Mistral writes `[TOOL_CALLS]` before a list of calls, Llama `<|python_tag|>`.",
        "run (verb): to move fast. list (noun): one thing after the other.",
        "search(query) looks a text up; run(command) starts a program.",
        "list {items} is replaced by the template.",
    ],
)
@pytest.mark.parametrize("tools", [[], TOOLS], ids=["no tools", "tools"])
def test_a_text_about_calls_stays_a_text(text: str, tools: list[dict[str, Any]]) -> None:
    messages = chat("How does it work?", text)
    assert messages_of({"messages": messages, "tools": tools}) == messages


@pytest.mark.parametrize(
    "text",
    [
        '模型输出 `<tool_call>{"name": "f", "arguments": {}}</tool_call>`,然后由程序解析。',
        f"It ends with `{BARE}`.",
        '{"function": {"name": "main", "complexity": 3}}',
        '<?xml version="1.0"?>\n<note>\n  <function name="f"><x>1</x></function>\n</note>',
    ],
)
def test_without_tools_code_is_an_answer(text: str) -> None:
    messages = chat("How does it work?", text)
    assert messages_of({"messages": messages}) == messages


def test_few_words_behind_a_call_are_not_moved_before_it() -> None:
    for behind in ("Done.", "好的。", "!"):
        reject = outcome_of({"messages": chat("Time?", f"I look. {CALL} {behind}")}).reject
        assert reject
        assert reject.code == "text_after_call"


def test_a_call_of_a_tool_of_the_row_is_never_a_quotation() -> None:
    call = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>'
    text = f"I look it up:\n{FENCE}\n{call}\n{FENCE}\nThat takes a moment of time."
    reject = outcome_of({"messages": chat("Rain?", text), "tools": TOOLS}).reject
    assert reject
    assert reject.code == "text_after_call"


def test_tags_that_the_prompt_asks_for_stay() -> None:
    answer = "<reasoning>\n2 and 2\n</reasoning>\n<answer>\n4\n</answer>"
    asked = "Write <reasoning>...</reasoning>, then <answer>...</answer>."
    messages = chat("2 + 2?", answer, system=asked)
    assert messages_of({"messages": messages}) == messages
    assert messages_of({"messages": chat("2 + 2?", answer)})[-1] == {
        "role": "assistant", "content": "4", "reasoning_content": "2 and 2",
    }  # fmt: skip


@pytest.mark.parametrize(
    "system",
    [
        'Return JSON: {"name": <full name>, "email": <email>}',
        'Say of each function of the code {"name": "function name", "summary": "..."}.',
        'Answer from these:\n[{"id": 1, "name": "A", "description": "a text"}]',
        'Products:\n{"name": "Drill", "description": "loud", "parameters": {"volt": 18}}',
        "You teach ReAct: loops of Thought/Action/Observation, and function calling.",
        "You know LangChain. Explain Thought, Action and Action Input when asked.",
    ],
)
@pytest.mark.parametrize("tools", [[], TOOLS], ids=["no tools", "tools"])
def test_a_system_text_without_a_format_of_calls_stays(
    system: str, tools: list[dict[str, Any]]
) -> None:
    messages = chat("Hi", "Hello.", system=system)
    assert messages_of({"messages": messages, "tools": tools}) == messages


def test_a_demand_for_steps_that_stays_is_refused() -> None:
    system = "Be kind, and you must reply with Thought, Action and its input."
    reject = outcome_of({"messages": chat("Hi", "Hello.", system=system)}).reject
    assert reject
    assert reject.code == "format_in_prompt"


def test_a_tools_result_may_speak_of_tags() -> None:
    call = {"function": {"name": "search", "arguments": '{"city": "tags"}'}}
    page = "Results go into `<tool_response>` and `</tool_response>`."
    messages = [
        {"role": "user", "content": "Look it up"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": page},
        {"role": "assistant", "content": "Into tags."},
    ]
    assert messages_of({"messages": messages, "tools": TOOLS})[2]["content"] == page


@pytest.mark.parametrize(
    "columns",
    [
        {"train_id": 17, "training_step": 4, "eval_loss": 1.5, "attention_mask": [1, 1]},
        {"has_image": False, "num_videos": 0},
        {"character": {"name": "Bob", "description": "a pirate", "parameters": {"age": 3}}},
        {"entities": [{"name": "Paris", "description": "a city"}]},
        {"generation": {"name": "gpt-4", "parameters": {"temperature": 1}}},
    ],
)
def test_a_column_about_the_row_is_counted(columns: dict[str, Any]) -> None:
    outcome = outcome_of({"messages": chat("Hi", "Hello."), **columns})
    assert outcome.reject is None
    assert list(outcome.unread) == list(columns)


def test_figures_about_a_message_are_counted() -> None:
    messages = chat("Hi", "Hello.")
    messages[1] |= {"thinking_time": 1.5, "reasoning_tokens": 20}
    outcome = outcome_of({"messages": messages})
    assert outcome.reject is None
    assert list(outcome.unread) == ["messages[].thinking_time", "messages[].reasoning_tokens"]


@pytest.mark.parametrize(
    "columns",
    [
        {"functions_used": [{"name": "f", "description": "a tool", "parameters": {"a": 1}}]},
        {"last_call": {"name": "f", "parameters": {"a": 1}}},
        {"weight": 0.5},
        {"image_id": 458752},
    ],
)
def test_a_column_that_would_change_the_row_is_refused(columns: dict[str, Any]) -> None:
    reject = outcome_of({"messages": chat("Hi", "Hello."), **columns}).reject
    assert reject
    assert reject.code == "unread_field"


@pytest.mark.parametrize("text", ["[[1, 2], [3, 4]]", '[{"name": "Bob", "age": 5}]'])
def test_an_input_of_json_is_what_an_instruction_is_about(text: str) -> None:
    """Not the request of a log: CodeAlpaca has such rows."""
    messages = messages_of({"instruction": "Transpose it.", "input": text, "output": "Done."})
    assert messages[0]["content"].endswith(text)
