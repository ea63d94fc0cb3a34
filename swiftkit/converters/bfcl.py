"""BFCL v4 question files (Berkeley Function Calling Leaderboard), single turn.

Source: https://gorilla.cs.berkeley.edu/leaderboard.html, files BFCL_v4_*.json, which are JSON Lines. A real row, with
its row of possible_answer/ merged in:

    {"id": "simple_python_0", "question": [[{"role": "user", "content": "Find the area of a triangle with ..."}]],
     "function": [{"name": "calculate_triangle_area", "description": "...", "parameters": {"type": "dict", "properties":
       {"base": {"type": "integer"}, "height": {"type": "integer"}, "unit": {"type": "string"}}, "required": [...]}}],
     "ground_truth": [{"calculate_triangle_area": {"base": [10], "height": [5], "unit": ["units", ""]}}]}

Each parameter of the ground truth lists its acceptable values; "" says that it may be left out. An object's values are
such lists again. The irrelevance category has no ground truth: no tool is wanted.
"""

from collections.abc import Iterable
from itertools import islice, product
from typing import Any

import msgspec

from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.rows import call_message, make_row, text_of
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.gold import GoldCall
from swiftkit.toolcall.tools import tools_from

COMPANION = "possible_answer"
MOST_ANSWERS = 1000  # acceptable values of one parameter
_NO_CALL_WANTED = ("irrelevance", "live_irrelevance")
_USED = ("question", "function", "ground_truth")
_ABSENT = object()


def matches(record: dict[str, Any]) -> bool:
    return isinstance(record.get("question"), list) and ("function" in record or "initial_config" in record)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    question = record.get("question")
    if not isinstance(question, list) or not question:
        raise DataError("the row has no question", "no_question", "write [[{role, content}]]")
    if "initial_config" in record or len(question) > 1:
        fix = "use the single-turn categories"
        raise DataError("BFCL's multi_turn questions are not supported yet", "unsupported_multi_turn", fix)
    gold = _gold(record)
    messages = [*_question(question[0]), *(call_message(ToolCall(call.name, call.arguments)) for call in gold)]
    row = make_row(messages, {**record, "tools": record.get("function")}, _USED)
    row["category"] = str(record.get("id")).rpartition("_")[0]  # simple_python_0 is of simple_python
    row["expected_calls"] = msgspec.json.encode(gold).decode()
    return [row]


def _question(turn: Any) -> list[Message]:
    if not isinstance(turn, list) or not all(isinstance(message, dict) for message in turn):
        raise DataError("the question is not a list of messages", "bad_message", "write [[{role, content}]]")
    return [
        {"role": str(message.get("role")), "content": text_of(message.get("content"), "question")} for message in turn
    ]


def _gold(record: dict[str, Any]) -> list[GoldCall]:
    truth = record.get("ground_truth")
    if truth is None:
        if str(record.get("id")).startswith(_NO_CALL_WANTED):
            return []
        raise DataError("the question has no ground truth", "no_gold", f"put {COMPANION}/ beside the question file")
    schemas = _schemas(record)
    if not isinstance(truth, list) or not all(isinstance(call, dict) and len(call) == 1 for call in truth):
        raise DataError("ground_truth is not a list of {name: {parameter: values}}", "bad_gold", "mend it")
    return [_gold_call(name, values, schemas.get(name, {})) for call in truth for name, values in call.items()]


def _schemas(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The parameters' schema of each function."""
    return {tool["function"]["name"]: tool["function"]["parameters"] for tool in tools_from(record.get("function"))}


def _gold_call(name: str, values: Any, schema: dict[str, Any]) -> GoldCall:
    if not isinstance(values, dict) or not all(isinstance(options, list) and options for options in values.values()):
        raise DataError(f"the ground truth of {name} does not list values", "bad_gold", "write {parameter: [values]}")
    required = schema.get("required")
    must = required if isinstance(required, list) else []
    optional = [parameter for parameter, options in values.items() if "" in options and parameter not in must]
    accepted = {parameter: _expanded(_acceptable(options, parameter, schema)) for parameter, options in values.items()}
    # The first value is BFCL's own answer; where that is "", the parameter is better left out.
    left_out = {parameter for parameter in optional if values[parameter][0] == ""}
    arguments = {parameter: answers[0] for parameter, answers in accepted.items() if parameter not in left_out}
    return GoldCall(name, arguments, accepted, optional)


def _acceptable(options: list[Any], parameter: str, schema: dict[str, Any]) -> list[Any]:
    """The options without the "" that only says "optional": as a value it is right for text alone."""
    properties = schema.get("properties")
    declared = properties.get(parameter) if isinstance(properties, dict) else None
    is_text = not isinstance(declared, dict) or declared.get("type", "string") == "string"
    return options if is_text else [option for option in options if option != ""] or options


def _expanded(options: list[Any]) -> list[Any]:
    """All acceptable whole values, where `options` may hold objects whose own values are lists of options."""
    answers = _first(answer for option in options for answer in _wholes(option))
    if len(answers) > MOST_ANSWERS:
        fix = "shorten the lists of values"
        raise DataError(f"more than {MOST_ANSWERS} acceptable values", "too_many_answers", fix)
    return answers


def _wholes(option: Any) -> Iterable[Any]:
    if isinstance(option, list):
        return (list(items) for items in product(*(_first(_wholes(item)) for item in option)))
    if not isinstance(option, dict):
        return [option]
    fields = [[(key, value) for value in _field(options)] for key, options in option.items()]
    return ({key: value for key, value in chosen if value is not _ABSENT} for chosen in product(*fields))


def _field(options: Any) -> list[Any]:
    """The values that one key of an object may have; "" says that the key may be left out too."""
    if not isinstance(options, list):
        return [options]
    return _first(answer for option in options for answer in ((_ABSENT, "") if option == "" else _wholes(option)))


def _first(answers: Iterable[Any]) -> list[Any]:
    """Enough of the answers to see that they are too many."""
    return list(islice(answers, MOST_ANSWERS + 1))
