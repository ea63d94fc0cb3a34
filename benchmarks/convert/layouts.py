"""Rows of make_rows.py in the layouts of other data sets: the same words, tools, calls and results.

python layouts.py RAW.jsonl FOLDER     writes FOLDER/LAYOUT.jsonl for each
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Talk(NamedTuple):
    system: str
    question: str
    calls: list[dict[str, Any]]  # {name, arguments}
    ids: list[str]
    results: list[str]
    answer: str
    tools: list[dict[str, Any]]  # OpenAI's


def talk_of(row: dict[str, Any]) -> Talk:
    system, question, calling, *results, answer = row["messages"]
    calls, ids = [], []
    for call in calling["tool_calls"]:
        arguments = json.loads(call["function"]["arguments"])
        calls.append({"name": call["function"]["name"], "arguments": arguments})
        ids.append(call["id"])
    texts = [result["content"] for result in results]
    return Talk(
        system["content"], question["content"], calls, ids, texts, answer["content"], row["tools"]
    )


def openai(talk: Talk) -> dict[str, Any]:
    """With a reasoning: it does not go the short way."""
    calls = []
    for call, identity in zip(talk.calls, talk.ids, strict=True):
        function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
        calls.append({"id": identity, "type": "function", "function": function})
    results = []
    for text, identity in zip(talk.results, talk.ids, strict=True):
        results.append({"role": "tool", "tool_call_id": identity, "content": text})
    messages = [
        {"role": "system", "content": talk.system},
        {"role": "user", "content": talk.question},
        {"role": "assistant", "content": None, "reasoning": "I call.", "tool_calls": calls},
        *results,
        {"role": "assistant", "content": talk.answer},
    ]
    return {"messages": messages, "tools": talk.tools}


def openai_text_calls(talk: Talk) -> dict[str, Any]:
    written = [f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in talk.calls]
    texts = [f"<tool_response>\n{text}\n</tool_response>" for text in talk.results]
    messages = [
        {"role": "system", "content": talk.system},
        {"role": "user", "content": talk.question},
        {"role": "assistant", "content": "\n".join(written)},
        {"role": "user", "content": "\n".join(texts)},
        {"role": "assistant", "content": talk.answer},
    ]
    return {"messages": messages, "tools": talk.tools}


def openai_log(talk: Talk) -> dict[str, Any]:
    row = openai(talk)
    *asked, answer = row["messages"]
    choice = {"index": 0, "message": answer, "finish_reason": "stop"}
    request = {"model": "m", "messages": asked, "tools": talk.tools}
    return {"request": request, "response": {"id": "c", "choices": [choice]}}


def sharegpt(talk: Talk) -> dict[str, Any]:
    turns = [{"from": "human", "value": talk.question}]
    for call, text in zip(talk.calls, talk.results, strict=True):
        turns.append({"from": "function_call", "value": json.dumps(call)})
        turns.append({"from": "observation", "value": text})
    turns.append({"from": "gpt", "value": talk.answer})
    return {"conversations": turns, "system": talk.system, "tools": json.dumps(talk.tools)}


def hermes(talk: Talk) -> dict[str, Any]:
    prompt = (
        "You are a function calling AI model. You are provided with function signatures within"
        f" <tools> </tools> XML tags.\n<tools>\n{json.dumps(talk.tools)}\n</tools>\nFor each"
        " function call return a json object with function name and arguments within <tool_call>"
        " </tool_call> tags with the following schema:\n<tool_call>\n{'arguments': <args-dict>,"
        " 'name': <function-name>}\n</tool_call>\n"
    )
    row = openai_text_calls(talk)
    names = {"user": "human", "assistant": "gpt"}
    turns = [{"from": "system", "value": prompt}]
    for message in row["messages"][1:]:
        is_result = message["content"].startswith("<tool_response>")
        name = "tool" if is_result else names[message["role"]]
        turns.append({"from": name, "value": message["content"]})
    return {"conversations": turns}


def toolace(talk: Talk) -> dict[str, Any]:
    functions = [tool["function"] for tool in talk.tools]
    prompt = (
        "Here is a list of functions in JSON format that you can invoke:\n"
        f"{json.dumps(functions)}. \nShould you decide to return the function call(s). \nPut it in"
        " the format of [func1(params_name=params_value), func2(params)]\n"
    )
    written = []
    for call in talk.calls:
        values = ", ".join(f"{key}={value!r}" for key, value in call["arguments"].items())
        written.append(f"{call['name']}({values})")
    turns = [
        {"from": "user", "value": talk.question},
        {"from": "assistant", "value": f"[{', '.join(written)}]"},
        {"from": "tool", "value": f"[{', '.join(talk.results)}]"},
        {"from": "assistant", "value": talk.answer},
    ]
    return {"system": prompt, "conversations": turns}


def anthropic(talk: Talk) -> dict[str, Any]:
    uses, results = [], []
    for call, identity, text in zip(talk.calls, talk.ids, talk.results, strict=True):
        use = {"id": identity, "name": call["name"], "input": call["arguments"]}
        uses.append({"type": "tool_use", **use})
        results.append({"type": "tool_result", "tool_use_id": identity, "content": text})
    tools = []
    for tool in talk.tools:
        function = tool["function"]
        about = {"name": function["name"], "description": function["description"]}
        tools.append({**about, "input_schema": function["parameters"]})
    messages = [
        {"role": "user", "content": talk.question},
        {"role": "assistant", "content": uses},
        {"role": "user", "content": results},
        {"role": "assistant", "content": [{"type": "text", "text": talk.answer}]},
    ]
    return {"system": talk.system, "messages": messages, "tools": tools}


def gemini(talk: Talk) -> dict[str, Any]:
    calls, results = [], []
    for call, text in zip(talk.calls, talk.results, strict=True):
        calls.append({"functionCall": {"name": call["name"], "args": call["arguments"]}})
        response = {"name": call["name"], "response": json.loads(text)}
        results.append({"functionResponse": response})
    declared = [tool["function"] for tool in talk.tools]
    return {
        "systemInstruction": {"role": "system", "parts": [{"text": talk.system}]},
        "contents": [
            {"role": "user", "parts": [{"text": talk.question}]},
            {"role": "model", "parts": calls},
            {"role": "user", "parts": results},
            {"role": "model", "parts": [{"text": talk.answer}]},
        ],
        "tools": [{"functionDeclarations": declared}],
    }


def bedrock(talk: Talk) -> dict[str, Any]:
    uses, results = [], []
    for call, identity, text in zip(talk.calls, talk.ids, talk.results, strict=True):
        use = {"toolUseId": identity, "name": call["name"], "input": call["arguments"]}
        uses.append({"toolUse": use})
        results.append({"toolResult": {"toolUseId": identity, "content": [{"text": text}]}})
    specs = []
    for tool in talk.tools:
        function = tool["function"]
        about = {"name": function["name"], "description": function["description"]}
        specs.append({"toolSpec": {**about, "inputSchema": {"json": function["parameters"]}}})
    return {
        "schemaVersion": "bedrock-conversation-2024",
        "system": [{"text": talk.system}],
        "messages": [
            {"role": "user", "content": [{"text": talk.question}]},
            {"role": "assistant", "content": uses},
            {"role": "user", "content": results},
            {"role": "assistant", "content": [{"text": talk.answer}]},
        ],
        "toolConfig": {"tools": specs},
    }


def responses(talk: Talk) -> dict[str, Any]:
    items: list[dict[str, Any]] = [{"type": "message", "role": "user", "content": talk.question}]
    for call, identity in zip(talk.calls, talk.ids, strict=True):
        about = {"call_id": identity, "name": call["name"]}
        items.append({"type": "function_call", **about, "arguments": json.dumps(call["arguments"])})
    for identity, text in zip(talk.ids, talk.results, strict=True):
        items.append({"type": "function_call_output", "call_id": identity, "output": text})
    said = [{"type": "output_text", "text": talk.answer}]
    items.append({"type": "message", "role": "assistant", "content": said})
    tools = [{"type": "function", **tool["function"]} for tool in talk.tools]
    return {"instructions": talk.system, "input": items, "tools": tools}


def langchain(talk: Talk) -> dict[str, Any]:
    calls, results = [], []
    for call, identity, text in zip(talk.calls, talk.ids, talk.results, strict=True):
        about = {"name": call["name"], "args": call["arguments"], "id": identity}
        calls.append({**about, "type": "tool_call"})
        results.append({"type": "tool", "content": text, "tool_call_id": identity})
    messages = [
        {"type": "system", "content": talk.system},
        {"type": "human", "content": talk.question},
        {"type": "ai", "content": "", "tool_calls": calls},
        *results,
        {"type": "ai", "content": talk.answer},
    ]
    return {"messages": messages, "tools": talk.tools}


def swift_rows(talk: Talk) -> dict[str, Any]:
    calls = [{"role": "tool_call", "content": json.dumps(call)} for call in talk.calls]
    results = [{"role": "tool_response", "content": text} for text in talk.results]
    messages = [
        {"role": "system", "content": talk.system},
        {"role": "user", "content": talk.question},
        *calls,
        *results,
        {"role": "assistant", "content": talk.answer},
    ]
    return {"messages": messages, "tools": json.dumps(talk.tools)}


def alpaca(talk: Talk) -> dict[str, Any]:
    tools = json.dumps(talk.tools)
    about = {"instruction": talk.question, "input": "", "system": talk.system, "tools": tools}
    return {**about, "output": json.dumps(talk.calls)}


def xlam(talk: Talk) -> dict[str, Any]:
    tools = json.dumps([tool["function"] for tool in talk.tools])
    return {"query": talk.question, "answers": json.dumps(talk.calls), "tools": tools}


def preference(talk: Talk) -> dict[str, Any]:
    row = openai(talk)
    *asked, answer = row["messages"]
    worse = [{"role": "assistant", "content": "No."}]
    return {"prompt": asked, "chosen": [answer], "rejected": worse, "tools": talk.tools}


def kto(talk: Talk) -> dict[str, Any]:
    return {**openai(talk), "label": True}


def grpo_prompts(talk: Talk) -> dict[str, Any]:
    asked = openai(talk)["messages"][:-1]
    return {"prompt": asked, "solution": talk.answer, "tools": talk.tools}


LAYOUTS: list[Callable[[Talk], dict[str, Any]]] = [
    openai, openai_text_calls, openai_log, sharegpt, hermes, toolace, anthropic, gemini, bedrock,
    responses, langchain, swift_rows, alpaca, xlam, preference, kto, grpo_prompts,
]  # fmt: skip


def write(raw: Path, folder: Path) -> list[Path]:
    """Write a file of each layout; return them."""
    folder.mkdir(parents=True, exist_ok=True)
    talks = []
    with raw.open(encoding="utf-8") as lines:
        for line in lines:
            talks.append(talk_of(json.loads(line)))
    files = []
    for layout in LAYOUTS:
        path = folder / f"{layout.__name__}.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for talk in talks:
                file.write(json.dumps(layout(talk), ensure_ascii=False) + "\n")
        files.append(path)
    return files


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
