"""The short way of OpenAI rows writes what the general way writes, to the byte, or leaves the
record to it."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from helpers.goldens import CASES, damage
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.data.convert_record import ConvertOptions, ConvertOutcome, convert_chunk
from swiftkit.data.fast_path import convert_line
from swiftkit.files.inputs import Chunk

PATH = Path("raw.jsonl")
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
USER = {"role": "user", "content": "北京的天气？"}
ANSWER = {"role": "assistant", "content": "Sunny."}
CALL = {
    "id": "c:1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "北京"}'},
}
NAMELESS = {"function": {"name": "", "arguments": "{}"}}
SILENT = {"function": {"name": "get_weather", "arguments": ""}}
NO_ID = {"function": {"name": "get_weather", "arguments": {"city": ""}}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c:1", "content": '{"sky": "clear"}'}
ROW = {"id": "w-1", "messages": [USER, CALLING, RESULT, ANSWER], "tools": [TOOL]}
PLAIN: dict[str, dict[str, Any]] = {
    "calls": ROW,
    "a talk": {
        "messages": [{"role": "system", "content": "Be brief."}, USER, ANSWER, USER, ANSWER]
    },
    "text before the call": {**ROW, "messages": [USER, {**CALLING, "content": "I look."}]},
    "no content key": {**ROW, "messages": [USER, {"role": "assistant", "tool_calls": [CALL]}]},
    "arguments as an object": {
        **ROW,
        "messages": [USER, {**CALLING, "tool_calls": [NO_ID]}],
    },
    "two calls, one result": {
        **ROW,
        "messages": [USER, {**CALLING, "tool_calls": [CALL, {**CALL, "id": "2"}]}, RESULT, ANSWER],
    },
    "nulls of a client's library": {
        "messages": [
            USER,
            {**ANSWER, "refusal": None, "audio": None, "function_call": None, "tool_calls": None},
        ]
    },
    "names": {
        **ROW,
        "messages": [{**USER, "name": "Ann"}, CALLING, {**RESULT, "name": "get_weather"}, ANSWER],
    },
    "tools as text, an id that is a number": {**ROW, "id": 7, "tools": json.dumps([TOOL])},
    "other columns": {
        "topic": "天气",
        "source": "x",
        "n": 1,
        "x": 0.5,
        **ROW,
        "chain": "c",
        "level": None,
        "ok": True,
    },
    "a tool that is no JSON Schema yet": {
        **ROW,
        "tools": [
            {
                "function": {
                    "name": "get_weather",
                    "parameters": {"type": "dict", "properties": {"city": {"type": "str"}}},
                }
            }
        ],
    },
    "no id, no tools": {"messages": [USER, CALLING]},
}
FLAT = {
    "function": {
        "name": "get_weather",
        "description": "",
        "parameters": {"city": {"type": "string"}},
    }
}
THOUGHT = "<think>\nRain?\n</think>\n\n"
AWKWARD: dict[str, dict[str, Any]] = {
    "a thought before calls": {
        **ROW,
        "messages": [USER, {**CALLING, "content": THOUGHT}, RESULT, ANSWER],
    },
    "a thought and text before calls": {
        **ROW,
        "messages": [USER, {**CALLING, "content": f"{THOUGHT}I look."}],
    },
    "a thought that is never closed": {"messages": [USER, {**ANSWER, "content": "<think>Rain?"}]},
    "text and calls in two messages": {**ROW, "messages": [USER, ANSWER, CALLING]},
    "two answers": {"messages": [USER, ANSWER, ANSWER]},
    "an id for two calls": {
        **ROW,
        "messages": [USER, {**CALLING, "tool_calls": [CALL, CALL]}, RESULT, RESULT, ANSWER],
    },
    "results in another order": {
        **ROW,
        "messages": [
            USER,
            {**CALLING, "tool_calls": [CALL, {**CALL, "id": "2"}]},
            {**RESULT, "tool_call_id": "2"},
            RESULT,
            ANSWER,
        ],
    },
    "a result after a question": {**ROW, "messages": [USER, CALLING, USER, RESULT, ANSWER]},
    "a flat map of parameters": {**ROW, "tools": [FLAT]},
    "an empty id": {"topic": "x", **ROW, "id": ""},
    "a call without a name": {"messages": [USER, {**CALLING, "tool_calls": [NAMELESS]}]},
    "no arguments": {**ROW, "messages": [USER, {**CALLING, "tool_calls": [SILENT]}]},
    "an empty answer": {"messages": [USER, {**ANSWER, "content": " "}]},
    "no answer": {"messages": [USER]},
    "a flag": {"messages": [USER, {**ANSWER, "weight": 0}, USER, ANSWER]},
    "no messages": {"messages": [], "tools": [TOOL]},
}
LAYOUTS: list[dict[str, Any]] = [
    {"separators": (",", ":"), "ensure_ascii": False},
    {"separators": (",", ":")},
    {"ensure_ascii": False},
    {},
    {"indent": 1},
]


def converted(lines: list[bytes], options: ConvertOptions) -> list[ConvertOutcome]:
    return convert_chunk(Chunk(PATH, list(enumerate(lines, 1))), options)


def general(lines: list[bytes], options: ConvertOptions) -> list[ConvertOutcome]:
    """The outcomes of the general way, which --max-samples asks for: there each record is told
    alone."""
    if options.max_samples is None:
        options = msgspec.structs.replace(options, max_samples=len(lines))
    return converted(lines, options)


def apart(outcomes: list[ConvertOutcome]) -> list[ConvertOutcome]:
    """One outcome for each record, without what the short way does not tell of each."""
    rows = [outcome.rows[0].split(b"\n") if outcome.records > 1 else [] for outcome in outcomes]
    one = [
        [outcome._replace(rows=(row,), records=1) for row in rows] or [outcome]
        for outcome, rows in zip(outcomes, rows, strict=True)
    ]
    return [
        outcome._replace(identity="", columns=frozenset(), unread={})
        for some in one
        for outcome in some
    ]


def unread(outcomes: list[ConvertOutcome]) -> dict[str, tuple[int, str]]:
    """What was not read, of all outcomes."""
    total: dict[str, tuple[int, str]] = {}
    for outcome in outcomes:
        for path, (count, first) in outcome.unread.items():
            before = total.get(path, (0, first))
            total[path] = before[0] + count, before[1]
    return total


def check_same(lines: list[bytes], options: ConvertOptions = ConvertOptions()) -> None:  # noqa: B008 (frozen)
    outcomes, expected = converted(lines, options), general(lines, options)
    # a line that is a whole file has more than one
    assert sum(outcome.records for outcome in outcomes) == len(expected) >= len(lines)
    assert apart(outcomes) == apart(expected)
    assert unread(outcomes) == unread(expected)
    start = 0
    for outcome in outcomes:
        # the first row of an outcome has all the columns that its rows have
        columns = [record.columns for record in expected[start : start + outcome.records]]
        assert columns[0] == outcome.columns
        assert all(more <= columns[0] for more in columns)
        start += outcome.records


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", PLAIN)
def test_plain_record_goes_the_short_way(name: str, layout: dict[str, Any]) -> None:
    """These go the short way, in whatever layout they are written, and become the same as in the
    general way."""
    lines = [json.dumps(PLAIN[name], **layout).encode()] * 2
    assert [outcome.records for outcome in converted(lines, ConvertOptions())] == [2]
    check_same(lines)


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_record_is_the_same_in_both_ways(name: str) -> None:
    """What a plain record is not, also after a plain one of the same kind."""
    check_same(
        [
            json.dumps(record).encode()
            for record in (PLAIN["no id, no tools"], AWKWARD[name], ROW, AWKWARD[name])
        ]
    )


def test_goldens_are_the_same_in_both_ways() -> None:
    """Records of every format, in one file: the first of a kind does not decide for what is unlike
    it."""
    records = [
        json.dumps(param.values[1]["in"], **layout).encode()
        for param in CASES
        for layout in LAYOUTS
    ]
    check_same(records)
    check_same(records[::-1])


@pytest.mark.parametrize(
    "column", sorted({name for param in CASES for name in param.values[1]["in"]})
)
def test_any_column_beside_messages_keeps_its_meaning(column: str) -> None:
    """A column that means something to some format keeps its meaning beside plain messages."""
    values = [param.values[1]["in"][column] for param in CASES if column in param.values[1]["in"]]
    simple = ["text", 1, True, None]
    check_same(
        [
            json.dumps({**record, column: value}).encode()
            for value in simple + values
            for record in (ROW, PLAIN["a talk"])
        ]
    )


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_records_are_the_same_in_both_ways(data: st.DataObject) -> None:
    """Plain records with some parts replaced by anything."""
    records = data.draw(st.lists(st.sampled_from(list(PLAIN.values())), min_size=1, max_size=4))
    damaged = json.loads(json.dumps(records))
    for record in damaged:
        for _ in range(data.draw(st.integers(0, 2))):
            damage(record, data)
    layout = data.draw(st.sampled_from(LAYOUTS[:4]))
    check_same([json.dumps(record, **layout).encode() for record in damaged])


roles = st.sampled_from(["system", "user", "assistant", "tool"])
texts = st.sampled_from(["", " ", "a", "<think>\nb\n</think>\n\nc", "<think>", '": {"role": 1}'])
calls = st.lists(
    st.sampled_from([CALL, {**CALL, "id": "c2"}, {"function": CALL["function"]}]), max_size=3
)
turns = st.fixed_dictionaries(
    {"role": roles, "content": texts},
    optional={
        "tool_calls": st.none() | calls,
        "tool_call_id": st.sampled_from(["c:1", "c2", None]),
    },
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.lists(turns, max_size=6), min_size=1, max_size=3), st.booleans())
def test_any_order_of_messages_is_the_same_in_both_ways(
    dialogues: list[list[dict[str, Any]]], with_tools: bool
) -> None:
    """Roles, empty texts, calls and ids in any order."""
    rows = [
        {"messages": messages, **({"tools": [TOOL]} if with_tools else {})}
        for messages in dialogues
    ]
    check_same([json.dumps(row).encode() for row in rows])


schemas = st.sampled_from(
    [
        "string",
        "str",
        "dict",
        "object",
        "function",
        "any",
        None,
        ["string", "null"],
        ["str"],
        {"type": "int"},
        "List[int]",
        1,
    ]
)
names = st.sampled_from(
    ["type", "required", "properties", "description", "enum", "default", "items", "city"]
)
values = st.recursive(
    schemas | st.booleans() | st.just([]),
    lambda inner: st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=500, deadline=None)
@given(
    values,
    st.dictionaries(
        st.sampled_from(["name", "description", "strict", "type", "required"]), values, max_size=2
    ),
)
def test_any_tool_is_the_same_in_both_ways(properties: Any, more: dict[str, Any]) -> None:
    """Schemas that are JSON Schema already, and schemas that are not."""
    parameters = {"type": "object", "properties": properties}
    tool = {"type": "function", "function": {**TOOL["function"], "parameters": parameters, **more}}  # type: ignore[dict-item]
    check_same([json.dumps({"messages": [USER, ANSWER], "tools": [tool, TOOL]}).encode()])


TWICE = [
    '{"messages": [USER, ANSWER], "id": "1", "id": "2"}',
    '{"id": "1", "messages": [USER, ANSWER], "messages": [USER, ANSWER, USER, ANSWER]}',
    '{"messages": [{"role": "user", "content": "a", "content": "b"}, ANSWER]}',
    '{"messages": [USER, {"role": "assistant", "tool_calls": [{"id": "1", "id": "2", "function": F}]}]}',
    '{"messages": [USER, {"role": "assistant", "tool_calls": [{"function": G}]}]}',
    '{"messages": [USER, ANSWER], "tools": [{"function": {"name": "f", "name": "g", "parameters": {}}}]}',
]


@pytest.mark.parametrize("space", ["", " "])
@pytest.mark.parametrize("template", TWICE)
def test_key_twice_is_not_plain(template: str, space: str) -> None:
    """One of the two values would be lost, so the general way has to refuse it."""
    template = template.replace("G", '{"name": "g", "name": "f", "arguments": "{}"}')
    text = template.replace("USER", json.dumps(USER)).replace("ANSWER", json.dumps(ANSWER))
    line = (
        text.replace("F}", '{"name": "f", "arguments": "{}"}}')
        .replace(": ", f":{space}")
        .replace(", ", f",{space}")
    )
    json.loads(line)
    assert convert_line(line.encode(), "raw.jsonl:1", bytearray()) is None
    check_same([line.encode()])


@pytest.mark.parametrize("space", ["", " "])
def test_column_twice_of_any_length_is_not_plain(space: str) -> None:
    """As long as the spaces of another layout would be, too."""
    record = json.dumps(ROW, separators=(f",{space}", f":{space}"))
    for length in range(40):
        line = f'{{"id":{space}"{"x" * length}",{space}{record[1:]}'.encode()
        assert convert_line(line, "raw.jsonl:1", bytearray()) is None


def test_forced_format_is_the_same_in_both_ways() -> None:
    """--from decides, whatever a record looks like."""
    lines = [json.dumps(ROW).encode(), json.dumps({**ROW, "kto_tag": True}).encode()]
    for forced in ("", "openai", "kto", ""):
        check_same(lines, ConvertOptions(source_format=forced))


@pytest.mark.parametrize(
    "options",
    [
        ConvertOptions("grpo"),
        ConvertOptions("whole"),
        ConvertOptions(sample_types=("a",)),
        ConvertOptions(max_samples=1),
    ],
)
def test_records_are_apart_where_they_are_counted(options: ConvertOptions) -> None:
    """Where single records are counted or cut, they are told one by one, in the general way."""
    lines = [json.dumps({**ROW, "sample_type": kind}).encode() for kind in "aab"]
    chunks = [Chunk(PATH, [(number, line)]) for number, line in enumerate(lines, 1)]
    outcomes = converted(lines, options)
    assert [outcome.records for outcome in outcomes] == [1, 1, 1]
    assert outcomes == [convert_chunk(chunk, options)[0] for chunk in chunks]


def test_faults_between_plain_records() -> None:
    """Neighbours that go the short way stand together, and every fault keeps its place."""
    good, broken = json.dumps(ROW).encode(), b'{"messages": ['
    lines = [good, good, broken, good, b"\xff", b"[]", good]
    outcomes = converted(lines, ConvertOptions())
    assert [outcome.records for outcome in outcomes] == [2, 1, 1, 1, 1, 1]
    assert [outcome.reject.line for outcome in outcomes if outcome.reject] == [3, 5, 6]
    check_same(lines)
