"""Calls in the texts of answers: in every wire format they become the calls, and never words."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from swiftkit.data.convert_record import ConvertOptions, ConvertOutcome, convert_chunk
from swiftkit.errors import DataError
from swiftkit.files.inputs import Chunk
from swiftkit.toolcall import wire_format
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.formats import names

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a city",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "days": {"type": "integer"},
                    "units": {"type": "array", "items": {"type": "string"}},
                    "note": {"type": "string"},
                },
                "required": ["city"],
            },
        },
    }
]
ONE = [ToolCall("get_weather", {"city": "Oslo"})]
TWO = [
    ToolCall("get_weather", {"city": "北京", "days": 3}),
    ToolCall("get_weather", {"city": "Rome", "units": ["C", "K"], "note": "5"}),
]


def outcome_of(record: dict[str, Any], target: str) -> ConvertOutcome:
    line = json.dumps(record).encode()
    (outcome,) = convert_chunk(Chunk(Path("raw.jsonl"), [(1, line)]), ConvertOptions(target))
    return outcome


def row_of(record: dict[str, Any], target: str) -> dict[str, Any]:
    outcome = outcome_of(record, target)
    assert outcome.reject is None, outcome.reject
    row: dict[str, Any] = json.loads(outcome.rows[0])
    return row


def layouts(text: str) -> dict[str, dict[str, Any]]:
    """A question and this answer, in each layout that holds an answer as one text."""
    question = "Weather?"
    return {
        "openai": {
            "messages": [
                {"role": "user", "content": question},
                {"role": "assistant", "content": text},
            ]
        },
        "sharegpt": {
            "conversations": [
                {"from": "human", "value": question},
                {"from": "gpt", "value": text},
            ]
        },
        "alpaca": {"instruction": question, "output": text},
        "completion": {"prompt": question, "completion": text},
        "kto": {"prompt": question, "completion": text, "label": True},
        "preference": {"prompt": question, "chosen": text, "rejected": "No."},
    }


@pytest.mark.parametrize("calls", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize("form", names())
def test_a_call_in_any_wire_format_is_the_gold(form: str, calls: list[ToolCall]) -> None:
    """In each layout, and never "call nothing": a format that has no way to write two calls is
    refused when it writes, not here."""
    try:
        text = wire_format.load(form).render(calls)
    except DataError:
        pytest.skip(f"{form} cannot write these calls")
    if wire_format.load(form).parse(text).calls != calls:
        pytest.skip(f"{form} writes no types: read by the tools, see below")
    expected = [{"name": call.name, "arguments": call.arguments} for call in calls]
    for name, record in layouts(text).items():
        outcome = outcome_of(record | {"tools": TOOLS}, "grpo")
        assert outcome.reject is None, (name, text, outcome.reject)
        gold = json.loads(json.loads(outcome.rows[0])["expected_calls"])
        assert gold == expected, (name, text)


@pytest.mark.parametrize("form", names())
def test_no_gold_is_silence_where_a_call_was_written(form: str) -> None:
    """Whatever stands around the call: it is read, or refused."""
    text = wire_format.load(form).render(ONE)
    for written in (text, f"I look.\n{text}", f"{text}\n", text[: len(text) * 2 // 3]):
        for name, record in layouts(written).items():
            outcome = outcome_of(record | {"tools": TOOLS}, "grpo")
            if outcome.reject is None:
                gold = json.loads(json.loads(outcome.rows[0])["expected_calls"])
                assert gold, (name, written)


def test_parameters_in_a_prompt_are_no_tools() -> None:
    """Qwen's ReAct prompt lists a tool's parameters as objects with names."""
    prompt = (
        'You have access to the following tools:\n\nsearch: find things. Parameters: [{"name":'
        ' "q", "description": "what", "required": true}]\n\nUse the following format:\n\nQuestion:'
        " the input question\nThought: think\nAction: the action, one of [search]\nAction Input:"
        " its input\nObservation: the result\nFinal Answer: the answer\n\nBegin!\n"
    )
    messages = [
        {"role": "system", "content": prompt},
        {"role": "user", "content": "Rain?"},
        {
            "role": "assistant",
            "content": 'Thought: ask\nAction: search\nAction Input: {"q": "rain"}',
        },
        {"role": "user", "content": "Observation: yes"},
        {"role": "assistant", "content": "Thought: done\nFinal Answer: Yes."},
    ]
    row = row_of({"messages": messages}, "sft")
    assert "tools" not in row
    assert "Action Input" not in row["messages"][0]["content"]
    roles = [message["role"] for message in row["messages"][1:]]
    assert roles == ["user", "assistant", "tool_call", "tool_response", "assistant"]
    assert row["messages"][-1] == {
        "role": "assistant",
        "content": "Yes.",
        "reasoning_content": "done",
    }


def test_the_recorded_answer_earns_all_and_silence_nothing(tmp_path: Path) -> None:
    """Of a GRPO file of each format in each layout, as `swiftkit score` pays them."""
    rows: list[bytes] = []
    recorded: dict[str, str] = {}
    for form in names():
        text = wire_format.load(form).render(ONE)
        for layout, record in layouts(text).items():
            identity = f"{form}-{layout}"
            outcome = outcome_of(record | {"tools": TOOLS, "id": identity}, "grpo")
            assert outcome.reject is None, (identity, outcome.reject)
            rows.append(outcome.rows[0])
            recorded[json.loads(outcome.rows[0])["id"]] = text
    data = tmp_path / "grpo.jsonl"
    data.write_bytes(b"".join(row + b"\n" for row in rows))
    assert len(recorded) == len(rows)
    for expected, answers in ((1.0, recorded), (0.0, dict.fromkeys(recorded, "Sorry, no."))):
        completions = tmp_path / "completions.jsonl"
        lines = [json.dumps({"id": key, "completion": text}) for key, text in answers.items()]
        completions.write_text("\n".join(lines) + "\n", encoding="utf-8")
        scores = tmp_path / "scores.jsonl"
        command = [sys.executable, "-m", "swiftkit", "score", data]
        subprocess.run([*command, "--completions", completions, "-o", scores], check=True)
        for line in scores.read_text(encoding="utf-8").splitlines():
            assert json.loads(line)["value"] == expected, line


CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>'


def chat(*turns: tuple[str, str], **columns: Any) -> dict[str, Any]:
    messages = [{"role": role, "content": content} for role, content in turns]
    return {"messages": messages, **columns}


@pytest.mark.parametrize(
    ("text", "results"),
    [
        ('[TOOL_RESULTS] {"content": "rain"} [/TOOL_RESULTS]', ['{"content": "rain"}']),
        ("<|observation|>rain", ["rain"]),
        ("Tool result: rain", ["rain"]),
        ("工具返回结果：rain", ["rain"]),
        ("<TOOL_RESPONSE>rain</TOOL_RESPONSE>\n<TOOL_RESPONSE>5</TOOL_RESPONSE>", ["rain", "5"]),
        (
            "<｜tool▁outputs▁begin｜><｜tool▁output▁begin｜>rain<｜tool▁output▁end｜>"
            "<｜tool▁outputs▁end｜>",
            ["rain"],
        ),
    ],
)
def test_a_result_in_a_users_message_behind_a_call_is_a_result(
    text: str, results: list[str]
) -> None:
    turns = [("user", "Weather?"), ("assistant", CALL), ("user", text), ("assistant", "Rain.")]
    read = []
    for message in row_of(chat(*turns, tools=TOOLS), "sft")["messages"]:
        if message["role"] == "tool_response":
            read.append(message["content"])
    assert read == results


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<tool_response>rain</tool_response>\nAnd now?", "bad_order"),
        ("Here: <tool_response>rain</tool_response>", "broken_result"),
        ("[TOOL_RESULTS] rain", "broken_result"),
    ],
)
def test_text_around_a_result_is_refused_for_what_it_is(text: str, code: str) -> None:
    turns = [("user", "Weather?"), ("assistant", CALL), ("user", text), ("assistant", "Rain.")]
    reject = outcome_of(chat(*turns, tools=TOOLS), "sft").reject
    assert reject is not None
    assert reject.code == code


TOOL = json.dumps(TOOLS[0])
FUNCTION = json.dumps(TOOLS[0]["function"])


@pytest.mark.parametrize(
    ("system", "rest"),
    [
        (f"Be brief.\n<AVAILABLE_TOOLS>[{FUNCTION}]</AVAILABLE_TOOLS>", "Be brief."),
        (f"You have some tools.<|tool|>[{FUNCTION}]<|/tool|>", "You have some tools."),
        (f"# Tools\n\nYou have these tools:\n<tool_definitions>\n{TOOL}\n</tool_definitions>", ""),
        (f"List of tools: <|tool_list_start|>[{FUNCTION}]<|tool_list_end|>", ""),
        (f"<|im_system|>tool_declare<|im_middle|>[{TOOL}]<|im_end|>", ""),
        (f"你是助手。\n\n# 可用工具\n\n## get_weather\n\n{FUNCTION}", "你是助手。"),
        (
            "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are"
            " provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
            f"{TOOL}\n</tools>\n\nFor each function call, output the function name and arguments"
            " within the following XML format:\n<tool_call>{function-name}\n<arg_key>{arg-key-1}"
            "</arg_key>\n<arg_value>{arg-value-1}</arg_value>\n...\n</tool_call>",
            "",
        ),
    ],
)
def test_a_template_s_tools_leave_nothing_of_it_in_the_system_text(system: str, rest: str) -> None:
    row = row_of(chat(("system", system), ("user", "Weather?"), ("assistant", CALL)), "sft")
    assert [tool["function"]["name"] for tool in json.loads(row["tools"])] == ["get_weather"]
    texts = [message["content"] for message in row["messages"] if message["role"] == "system"]
    assert texts == ([rest] if rest else [])


@pytest.mark.parametrize(
    ("role", "text"),
    [
        ("user", f"[AVAILABLE_TOOLS] [{TOOL}][/AVAILABLE_TOOLS] Weather?"),
        ("system", "namespace functions {\ntype get_weather = (_: {\ncity: string,\n}) => any;\n}"),
        ("system", 'def get_weather(city: str):\n    """The weather"""'),
        ("system", "Tools:\n- name: get_weather\n  description: The weather"),
    ],
)
def test_tools_in_a_text_that_are_not_read_are_refused(role: str, text: str) -> None:
    turns = [(role, text), ("user", "Weather?"), ("assistant", CALL)]
    reject = outcome_of(chat(*turns), "sft").reject
    assert reject is not None
    assert reject.code == "bad_tools"


@pytest.mark.parametrize(
    "answer",
    [
        '{"name": "get_weather", "parameters": {"city": "Oslo"}}',
        'get_weather(city="Oslo")',
        '[get_weather(city="Oslo")]',
    ],
)
def test_what_may_be_a_call_in_a_row_without_tools_has_no_gold(answer: str) -> None:
    reject = outcome_of(chat(("user", "Weather?"), ("assistant", answer)), "grpo").reject
    assert reject is not None
    assert reject.code == "unread_call"


def test_a_tools_name_behind_a_special_token_is_no_text() -> None:
    """As Functionary v2 writes it."""
    answer = '<|from|>assistant\n<|recipient|>get_weather\n<|content|>{"city": "Oslo"}'
    record = chat(("user", "Weather?"), ("assistant", answer), tools=TOOLS)
    reject = outcome_of(record, "sft").reject
    assert reject is not None
    assert reject.code == "unread_call"


@pytest.mark.parametrize("text", [str(TOOLS), json.dumps(json.dumps(TOOLS))])
def test_tools_that_python_printed_or_that_are_json_text_twice_are_read(text: str) -> None:
    for column in ("tools", "available_tools"):
        row = row_of(chat(("user", "Weather?"), ("assistant", CALL), **{column: text}), "sft")
        assert json.loads(row["tools"]) == TOOLS


@pytest.mark.parametrize(
    ("beside", "columns"),
    [
        ({"tool": "get_weather", "args": {"city": "Oslo"}}, {}),
        ({"additional_kwargs": {"reasoning_content": "Hm."}}, {}),
        ({"思考": "Hm."}, {}),
        ({"audio": {"id": "audio_1"}}, {}),
        ({}, {"system_instruction": "Be brief."}),
        ({}, {"tool_dict": {"get_weather": TOOLS[0]["function"]}}),
    ],
)
def test_what_no_converter_reads_and_would_change_the_row_is_refused(
    beside: dict[str, Any], columns: dict[str, Any]
) -> None:
    record = chat(("user", "Weather?"), ("assistant", "Rain."), **columns)
    record["messages"][1].update(beside)
    reject = outcome_of(record, "sft").reject
    assert reject is not None
    assert reject.code == "unread_field"


@pytest.mark.parametrize("name", ["systemMessage", "system_text", "系统提示"])
def test_a_system_prompt_under_another_name_is_kept(name: str) -> None:
    row = row_of(chat(("user", "Weather?"), ("assistant", "Rain."), **{name: "Be brief."}), "sft")
    assert row["messages"][0] == {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize("name", ["mask", "思维链", "persona", "available_tools"])
def test_a_column_that_no_training_reads_is_counted(name: str) -> None:
    outcome = outcome_of(chat(("user", "Weather?"), ("assistant", "Rain."), **{name: "x"}), "sft")
    assert outcome.reject is None
    assert name in outcome.unread


@pytest.mark.parametrize("form", names())
@pytest.mark.parametrize("after", ["\nBye now.", "\nObservation: Bye now."])
def test_no_text_behind_a_call_is_lost(form: str, after: str) -> None:
    """It is kept, or the row is refused: also where the format stops for the result."""
    text = wire_format.load(form).render(ONE) + after
    outcome = outcome_of(chat(("user", "Weather?"), ("assistant", text), tools=TOOLS), "sft")
    assert outcome.reject is not None or b"Bye now." in outcome.rows[0]


def test_a_question_that_prescribes_the_format_of_calls_is_refused() -> None:
    """As LangChain's ReAct prompt does, in one message with the question."""
    question = (
        "You have these tools:\n\nget_weather: The weather\n\nUse the following format:\n\n"
        "Thought: ...\nAction: one of [get_weather]\nAction Input: ...\n\nQuestion: Weather?"
    )
    answer = 'Thought: I look\nAction: get_weather\nAction Input: {"city": "Oslo"}'
    reject = outcome_of(chat(("user", question), ("assistant", answer)), "sft").reject
    assert reject is not None
    assert reject.code == "format_in_prompt"


@pytest.mark.parametrize(
    "text",
    [
        '{"tool": "get_weather", "args": {"city": "Oslo"}}',
        '[{"action": "get_weather", "action_input": "Oslo"}]',
    ],
)
def test_json_that_names_a_tool_is_no_silence(text: str) -> None:
    """In a row without tools: as a gold it would be "call nothing"; as words it is trained."""
    record = layouts(text)["openai"]
    outcome = outcome_of(record, "grpo")
    assert outcome.reject is not None
    assert outcome.reject.code == "unread_call"
    assert row_of(record, "sft")["messages"][-1]["content"] == text
