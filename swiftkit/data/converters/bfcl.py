"""BFCL v4 question files (Berkeley Function Calling Leaderboard), single turn and multi_turn.

Source: https://gorilla.cs.berkeley.edu/leaderboard.html, files BFCL_v4_*.json, which are JSON
Lines. A real row, with its row of possible_answer/ merged in:

    {"id": "simple_python_0",
     "question": [[{"role": "user", "content": "Find the area of a triangle with ..."}]],
     "function": [{"name": "calculate_triangle_area", "description": "...", "parameters":
       {"type": "dict", "properties": {"base": {"type": "integer"}, "height": {"type": "integer"},
        "unit": {"type": "string"}}, "required": [...]}}],
     "ground_truth": [{"calculate_triangle_area":
       {"base": [10], "height": [5], "unit": ["units", ""]}}]}

Each parameter of the ground truth lists its acceptable values; "" says that it may be left out. An
object's values are such lists again. The irrelevance categories have no ground truth: no tool is
wanted.

A multi_turn row has a list of calls for each turn, as Python writes them, and names its tools by
their classes:

    {"id": "multi_turn_base_0", "question": [[{"role": "user", "content": "..."}], [{...}]],
     "initial_config": {...}, "involved_classes": ["GorillaFileSystem"],
     "ground_truth": [["cd(folder='document')", "ls()"], ["sort('a.txt')"]]}

It becomes one conversation of questions and calls. What the calls gave back is not in BFCL's files,
so it is in no row: later calls may use a value that the row does not hold, and `initial_config` is
kept to run them. The tools are those of multi_turn_func_doc/ where that folder stands beside the
file; without it the row has none.
"""

import ast
import warnings
from collections.abc import Iterable, Iterator
from itertools import chain, islice, product
from typing import Any

import msgspec

from swiftkit.data.json_values import field, items
from swiftkit.data.messages import call_message, text_of
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.files.inputs import GOLD_FOLDER
from swiftkit.records import Message, Row
from swiftkit.sandbox.bfcl_worker import CLASS_FILES
from swiftkit.scoring.bfcl.item import BfclItem
from swiftkit.scoring.expected_calls import ExpectedCall
from swiftkit.toolcall import python_literal
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.tools import tools_from

ORDER = 220
READS = {
    "": "question function ground_truth initial_config involved_classes -path",
    "question[][]": "role content",
}
COMPANION = GOLD_FOLDER

MOST_ANSWERS = 1000  # acceptable values of one parameter
_NO_CALL_WANTED = ("irrelevance", "live_irrelevance")
_ANY_CALL_WANTED = "live_relevance"
_USED = ("question", "function", "ground_truth")
_SIMULATION = ("initial_config", "involved_classes")  # what it takes to run the calls
_ABSENT = object()


def matches(record: dict[str, Any]) -> bool:
    if not isinstance(record.get("question"), list):
        return False
    return any(name in record for name in ("function", *_SIMULATION))


def files_beside(record: dict[str, Any]) -> dict[str, list[str]]:
    """Return the files with a multi_turn row's tools, one for each class; none where a class is
    unknown."""
    classes = record.get("involved_classes")
    if "function" in record or not isinstance(classes, list):
        return {}
    files = []
    for name in classes:
        if not isinstance(name, str) or name not in CLASS_FILES:
            return {}
        files.append(f"multi_turn_func_doc/{CLASS_FILES[name]}.json")
    return {"function": files}


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


def parse_call(text: str) -> tuple[str, list[Any], list[tuple[str, Any]]]:
    """Return the name, the values without a name and the named ones of a call that Python writes,
    such as sort('a.txt', reverse=True).

    The text is parsed, never run. Raises ValueError, SyntaxError, RecursionError or MemoryError.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an unknown escape in a string, which stays as it is
        node = ast.parse(text.strip(), mode="eval").body
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ValueError("no function's name before the brackets")  # noqa: TRY004 (no other kind)
    values = [python_literal.read(ast.unparse(value)) for value in node.args]
    named = []
    for keyword in node.keywords:
        if not keyword.arg:
            raise ValueError("values that are spread with **")
        named.append((keyword.arg, python_literal.read(ast.unparse(keyword.value))))
    return node.func.id, values, named


def _category(record: dict[str, Any]) -> str:
    return str(record.get("id")).rpartition("_")[0]  # simple_python_0 is of simple_python


def _single_turn(record: dict[str, Any], question: Any) -> Row:
    if "function" not in record:
        reason = "the question needs BFCL's web search or memory to answer it"
        fix = "run it with BFCL's own code, or leave this category out"
        raise DataError(reason, "unsupported_category", fix)
    gold = _gold(record)
    messages = _question(question)
    messages += [call_message(ToolCall(call.name, call.arguments)) for call in gold]
    row = make_row(messages, {**record, "tools": record.get("function")}, _USED)
    row["expected_calls"] = msgspec.json.encode(gold).decode()
    if isinstance(record["function"], list):
        # What BFCL's own checker reads: its rules ask for types and values that a gold lacks.
        item = BfclItem(_category(record), record["function"], record.get("ground_truth"))
        row["scoring"] = msgspec.json.encode({"bfcl": item}).decode()
    return row


def _multi_turn(record: dict[str, Any], question: list[Any]) -> Row:
    columns = dict(record)
    for name in _SIMULATION:
        if name in record:
            columns[name] = msgspec.json.encode(record[name]).decode()
    excluded = items(record.get("excluded_function"))  # tools that the question forbids
    columns["tools"] = tools = []
    parameters: dict[str, list[str]] = {}  # their names, by that of the tool
    for tool in tools_from(record.get("function")):
        name = tool["function"]["name"]
        if name in excluded:
            continue
        properties = tool["function"]["parameters"].setdefault("properties", {})
        if not isinstance(properties, dict):
            raise DataError(f"the parameters of {name} are no schema", "bad_tools", "mend them")
        tools.append(tool)
        parameters[name] = list(properties)
    messages: list[Message] = []
    truth = _calls_of_turns(record, len(question))
    for number, (turn, calls) in enumerate(zip(question, truth, strict=True), 1):
        if not calls:
            reason = f"turn {number} is to be answered in words, and BFCL does not give them"
            fix = "leave this row out, or write the words yourself"
            raise DataError(reason, "unanswered_turn", fix)
        messages += _question(turn)
        messages += [call_message(_call(text, parameters)) for text in calls]
    return make_row(messages, columns, _USED)


def _calls_of_turns(record: dict[str, Any], turns: int) -> list[list[str]]:
    truth = record.get("ground_truth")
    if truth is None:
        raise _no_gold()
    if record.get("missed_function"):
        reason = "tools come in the middle of the conversation; a row has one list of tools"
        fix = "use multi_turn_base, which has the same questions"
        raise DataError(reason, "unsupported_multi_turn", fix)
    calls = items(truth)
    for turn in calls:
        if not isinstance(turn, list) or not all(isinstance(text, str) for text in turn):
            calls = []
            break
    if len(calls) != turns:
        raise DataError("ground_truth is not a list of calls for each turn", "bad_gold", "mend it")
    return calls


def _call(text: str, parameters: dict[str, list[str]]) -> ToolCall:
    try:
        name, values, named = parse_call(text)
    # MemoryError: nested too deeply
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = f"the gold {text[:100]!r} is not a call: {error}"
        raise DataError(reason, "bad_gold", "write it as name(key=value)") from error
    names = parameters.get(name, [])[: len(values)]
    if len(names) < len(values):
        reason = f"the gold {text[:100]!r} leaves out the names of parameters"
        fix = "put multi_turn_func_doc/ beside the question file: it names the parameters"
        raise DataError(reason, "unnamed_arguments", fix)
    arguments = dict([*zip(names, values, strict=True), *named])
    if len(arguments) < len(values) + len(named):
        reason = f"the gold {text[:100]!r} gives a parameter twice"
        raise DataError(reason, "bad_gold", "give it once")
    return ToolCall(name, arguments)


def _question(turn: Any) -> list[Message]:
    if not isinstance(turn, list) or not all(isinstance(message, dict) for message in turn):
        reason = "the question is not a list of messages"
        raise DataError(reason, "bad_message", "write [[{role, content}]]")
    messages: list[Message] = []
    for message in turn:
        text = text_of(message.get("content"), "question")
        messages.append({"role": str(message.get("role")), "content": text})
    return messages


def _gold(record: dict[str, Any]) -> list[ExpectedCall]:
    truth, identity = record.get("ground_truth"), str(record.get("id"))
    if truth is None:
        if identity.startswith(_NO_CALL_WANTED):
            return []
        if identity.startswith(_ANY_CALL_WANTED):
            reason = "any call is right in live_relevance, so it has no ground truth"
            fix = "leave this category out: the scorer compares with a gold"
            raise DataError(reason, "no_gold", fix)
        raise _no_gold()
    schemas: dict[str, dict[str, Any]] = {}
    for tool in tools_from(record.get("function")):
        schemas[tool["function"]["name"]] = tool["function"]["parameters"]
    gold = []
    for call in truth if isinstance(truth, list) else [None]:
        if not isinstance(call, dict) or len(call) != 1:
            reason = "ground_truth is not a list of {name: {parameter: values}}"
            raise DataError(reason, "bad_gold", "mend it")
        [(name, values)] = call.items()
        gold.append(_gold_call(name, values, schemas.get(name, {})))
    return gold


def _no_gold() -> DataError:
    fix = f"put {COMPANION}/ beside the question file"
    return DataError("the question has no ground truth", "no_gold", fix)


def _gold_call(name: str, values: Any, schema: dict[str, Any]) -> ExpectedCall:
    """Return the call of the ground truth's {parameter: acceptable values}."""
    if not isinstance(values, dict) or not all(
        isinstance(options, list) and options for options in values.values()
    ):
        reason = f"the ground truth of {name} does not list values"
        raise DataError(reason, "bad_gold", "write {parameter: [values]}")
    required = schema.get("required")
    properties = _dict_at(schema, "properties")
    arguments: dict[str, Any] = {}
    accepted: dict[str, list[Any]] = {}
    optional: list[str] = []
    for parameter, options in values.items():
        answers = _expanded(options, properties.get(parameter))
        accepted[parameter] = answers
        may_be_absent = not isinstance(required, list) or parameter not in required
        is_optional = "" in options and may_be_absent
        if is_optional:
            optional.append(parameter)
        # The first value is BFCL's own answer; where that is "", or the tool has no such parameter,
        # it is better left out.
        is_unknown = bool(properties) and parameter not in properties
        if not (is_optional and (options[0] == "" or is_unknown)):
            arguments[parameter] = answers[0]
    return ExpectedCall(name, arguments, accepted, optional)


def _expanded(options: list[Any], schema: Any) -> list[Any]:
    """Return all acceptable whole values of a parameter. `options` may hold objects whose own
    values are lists of options."""
    # A "" only says "optional": as a value it is right for text alone.
    values = [option for option in options if option != "" or _is_text(schema)] or options
    answers = _some(chain.from_iterable(_wholes(value, schema) for value in values))
    if len(answers) > MOST_ANSWERS:
        fix = "shorten the lists of values"
        raise DataError(f"more than {MOST_ANSWERS} acceptable values", "too_many_answers", fix)
    if not answers:
        raise DataError("a key of an object has no acceptable value", "bad_gold", "list its values")
    return answers


def _wholes(option: Any, schema: Any) -> Iterator[Any]:
    """Yield the whole values that an option stands for: one, or each choice of an object's or a
    list's parts."""
    if isinstance(option, list):
        inner = field(schema, "items")
        for parts in product(*(_some(_wholes(item, inner)) for item in option)):
            yield list(parts)
    elif isinstance(option, dict):
        properties = _dict_at(schema, "properties")
        fields = [_some(_field(value, properties.get(key))) for key, value in option.items()]
        for parts in product(*fields):
            pairs = zip(option, parts, strict=True)
            yield {key: part for key, part in pairs if part is not _ABSENT}
    else:
        yield option


def _field(options: Any, schema: Any) -> Iterator[Any]:
    """Yield the values that one key of an object may have; "" says that the key may be left out
    too."""
    if not isinstance(options, list):
        yield options
        return
    for option in options:
        if option != "":
            yield from _wholes(option, schema)
            continue
        yield _ABSENT
        if _is_text(schema):
            yield ""


def _is_text(schema: Any) -> bool:
    return not isinstance(schema, dict) or schema.get("type", "string") == "string"


def _dict_at(schema: Any, keyword: str) -> dict[str, Any]:
    inner = field(schema, keyword)
    return inner if isinstance(inner, dict) else {}


def _some(answers: Iterable[Any]) -> list[Any]:
    """Return enough of the answers to see that they are too many."""
    return list(islice(answers, MOST_ANSWERS + 1))
