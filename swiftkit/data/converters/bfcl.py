"""BFCL v4 question files (Berkeley Function Calling Leaderboard), single turn and multi_turn.

Source: https://gorilla.cs.berkeley.edu/leaderboard.html, files BFCL_v4_*.json, which are JSON
Lines. A real row, with its row of possible_answer/ merged in:

    {"id": "simple_python_0", "question": [[{"role": "user", "content": "Find the area of a triangle with ..."}]],
     "function": [{"name": "calculate_triangle_area", "description": "...", "parameters": {"type": "dict", "properties":
       {"base": {"type": "integer"}, "height": {"type": "integer"}, "unit": {"type": "string"}}, "required": [...]}}],
     "ground_truth": [{"calculate_triangle_area": {"base": [10], "height": [5], "unit": ["units", ""]}}]}

Each parameter of the ground truth lists its acceptable values; "" says that it may be left out. An
object's values are such lists again. The irrelevance categories have no ground truth: no tool is
wanted.

A multi_turn row has a list of calls for each turn, as Python writes them, and names its tools by
their classes:

    {"id": "multi_turn_base_0", "question": [[{"role": "user", "content": "..."}], [{...}]], "initial_config": {...},
     "involved_classes": ["GorillaFileSystem"], "ground_truth": [["cd(folder='document')", "ls()"], ["sort('a.txt')"]]}

It becomes one conversation of questions and calls. What the calls gave back is not in BFCL's files,
so it is in no row: later calls may use a value that the row does not hold, and `initial_config` is
kept to run them. The tools are those of multi_turn_func_doc/ where that folder stands beside the
file; without it the row has none.
"""

import ast
import warnings
from collections.abc import Iterable
from itertools import islice, product
from typing import Any

import msgspec

from swiftkit.data.rows import call_message, make_row, text_of
from swiftkit.errors import DataError
from swiftkit.records import Message, Row
from swiftkit.scoring.bfcl.item import BfclItem
from swiftkit.scoring.expected_calls import ExpectedCall
from swiftkit.toolcall import python_literal as literal
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.tools import tools_from

COMPANION = "possible_answer"
MOST_ANSWERS = 1000  # acceptable values of one parameter
_NO_CALL_WANTED = ("irrelevance", "live_irrelevance")
_ANY_CALL_WANTED = "live_relevance"
_USED = ("question", "function", "ground_truth")
# kept as JSON text: what it takes to run the calls
_ENVIRONMENT = ("initial_config", "involved_classes")
_TOOL_FILES = {  # in multi_turn_func_doc/, as BFCL's own code maps the classes
    "GorillaFileSystem": "gorilla_file_system", "MathAPI": "math_api", "MessageAPI": "message_api",
    "TwitterAPI": "posting_api", "TicketAPI": "ticket_api", "TradingBot": "trading_bot",
    "TravelAPI": "travel_booking", "VehicleControlAPI": "vehicle_control",
}  # fmt: skip
_ABSENT = object()


def matches(record: dict[str, Any]) -> bool:
    return isinstance(record.get("question"), list) and any(
        name in record for name in ("function", *_ENVIRONMENT)
    )


def files_beside(record: dict[str, Any]) -> dict[str, list[str]]:
    """The columns that files beside the input hold: a multi_turn row's tools, the file of each
    class."""
    classes = record.get("involved_classes")
    if "function" in record or not isinstance(classes, list):
        return {}
    names = [_TOOL_FILES.get(each) if isinstance(each, str) else None for each in classes]
    return (
        {}
        if None in names
        else {"function": [f"multi_turn_func_doc/{name}.json" for name in names]}
    )


def convert(record: dict[str, Any]) -> Iterable[Row]:
    question = record.get("question")
    if not isinstance(question, list) or not question:
        raise DataError("the row has no question", "no_question", "write [[{role, content}]]")
    if "initial_config" in record or len(question) > 1:
        row = _multi_turn(record, question)
    else:
        row = _single_turn(record, question[0])
    row["category"] = _category(record)
    return [row]


def _category(record: dict[str, Any]) -> str:
    return str(record.get("id")).rpartition("_")[0]  # simple_python_0 is of simple_python


def _single_turn(record: dict[str, Any], question: Any) -> Row:
    if "function" not in record:
        fix = "run it with BFCL's own code, or leave this category out"
        raise DataError(
            "the question needs BFCL's web search or memory to answer it",
            "unsupported_category",
            fix,
        )
    gold = _gold(record)
    messages = [
        *_question(question),
        *(call_message(ToolCall(call.name, call.arguments)) for call in gold),
    ]
    row = make_row(messages, {**record, "tools": record.get("function")}, _USED)
    row["expected_calls"] = msgspec.json.encode(gold).decode()
    if isinstance(record["function"], list):
        row["scoring"] = msgspec.json.encode({"bfcl": _item(record)}).decode()
    return row


def _item(record: dict[str, Any]) -> BfclItem:
    """What BFCL's own checker reads: its rules ask for types and values that a gold does not
    hold."""
    return BfclItem(_category(record), record["function"], record.get("ground_truth"))


def _multi_turn(record: dict[str, Any], question: list[Any]) -> Row:
    texts = {
        name: msgspec.json.encode(record[name]).decode() for name in _ENVIRONMENT if name in record
    }
    tools = _tools_at_hand(record)
    parameters = {
        tool["function"]["name"]: list(tool["function"]["parameters"]["properties"])
        for tool in tools
    }
    messages = []
    for number, (turn, calls) in enumerate(
        zip(question, _calls_of_turns(record, len(question)), strict=True), 1
    ):
        if not calls:
            reason = f"turn {number} is to be answered in words, and BFCL does not give them"
            raise DataError(
                reason, "unanswered_turn", "leave this row out, or write the words yourself"
            )
        messages += [*_question(turn), *(call_message(_call(call, parameters)) for call in calls)]
    return make_row(messages, {**record, **texts, "tools": tools}, _USED)


def _calls_of_turns(record: dict[str, Any], turns: int) -> list[list[str]]:
    truth = record.get("ground_truth")
    if truth is None:
        raise DataError(
            "the question has no ground truth",
            "no_gold",
            f"put {COMPANION}/ beside the question file",
        )
    if record.get("missed_function"):
        reason = (
            "tools that come in the middle of the conversation, where a row has one list of tools"
        )
        raise DataError(
            reason, "unsupported_multi_turn", "use multi_turn_base, which has the same questions"
        )
    calls = truth if isinstance(truth, list) else []
    are_texts = (
        isinstance(turn, list) and all(isinstance(text, str) for text in turn) for turn in calls
    )
    if len(calls) != turns or not all(are_texts):
        raise DataError("ground_truth is not a list of calls for each turn", "bad_gold", "mend it")
    return calls


def _tools_at_hand(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The tools of the classes, but for those that the question forbids."""
    excluded = record.get("excluded_function")
    names = excluded if isinstance(excluded, list) else []
    tools = [
        tool for tool in tools_from(record.get("function")) if tool["function"]["name"] not in names
    ]
    for tool in tools:
        properties = tool["function"]["parameters"].setdefault("properties", {})
        if not isinstance(properties, dict):
            raise DataError(
                f"the parameters of {tool['function']['name']} are no schema",
                "bad_tools",
                "mend them",
            )
    return tools


def _call(text: str, parameters: dict[str, list[str]]) -> ToolCall:
    """The call that a text like sort('a.txt', reverse=True) is. Raises DataError."""
    try:
        name, values, named = _python_call(text)
    # MemoryError: nested too deeply
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        message = f"the gold {text[:100]!r} is not a call: {error}"
        raise DataError(message, "bad_gold", "write it as name(key=value)") from error
    names = parameters.get(name, [])[: len(values)]
    if len(names) < len(values):
        fix = "put multi_turn_func_doc/ beside the question file: it names the parameters"
        raise DataError(
            f"the gold {text[:100]!r} leaves out the names of parameters", "unnamed_arguments", fix
        )
    arguments = dict([*zip(names, values, strict=True), *named])
    if len(arguments) < len(values) + len(named):
        raise DataError(
            f"the gold {text[:100]!r} gives a parameter twice", "bad_gold", "give it once"
        )
    return ToolCall(name, arguments)


def _python_call(text: str) -> tuple[str, list[Any], list[tuple[str, Any]]]:
    """The name, the values without a name and the named ones. The text is parsed, never run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an unknown escape in a string, which stays as it is
        node = ast.parse(text.strip(), mode="eval").body
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ValueError("no function's name before the brackets")  # noqa: TRY004 (one kind of error)
    values = [literal.read(ast.unparse(value)) for value in node.args]
    named = [
        (keyword.arg, literal.read(ast.unparse(keyword.value)))
        for keyword in node.keywords
        if keyword.arg
    ]
    if len(named) < len(node.keywords):
        raise ValueError("values that are spread with **")
    return node.func.id, values, named


def _question(turn: Any) -> list[Message]:
    if not isinstance(turn, list) or not all(isinstance(message, dict) for message in turn):
        raise DataError(
            "the question is not a list of messages", "bad_message", "write [[{role, content}]]"
        )
    return [
        {"role": str(message.get("role")), "content": text_of(message.get("content"), "question")}
        for message in turn
    ]


def _gold(record: dict[str, Any]) -> list[ExpectedCall]:
    truth = record.get("ground_truth")
    if truth is None:
        if str(record.get("id")).startswith(_NO_CALL_WANTED):
            return []
        if str(record.get("id")).startswith(_ANY_CALL_WANTED):
            fix = "leave this category out: the scorer compares with a gold"
            raise DataError(
                "any call is right in live_relevance, so it has no ground truth", "no_gold", fix
            )
        raise DataError(
            "the question has no ground truth",
            "no_gold",
            f"put {COMPANION}/ beside the question file",
        )
    schemas = _schemas(record)
    if not isinstance(truth, list) or not all(
        isinstance(call, dict) and len(call) == 1 for call in truth
    ):
        raise DataError(
            "ground_truth is not a list of {name: {parameter: values}}", "bad_gold", "mend it"
        )
    return [
        _gold_call(name, values, schemas.get(name, {}))
        for call in truth
        for name, values in call.items()
    ]


def _schemas(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The parameters' schema of each function."""
    return {
        tool["function"]["name"]: tool["function"]["parameters"]
        for tool in tools_from(record.get("function"))
    }


def _gold_call(name: str, values: Any, schema: dict[str, Any]) -> ExpectedCall:
    if not isinstance(values, dict) or not all(
        isinstance(options, list) and options for options in values.values()
    ):
        raise DataError(
            f"the ground truth of {name} does not list values",
            "bad_gold",
            "write {parameter: [values]}",
        )
    required = schema.get("required")
    must = required if isinstance(required, list) else []
    optional = [
        parameter
        for parameter, options in values.items()
        if "" in options and parameter not in must
    ]
    properties = _inside(schema, "properties") or {}
    accepted = {
        parameter: _expanded(options, properties.get(parameter))
        for parameter, options in values.items()
    }
    # The first value is BFCL's own answer; where that is "", or the tool has no such parameter, it
    # is better left out.
    left_out = {
        name
        for name in optional
        if values[name][0] == "" or (properties and name not in properties)
    }
    arguments = {
        parameter: answers[0]
        for parameter, answers in accepted.items()
        if parameter not in left_out
    }
    return ExpectedCall(name, arguments, accepted, optional)


def _expanded(options: list[Any], schema: Any) -> list[Any]:
    """All acceptable whole values, where `options` may hold objects whose own values are lists of
    options."""
    answers = _first(
        answer for option in _acceptable(options, schema) for answer in _wholes(option, schema)
    )
    if len(answers) > MOST_ANSWERS:
        fix = "shorten the lists of values"
        raise DataError(f"more than {MOST_ANSWERS} acceptable values", "too_many_answers", fix)
    if not answers:
        raise DataError("a key of an object has no acceptable value", "bad_gold", "list its values")
    return answers


def _acceptable(options: list[Any], schema: Any) -> list[Any]:
    """The options without the "" that only says "optional": as a value it is right for text
    alone."""
    return (
        options if _is_text(schema) else [option for option in options if option != ""] or options
    )


def _wholes(option: Any, schema: Any) -> Iterable[Any]:
    if isinstance(option, list):
        items = _inside(schema, "items")
        return (
            list(chosen) for chosen in product(*(_first(_wholes(item, items)) for item in option))
        )
    if not isinstance(option, dict):
        return [option]
    properties = _inside(schema, "properties") or {}
    fields = [
        [(key, value) for value in _field(options, properties.get(key))]
        for key, options in option.items()
    ]
    return (
        {key: value for key, value in chosen if value is not _ABSENT} for chosen in product(*fields)
    )


def _field(options: Any, schema: Any) -> list[Any]:
    """The values that one key of an object may have; "" says that the key may be left out too."""
    if not isinstance(options, list):
        return [options]
    blanks = [_ABSENT, ""] if _is_text(schema) else [_ABSENT]
    return _first(
        answer
        for option in options
        for answer in (blanks if option == "" else _wholes(option, schema))
    )


def _is_text(schema: Any) -> bool:
    return not isinstance(schema, dict) or schema.get("type", "string") == "string"


def _inside(schema: Any, keyword: str) -> dict[str, Any] | None:
    inner = schema.get(keyword) if isinstance(schema, dict) else None
    return inner if isinstance(inner, dict) else None


def _first(answers: Iterable[Any]) -> list[Any]:
    """Enough of the answers to see that they are too many."""
    return list(islice(answers, MOST_ANSWERS + 1))
