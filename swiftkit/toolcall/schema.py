"""Does a call fit its tool: the name, the parameters, their types and ranges (JSON Schema)?

What does not fit has a code:

    unknown_tool        no tool has that name            extra_parameter   the tool has no such parameter
    missing_required    a required parameter is absent   wrong_type        such as "5" for an integer
    not_in_enum         none of the values listed        invalid_value     any other keyword: a range, a pattern, ...

Schemas are data: nothing is fetched for a `$ref`, and a pattern runs in a matcher that takes linear
time. A schema that cannot be used, or a row without tools, finds no fault.
"""

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from itertools import islice
from typing import Any, NamedTuple

from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.tools import tools_from

_MOST_ERRORS = 20  # of one call: the first of each kind is reported
_CODES = {
    "required": "missing_required", "type": "wrong_type", "enum": "not_in_enum", "const": "not_in_enum",
    "additionalProperties": "extra_parameter", "unevaluatedProperties": "extra_parameter",
}  # fmt: skip
_OPEN = (
    "additionalProperties",
    "unevaluatedProperties",
    "patternProperties",
    "allOf",
    "anyOf",
    "oneOf",
    "$ref",
    "if",
)


class Checker(NamedTuple):
    """How the arguments of one tool are judged; `validator` is None where its schema is
    unusable."""

    validator: Any
    problem: str
    declared: frozenset[str] | None  # None: any parameter is welcome


class Breach(NamedTuple):
    code: str
    detail: str


def checkers(tools: Any) -> Mapping[str, Checker]:
    """The checker of each tool, by name; shared, so do not change it. Raises DataError
    (bad_tools)."""
    return _cached(tools) if isinstance(tools, str) else _prepared(tools)


def fits(call: ToolCall, tools: Mapping[str, Checker]) -> bool:
    """Whether the call has no breach. Never raises."""
    if (checker := tools.get(call.name)) is None:
        return not tools
    if checker.declared is not None and not call.arguments.keys() <= checker.declared:
        return False
    try:
        return checker.validator is None or bool(checker.validator.is_valid(call.arguments))
    except (ValueError, RecursionError):  # nested too deeply for the validator, or no JSON
        return False


def breaches(call: ToolCall, tools: Mapping[str, Checker]) -> Iterator[Breach]:
    """What does not fit, the names of the parameters last. Never raises."""
    if not tools:
        return
    if (checker := tools.get(call.name)) is None:
        yield Breach("unknown_tool", f"defined: {', '.join(islice(tools, 10))}")
        return
    if checker.validator is not None:
        yield from _errors(call, checker.validator)
    if checker.declared is not None and (extra := sorted(call.arguments.keys() - checker.declared)):
        yield Breach("extra_parameter", ", ".join(extra))


def _errors(call: ToolCall, validator: Any) -> Iterator[Breach]:
    try:
        errors = list(islice(validator.iter_errors(call.arguments), _MOST_ERRORS))
    except (ValueError, RecursionError) as error:
        yield Breach("invalid_value", str(error))
        return
    for broken in errors:
        place = ".".join(map(str, broken.instance_path))
        yield Breach(
            _CODES.get(broken.kind.name, "invalid_value"),
            f"{place}: {broken.message}".removeprefix(": "),
        )


@lru_cache(maxsize=4096)  # most rows of a data set share their tools
def _cached(tools: str) -> Mapping[str, Checker]:
    return _prepared(tools)


def _prepared(tools: Any) -> Mapping[str, Checker]:
    return {
        tool["function"]["name"]: _checker(tool["function"]["parameters"])
        for tool in tools_from(tools)
    }


def validator_of(schema: Any) -> Any:
    """What validates by this schema: it fetches nothing, and patterns take linear time. Raises
    ValueError or RecursionError for a schema that cannot be used."""
    import jsonschema_rs

    return jsonschema_rs.validator_for(schema, retriever=_refuse, pattern_options=_linear())


def _checker(schema: dict[str, Any]) -> Checker:
    try:
        validator = validator_of(schema)
    except (ValueError, RecursionError) as error:
        return Checker(None, str(error).splitlines()[0], None)
    properties = schema.get("properties")
    # A schema that says itself what else there may be, or that there may be nothing else, is left
    # to the validator.
    closed = isinstance(properties, dict) and properties and not any(key in schema for key in _OPEN)
    return Checker(
        validator, "", frozenset(properties) if isinstance(properties, dict) and closed else None
    )


@cache
def _linear() -> Any:
    import jsonschema_rs

    return jsonschema_rs.RegexOptions()


def _refuse(uri: str) -> Any:
    raise ValueError(f"the schema of {uri} is not fetched")
