"""Tools in their TypeScript-like form: what the published chat template writes, seen by running
it."""

from typing import Any

import pytest

from swiftkit.toolcall.harmony.tool_namespace import namespace


def parameter(spec: dict[str, Any], required: bool = False) -> str:
    """The lines of one parameter `p`."""
    parameters = {
        "type": "object",
        "properties": {"p": spec},
        "required": ["p"] if required else [],
    }
    written = namespace(
        [
            {
                "type": "function",
                "function": {"name": "f", "description": "d", "parameters": parameters},
            }
        ]
    )
    return written.split("type f = (_: {\n")[1].split("}) => any;")[0]


def test_namespace_of_two_tools() -> None:
    """A tool with parameters and one without; descriptions before what they describe."""
    tools: list[dict[str, Any]] = [
        {"type": "function", "function": {"name": "now", "description": "The time.", "parameters": {}}},
        {"name": "get.weather", "description": "天气。\nTwo lines.", "parameters": {
            "type": "object", "required": ["city"],
            "properties": {
                "city": {"type": "string", "description": "城市"},
                "days": {"type": "integer", "default": 3},
            },
        }},
    ]  # fmt: skip
    assert namespace(tools) == (
        "## functions\n\nnamespace functions {\n\n// The time.\ntype now = () => any;\n\n"
        "// 天气。\nTwo lines.\ntype get.weather = (_: {\n"
        "// 城市\ncity: string,\ndays?: number, // default: 3,\n}) => any;\n\n"
        "} // namespace functions"
    )


@pytest.mark.parametrize(
    ("spec", "lines"),
    [
        ({"type": "string"}, "p?: string,\n"),
        ({"type": "integer"}, "p?: number,\n"),
        ({"type": "boolean", "nullable": True}, "p?: boolean,\n"),
        ({"type": "string", "nullable": True}, "p?: string | null,\n"),
        ({"type": "string", "enum": ["a", "b"], "nullable": True}, 'p?: "a" | "b",\n'),
        ({"type": "string", "enum": ["a", "b"], "default": "b"}, 'p?: "a" | "b", // default: b,\n'),
        (
            {"type": "string", "default": 'say "hi" 你好'},
            'p?: string, // default: "say \\"hi\\" 你好",\n',
        ),
        ({"type": "string", "default": None}, "p?: string, // default: null,\n"),
        ({"type": ["string", "null"]}, "p?: string | null,\n"),
        ({"type": "array"}, "p?: any[],\n"),
        (
            {"type": "array", "items": {"type": "integer"}, "nullable": True},
            "p?: number[] | null,\n",
        ),
        (
            {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
            "p?: string[][],\n",
        ),
        ({"type": "array", "items": {"type": "string", "enum": ["a"]}}, "p?: string[],\n"),
        ({"type": "object"}, "p?: object,\n"),
        ({"anyOf": [{"type": "string"}]}, "p?: any,\n"),
        ({"type": "dict"}, "p?: any,\n"),
        (
            {"oneOf": [{"type": "string"}, {"type": "integer"}], "default": "x"},
            "p?: string | \nnumber// default: x,\n",
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "number"}},
                "required": ["a"],
            },
            "p?: {\na: \n                string, b?: \n                number},\n",
        ),
        (
            {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
            "p?: {\na?: \n                string}[],\n",
        ),
    ],
)
def test_types_are_written_as_the_template_does(spec: dict[str, Any], lines: str) -> None:
    """Every kind of type, with its oddities."""
    assert parameter(spec) == lines


def test_long_item_types_become_any() -> None:
    """The template cuts an array's item type that is longer than 50 characters."""
    items = {"type": "object", "properties": {f"a{n}": {"type": "string"} for n in range(3)}}
    assert parameter({"type": "array", "items": items}, required=True) == "p: any[],\n"


def test_namespace_writes_what_the_template_fails_at() -> None:
    """It stops at a tool without a description and at an enum's default that is a number; we write
    what is meant."""
    assert "type f = () => any;" in namespace([{"name": "f"}])
    assert (
        parameter({"type": "integer", "enum": [1, 2], "default": 1})
        == "p?: number, // default: 1,\n"
    )
    assert (
        parameter({"type": "object", "properties": {"a": True}})
        == "p?: {\na?: \n                any},\n"
    )
