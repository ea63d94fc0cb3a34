"""Check that a call fits its tool: the name, the parameters, their types and ranges (JSON Schema).

A violation has a code:

    unknown_tool       no tool has that name
    missing_required   a required parameter is absent
    extra_parameter    the tool has no such parameter
    wrong_type         such as "5" for an integer
    not_in_enum        none of the values listed
    invalid_value      any other keyword: a range, a pattern, ...

Schemas are data: nothing is fetched for a `$ref`, and a pattern runs in a matcher that takes linear
time. A schema that cannot be used, or a row without tools, forbids nothing.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.tools import tools_from, tools_in

_MOST_ERRORS = 20  # of one call: the first of each kind is reported
_CODES = {
    "required": "missing_required",
    "type": "wrong_type",
    "enum": "not_in_enum",
    "const": "not_in_enum",
    "additionalProperties": "extra_parameter",
    "unevaluatedProperties": "extra_parameter",
}
# a schema with one of these says itself which other parameters there may be
_OPEN = (
    "additionalProperties", "unevaluatedProperties", "patternProperties",
    "allOf", "anyOf", "oneOf", "$ref", "if",
)  # fmt: skip


class CallValidator(NamedTuple):
    """The validator of one tool's arguments; None, with the problem, where its schema is unusable.

    declared: the names of the parameters; None where any is welcome.
    """

    validator: Any
    problem: str
    declared: frozenset[str] | None


class Violation(NamedTuple):
    """`by_schema`: a keyword of the schema forbids it, as additionalProperties does an extra
    parameter. Without one, a parameter that is not among `properties` is extra, too."""

    code: str
    detail: str
    by_schema: bool = False


def validators_of(tools: Any) -> Mapping[str, CallValidator]:
    """Return the validator of each tool by name; shared, so do not change it. Raises DataError
    (bad_tools)."""
    return _cached(tools) if isinstance(tools, str) else _prepared(tools)


def is_valid(call: ToolCall, validators: Mapping[str, CallValidator]) -> bool:
    """Tell whether the call has no violation. Never raises."""
    validator = validators.get(call.name)
    if validator is None:
        return not validators
    if validator.declared is not None and not call.arguments.keys() <= validator.declared:
        return False
    try:
        return validator.validator is None or bool(validator.validator.is_valid(call.arguments))
    except (ValueError, RecursionError):  # nested too deeply for the validator, or no JSON
        return False


def violations(call: ToolCall, validators: Mapping[str, CallValidator]) -> Iterator[Violation]:
    """Yield what does not fit, the names of the parameters last. Never raises."""
    if not validators:
        return
    validator = validators.get(call.name)
    if validator is None:
        yield Violation("unknown_tool", f"defined: {', '.join(islice(validators, 10))}")
        return
    if validator.validator is not None:
        yield from _schema_violations(call, validator.validator)
    if validator.declared is not None:
        extra = sorted(call.arguments.keys() - validator.declared)
        if extra:
            yield Violation("extra_parameter", ", ".join(extra))


def _schema_violations(call: ToolCall, validator: Any) -> Iterator[Violation]:
    try:
        errors = list(islice(validator.iter_errors(call.arguments), _MOST_ERRORS))
    except (ValueError, RecursionError) as error:
        yield Violation("invalid_value", str(error))
        return
    for broken in errors:
        place = ".".join(map(str, broken.instance_path))
        detail = f"{place}: {broken.message}".removeprefix(": ")
        yield Violation(_CODES.get(broken.kind.name, "invalid_value"), detail, by_schema=True)


def _prepared(tools: Any) -> Mapping[str, CallValidator]:
    read = tools_in(tools) if isinstance(tools, str) else tools_from(tools)
    functions = [tool["function"] for tool in read]
    return {function["name"]: _prepare(function["parameters"]) for function in functions}


_cached = lru_cache(maxsize=4096)(_prepared)  # most rows of a data set share their tools


def _prepare(schema: dict[str, Any]) -> CallValidator:
    try:
        validator = schema_validator(schema)
    except (ValueError, RecursionError) as error:
        return CallValidator(None, str(error).splitlines()[0], None)
    properties = schema.get("properties")
    is_open = any(key in schema for key in _OPEN)
    if is_open or not isinstance(properties, dict) or not properties:
        return CallValidator(validator, "", None)
    return CallValidator(validator, "", frozenset(properties))


def schema_validator(schema: Any) -> Any:
    """Return the validator of a JSON Schema: it fetches nothing, and patterns take linear time.
    Raises ValueError or RecursionError for a schema that cannot be used."""
    import jsonschema_rs

    linear = jsonschema_rs.RegexOptions()
    return jsonschema_rs.validator_for(schema, retriever=_refuse_to_fetch, pattern_options=linear)


def _refuse_to_fetch(uri: str) -> Any:
    raise ValueError(f"the schema of {uri} is not fetched")
