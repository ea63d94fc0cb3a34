"""Rows with gold for audits, of each kind."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CITIES = (
    "Paris", "Oslo", "Rome", "Lima", "Cairo", "Tokyo", "Accra", "Quito", "Dhaka", "Prague",
    "Lisbon", "Athens", "Dublin", "Warsaw", "Vienna", "Madrid", "Berlin", "Havana", "Ottawa",
)  # fmt: skip
TOOLS = json.dumps([
    {"type": "function", "function": {"name": name, "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string"}, "days": {"type": "integer"},
            "unit": {"type": "string", "enum": ["celsius", "kelvin"]},
        },
        "required": ["city", "days", "unit"],
    }}}
    for name in ("weather", "book", "mail")
])  # fmt: skip


def row(question: str, **columns: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}], **columns}


def numbers() -> Iterator[dict[str, Any]]:
    for index in range(24):
        yield row(f"What is {index} times 7 and 13 more?", solution=str(index * 7 + 13))


def prices() -> Iterator[dict[str, Any]]:
    for index in range(24):
        yield row(f"How many cents are {index} dollars 9?", solution=f"{index * 397 + 9:,}")


def choices() -> Iterator[dict[str, Any]]:
    for index in range(24):
        yield row(f"Which of the four is number {index}?", solution="ABCD"[index * 7 % 4])


def words() -> Iterator[dict[str, Any]]:
    for city in CITIES:
        yield row(f"Which capital has {len(city)} letters?", solution=city)


def sentences() -> Iterator[dict[str, Any]]:
    for index, city in enumerate(CITIES):
        text = f"The train to {city} leaves platform {index} at noon and arrives before night"
        yield row(f"Say when and where {index} trains depart for the capital.", solution=text)


def calls() -> Iterator[dict[str, Any]]:
    for index, city in enumerate(CITIES):
        names = ("weather", "book") if index % 3 == 0 else ("weather",)
        gold = [
            {"name": name, "arguments": {"city": city, "days": index + 1, "unit": "celsius"}}
            for name in names
        ]
        text = f"Plan {index + 1} days in {city}."
        yield row(text, expected_calls=json.dumps(gold), tools=TOOLS)


KINDS = {each.__name__: each for each in (numbers, prices, choices, words, sentences, calls)}


def write_rows(folder: Path, kind: str) -> Path:
    file = folder / f"{kind}.jsonl"
    lines = [json.dumps(each, ensure_ascii=False) + "\n" for each in KINDS[kind]()]
    file.write_text("".join(lines), encoding="utf-8")
    return file
