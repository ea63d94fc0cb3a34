"""Write OpenAI tool-call rows of about 3 KB: system, question, calls, their results, an answer.

    python make_rows.py OUT.jsonl --rows 200000 [--distinct] [--seed 0]

Each row offers three to five of 200 tools with JSON Schemas, in an order of its own; `--distinct`
gives every tool of the file a name and a text that no other tool has, so that nothing can be
remembered from row to row. Half of the rows are Chinese. The JSON is what Python's json.dumps
writes, as in most published files.
"""

import argparse
import json
import random
from collections.abc import Iterator
from typing import Any

NOUNS = (
    "weather order flight hotel invoice patient ticket calendar contact shipment product account"
    " payment course song recipe sensor vehicle document meeting"
).split()
VERBS = "get search list create update cancel track compare estimate export".split()
PARAMETERS: dict[str, dict[str, Any]] = {
    "city": {
        "type": "string", "description": "Name of the city, in its own language or in English",
    },
    "date": {
        "type": "string", "format": "date",
        "description": "Day in the form YYYY-MM-DD; today if left out",
    },
    "limit": {
        "type": "integer", "minimum": 1, "maximum": 100,
        "description": "How many results to give at most",
    },
    "price": {
        "type": "number", "description": "Upper bound of the price, in the currency of the account",
    },
    "urgent": {"type": "boolean", "description": "Whether it goes before all others"},
    "unit": {
        "type": "string", "enum": ["metric", "imperial"],
        "description": "System of units of the answer",
    },
    "tags": {
        "type": "array", "items": {"type": "string"},
        "description": "Words that all results must carry",
    },
    "place": {
        "type": "object",
        "properties": {"latitude": {"type": "number"}, "longitude": {"type": "number"}},
        "required": ["latitude", "longitude"],
    },
}  # fmt: skip
CITIES = ["Oslo", "Lima", "Nairobi", "北京", "上海", "深圳"]


def tool(noun: str, verb: str, mark: str, draw: random.Random) -> dict[str, Any]:
    names = draw.sample(sorted(PARAMETERS), draw.randint(1, 4))
    about = (
        f"{verb.title()} one {noun} or several{mark}. Gives the fields of each {noun}, the newest"
        " first."
    )
    parameters = {
        "type": "object",
        "properties": {name: PARAMETERS[name] for name in names},
        "required": names[: draw.randint(1, len(names))],
    }
    function = {"name": f"{verb}_{noun}{mark}", "description": about, "parameters": parameters}
    return {"type": "function", "function": function}


def draw_value(schema: dict[str, Any], draw: random.Random) -> Any:
    match schema["type"]:
        case "string" if "enum" in schema:
            return draw.choice(schema["enum"])
        case "string":
            return draw.choice(["2026-11-21"] if "format" in schema else CITIES)
        case "array":
            return draw.sample(["new", "cheap", "near", "便宜"], 2)
        case "object":
            return {name: draw_value(inner, draw) for name, inner in schema["properties"].items()}
    # all three are drawn, so that a row's later values do not depend on this one's type
    integer, number = draw.randint(1, 100), round(draw.uniform(1, 500), 2)
    return {"integer": integer, "number": number, "boolean": True}[schema["type"]]


def messages(tools: list[dict[str, Any]], draw: random.Random) -> Iterator[dict[str, Any]]:
    is_chinese = draw.random() < 0.5
    functions = [tool["function"] for tool in draw.sample(tools, draw.randint(1, 3))]
    ids = [f"call_{draw.getrandbits(96):024x}" for _ in functions]
    calls, results = [], []
    for identity, function in zip(ids, functions, strict=True):
        arguments = draw_value(function["parameters"], draw)
        called = {"name": function["name"], "arguments": dumped(arguments)}
        calls.append({"id": identity, "type": "function", "function": called})
        content = dumped({"status": "ok", "echo": arguments})
        results.append({"role": "tool", "tool_call_id": identity, "content": content})
    names = [function["name"] for function in functions]
    if is_chinese:
        system, answer = "你是一个会调用工具的助手。", "都办好了，结果在上面。"
        question = f"请帮我处理这件事：{'、'.join(names)}。"
    else:
        system, answer = "You answer with tools.", "All done: see the results above."
        question = f"Please see to this: {', '.join(names)}."
    yield {"role": "system", "content": system}
    yield {"role": "user", "content": question}
    yield {"role": "assistant", "content": None, "tool_calls": calls}
    yield from results
    yield {"role": "assistant", "content": answer}


def rows(count: int, distinct: bool, seed: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(seed)
    pairs = [(noun, verb) for noun in NOUNS for verb in VERBS]
    pool = [tool(noun, verb, "", draw) for noun, verb in pairs]
    for number in range(count):
        offered = draw.randint(3, 5)
        if distinct:
            tools = []
            for index, (noun, verb) in enumerate(draw.sample(pairs, offered)):
                tools.append(tool(noun, verb, f"_{number}_{index}", draw))
        else:
            tools = draw.sample(pool, offered)
        yield {"id": f"row-{number}", "messages": list(messages(tools, draw)), "tools": tools}


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--distinct", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with open(args.output, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.writelines(dumped(row) + "\n" for row in rows(args.rows, args.distinct, args.seed))


if __name__ == "__main__":
    main()
