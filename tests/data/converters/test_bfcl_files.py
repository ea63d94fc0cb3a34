"""BFCL's folders beside a question file: the answers of possible_answer/, the tools of
multi_turn_func_doc/."""

import json
from pathlib import Path
from typing import Any

from swiftkit.data.convert import convert_files
from swiftkit.data.convert_record import ConvertOptions

QUESTION = {
    "id": "multi_turn_base_0",
    "question": [
        [{"role": "user", "content": "Sort a.txt."}],
        [{"role": "user", "content": "Send it to Ann."}],
    ],
    "initial_config": {},
    "involved_classes": ["GorillaFileSystem", "MessageAPI"],
    "excluded_function": ["rm"],
}
ANSWER = {
    "id": "multi_turn_base_0",
    "ground_truth": [["sort('a.txt')"], ["send_message('Ann', message='Here')"]],
}
TOOLS = {
    "gorilla_file_system": {"sort": ["file_name"], "rm": ["file_name"]},
    "message_api": {"send_message": ["receiver_id", "message"]},
}


def tool(name: str, parameters: list[str]) -> dict[str, Any]:
    properties = {parameter: {"type": "string"} for parameter in parameters}
    return {"name": name, "parameters": {"type": "dict", "properties": properties}}


def write(path: Path, *rows: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def bfcl(folder: Path, *classes: str) -> Path:
    """A question file, its answers, and the tools of these classes."""
    file = folder / "BFCL_v4_multi_turn_base.json"
    write(file, QUESTION)
    write(folder / "possible_answer" / file.name, ANSWER)
    for name in classes:
        rows = [tool(*item) for item in TOOLS[name].items()]
        write(folder / "multi_turn_func_doc" / f"{name}.json", *rows)
    return file


def test_tools_come_from_their_own_files(tmp_path: Path) -> None:
    """The tools of all classes but for the excluded one; they name the parameters that the gold
    leaves nameless."""
    out = tmp_path / "out.jsonl"
    report = convert_files([bfcl(tmp_path, *TOOLS)], out, None, ConvertOptions("grpo_steps"))
    first, second = (json.loads(line) for line in out.read_text(encoding="utf-8").splitlines())
    assert (report.rows_accepted, report.rows_rejected) == (1, 0)
    assert [each["function"]["name"] for each in json.loads(first["tools"])] == [
        "sort",
        "send_message",
    ]
    assert json.loads(first["expected_calls"])[0]["arguments"] == {"file_name": "a.txt"}
    assert json.loads(second["expected_calls"])[0]["arguments"] == {
        "receiver_id": "Ann",
        "message": "Here",
    }


def test_half_of_the_tools_are_none(tmp_path: Path) -> None:
    """Where the file of one class is missing, no tool is given: a list that lacks some would
    mislead."""
    out = tmp_path / "out.jsonl"
    report = convert_files([bfcl(tmp_path, "message_api")], out, None, ConvertOptions("grpo"))
    assert report.rejects == {"unnamed_arguments": 1}
