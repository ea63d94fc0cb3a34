"""BFCL's own verdict on calls, flaws included: for numbers that are to stand beside the
leaderboard's.

Source: the rules of `ast_checker` in bfcl-eval 2026.3.23
(gorilla.cs.berkeley.edu/leaderboard.html), written anew, because bfcl-eval cannot be imported
inside a trainer. What is odd here is odd there, and stays (docs/scoring.md shows what it leads to):

- a string is compared without its spaces and the signs , . / - _ * ^, in lower case, also within
  lists and objects;
- "" among the values of a parameter says that it may be left out, and is a value as well;
- types are Python's: an integer is no float within a list, a float is no integer, True == 1;
- of a list only one level is looked into, of an object too;
- an answer whose first value is of another type than the parameter is a variable, and is compared
  as it stands;
- parallel calls are matched greedily, in the order of the ground truth;
- no call is wanted: anything that is not a readable call is right.

BFCL decodes Java and JavaScript to text alone, so those values are converted first (java_js.py).
"""

from collections.abc import Sequence
from typing import Any

from swiftkit.scoring.bfcl.item import BfclItem
from swiftkit.scoring.bfcl.java_js import CONVERTERS, KINDS, LISTS
from swiftkit.toolcall.call import ToolCall

_IGNORED = str.maketrans("'", '"', " ,./-_*^")
_PYTHON: dict[str, type] = {
    "string": str, "integer": int, "float": float, "boolean": bool, "array": list, "tuple": list,
    "dict": dict, "any": str,
}  # fmt: skip
_PYTHON_LISTS = ("array", "tuple")
_SCALARS = frozenset((str, int, float, bool))
# the one code that is ours: BFCL's checker raises, and the answer counts for nothing
CRASHED = "checker_crashed"
_CRASHES = (
    ArithmeticError, AttributeError, LookupError, NotImplementedError, RecursionError, TypeError,
    ValueError,
)  # fmt: skip

Truth = list[dict[str, dict[str, Any]]]  # name: {parameter: acceptable values} of each call


def verdict(calls: Sequence[ToolCall], item: BfclItem, malformed: str = "") -> str:
    """Return "" where BFCL calls the answer valid, or else its `error_type`. Never raises."""
    if not item.ground_truth:
        is_called = bool(calls) and not malformed
        if "irrelevance" in item.category:
            return "irrelevance_error:decoder_success" if is_called else ""
        return "" if is_called else "relevance_error"  # live_relevance: any call will do
    if malformed:
        return "ast_decoder:decoder_failed"
    category, truth = item.category, item.ground_truth
    checker, count = "simple_function_checker", 1
    if "parallel" in category:
        checker, count = "parallel_function_checker_no_order", len(truth)
    elif "multiple" in category:
        checker, count = "multiple_function_checker", len(truth)
    if len(calls) != count:
        return f"{checker}:wrong_count"
    try:
        if "parallel" in category:
            return _parallel_error(calls, item, truth)
        wanted = truth[0]
        function = _function(item, wanted) if "multiple" in category else item.function[0]
        return _call_error(calls[0], function, wanted, item.language)
    except _CRASHES:
        return CRASHED


def _parallel_error(calls: Sequence[ToolCall], item: BfclItem, truth: Truth) -> str:
    left, language = list(calls), item.language
    for wanted in truth:
        function = _function(item, wanted)
        for index, call in enumerate(left):
            if not _call_error(call, function, wanted, language):
                del left[index]
                break
        else:
            return "parallel_function_checker_no_order:cannot_find_match"
    return ""


def _function(item: BfclItem, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the description of the tool that is wanted.

    {} where there is none makes a LookupError later on, as BFCL's checker fails too.
    """
    name = next(iter(wanted))
    for function in item.function:
        if function["name"] == name:
            return function
    return {}


def _call_error(
    call: ToolCall, function: dict[str, Any], wanted: dict[str, Any], language: str
) -> str:
    parameters, accepted = function["parameters"], next(iter(wanted.values()))
    if call.name != function["name"]:
        return "simple_function_checker:wrong_func_name"
    arguments, properties = call.arguments, parameters["properties"]
    for name in parameters["required"]:
        if name not in arguments:
            return "simple_function_checker:missing_required"
    for name, value in arguments.items():
        if name not in properties or name not in accepted:
            return "simple_function_checker:unexpected_param"
        described, options = properties[name], accepted[name]
        # the commonest case: right as it stands, for a variable too
        is_known = type(value) in _SCALARS and type(options) is list and value in options
        if is_known and language == "python" and _PYTHON[described["type"]] is type(value):
            continue
        if error := _argument_error(value, described, options, language):
            return error
    if len(arguments) == len(accepted):  # all of them, as none is unexpected
        return ""
    if any(name not in arguments and "" not in options for name, options in accepted.items()):
        return "simple_function_checker:missing_optional"
    return ""


def _argument_error(
    value: Any, described: dict[str, Any], options: list[Any], language: str
) -> str:
    name = described["type"]
    if language == "python":
        kind = _PYTHON[name]
        inner = _PYTHON[described["items"]["type"]] if name in _PYTHON_LISTS else None
        if name == "float" and type(value) is int:
            value = float(value)
    else:
        kind, inner, inner_name = KINDS[language][name], None, ""
        if not isinstance(value, str):
            return f"type_error:{'js' if language == 'javascript' else language}"
        if name in LISTS:
            inner_name = described["items"]["type"]
            inner = KINDS[language][inner_name]
        value = CONVERTERS[language](value, name, inner_name)
    error, is_variable = _type_error(value, options, kind, inner)
    return error or _value_error(value, options, None if is_variable else kind, inner)


def _type_error(value: Any, options: Any, kind: type, inner: type | None) -> tuple[str, bool]:
    """Return the error, and whether the ground truth is a variable: of another type than `kind`."""
    first = None
    for option in options:
        if option != "":
            first = type(option)
            break
    if type(value) is not kind:
        return ("", True) if type(value) is first else ("type_error:simple", False)
    if inner is None or any(_all_of_kind(value, option, inner) for option in options):
        return "", first is not None and first is not kind
    return ("type_error:nested" if type(value) is first else "type_error:simple"), False


def _all_of_kind(value: Any, option: Any, inner: type) -> bool:
    """Tell if each item is of the type, or of that of the option's first; no list fits all."""
    if type(option) is not list:
        return True
    for item in value:
        if type(item) is not inner and _type_error(item, option, inner, None)[0]:
            return False
    return True


def _value_error(value: Any, options: list[Any], kind: type | None, inner: type | None) -> str:
    """`kind` is None for a variable."""
    if kind is dict:
        return _object_error(value, options)
    if kind is list and inner is dict:
        return _objects_error(value, options)
    if kind is list:
        right = _standard_items(value) in [_standard_items(option) for option in options]
        return "" if right else "value_error:list/tuple"
    if kind is str:
        strings = [_standard(option) for option in options if type(option) is str]
        return "" if _standard(value) in strings else "value_error:string"
    return "" if value in options else "value_error:others"


def _object_error(value: dict[str, Any], options: list[Any]) -> str:
    """Return the error of the last option."""
    error = "dict_checker:unclear"
    for option in options:
        if option == "":
            continue
        error = _keys_error(value, option)
        if not error:
            break
    return error


def _keys_error(value: dict[str, Any], option: dict[str, Any]) -> str:
    error = ""
    for key, inner in value.items():
        if key not in option:
            error = "value_error:dict_key"
            break
        if _standard(inner) not in _standard_items(option[key]):
            error = "value_error:dict_value"
            break
    for key, options in option.items():
        if key not in value and "" not in options:
            error = "value_error:dict_key"
    return error


def _objects_error(value: list[Any], options: list[Any]) -> str:
    """Return the error of the last option."""
    error = "list_dict_checker:unclear"
    for option in options:
        if len(value) != len(option):
            error = "value_error:list_dict_count"
            continue
        for inner, wanted in zip(value, option, strict=True):
            error = _object_error(inner, [wanted])
            if error:
                break
        else:
            return ""
    return error


def _standard(value: Any) -> Any:
    return value.translate(_IGNORED).lower() if type(value) is str else value


def _standard_items(items: Any) -> list[Any]:
    return [_standard(item) for item in items]
