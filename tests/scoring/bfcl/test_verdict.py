"""The mode bfcl: BFCL's own verdicts, flaws included."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from helpers.call_strategies import any_calls, few_calls
from helpers.paths import ROOT, SHARED_DATA
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.data.converters import bfcl as converter
from swiftkit.records import Row, Score
from swiftkit.scoring.bfcl.item import BfclItem
from swiftkit.scoring.bfcl.java_js import from_java, from_javascript
from swiftkit.scoring.bfcl.verdict import verdict
from swiftkit.scoring.gold import gold_from
from swiftkit.scoring.score import score_calls
from swiftkit.toolcall.call import ToolCall

CATEGORIES = ("simple_python", "multiple", "parallel", "parallel_multiple")
VERDICTS = SHARED_DATA / "bfcl" / "checker_verdicts.jsonl"
DOC = ROOT / "docs" / "scoring.md"


def records() -> list[dict[str, Any]]:
    if not VERDICTS.exists():
        pytest.skip(f"no {VERDICTS}: set SWIFTKIT_SHARED_DATA to the folder of bfcl/")
    return [json.loads(line) for line in VERDICTS.read_text(encoding="utf-8").splitlines()]


def calls_of(record: dict[str, Any]) -> list[ToolCall]:
    return [
        ToolCall(name, arguments)
        for call in record["prediction"]
        for name, arguments in call.items()
    ]


def row_of(record: dict[str, Any]) -> Row:
    """The row that `swiftkit convert` makes of the question."""
    question = [[{"role": "user", "content": "?"}]]
    named = {
        "id": record["id"],
        "function": record["functions"],
        "ground_truth": record["possible_answer"],
    }
    return next(iter(converter.convert({"question": question, **named})))


def scored(record: dict[str, Any], **options: Any) -> Score:
    row = row_of(record)
    scoring = json.dumps(json.loads(row["scoring"]) | options)
    gold = gold_from(row["expected_calls"], record["id"], scoring, row["tools"])
    return score_calls(calls_of(record), gold)


def test_mode_bfcl_agrees_with_recorded_verdicts() -> None:
    """On each recorded prediction the verdict is BFCL's, and so is the reason."""
    for record in records():
        found = scored(record, mode="bfcl")
        assert (found.exact, found.value) == (record["valid"], float(record["valid"])), record["id"]
        assert record["valid"] or found.reason == f"BFCL: {record['error_type']}"


def test_the_doc_lists_each_disagreement_of_the_default_mode() -> None:
    """docs/scoring.md names the classes and counts of what the default mode judges otherwise than
    BFCL."""
    counts = {"full stop": 0, "integer": 0, "enum, path or code": 0}
    class_of = {"punct": "full stop", "int2float": "integer", "case": "enum, path or code"}
    for record in records():
        if scored(record).exact != record["valid"]:
            counts[class_of[record["mutation"]]] += 1
    lines = [line.split("|") for line in DOC.read_text(encoding="utf-8").splitlines()]
    listed = {
        name: int(cells[3])
        for cells in lines
        if len(cells) == 6
        for name in counts
        if name in cells[1]
    }
    assert listed == counts
    assert f"judges {sum(counts.values())} otherwise" in DOC.read_text(encoding="utf-8")


def test_the_doc_names_each_broken_question() -> None:
    """Questions whose gold leaves out what the tool requires, or gives what it does not have."""
    text = DOC.read_text(encoding="utf-8")
    files = sorted((SHARED_DATA / "bfcl" / "possible_answer").glob("BFCL_v4_*.json")) or records()
    broken = [name for file in files if "multi_turn" not in file.name for name in _broken(file)]
    assert broken
    assert all(re.search(rf"\b{name}\b", text) for name in broken), broken


def _broken(answers: Path) -> Iterator[str]:
    truths, questions = (
        path.read_text(encoding="utf-8").splitlines()
        for path in (answers, answers.parents[1] / answers.name)
    )
    truth = {line["id"]: line["ground_truth"] for line in map(json.loads, truths)}
    for record in map(json.loads, questions):
        tools = {function["name"]: function["parameters"] for function in record["function"]}
        for name, values in (entry for call in truth[record["id"]] for entry in call.items()):
            required = {parameter for parameter, options in values.items() if "" not in options}
            if (
                set(tools[name]["required"]) - required
                or values.keys() - tools[name]["properties"].keys()
            ):
                yield record["id"]


TYPES = {
    "s": {"type": "string"}, "i": {"type": "integer"}, "f": {"type": "float"}, "b": {"type": "boolean"},
    "l": {"type": "array", "items": {"type": "string"}}, "fl": {"type": "array", "items": {"type": "float"}},
    "d": {"type": "dict"}, "dl": {"type": "array", "items": {"type": "dict"}},
    "t": {"type": "tuple", "items": {"type": "integer"}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("parameter", "options", "value", "error"),
    [
        ("s", ["15"], "1.5", ""),
        ("s", ["5"], "-5", ""),
        ("s", ["2024-11-2"], "2024-1-12", ""),
        ("s", ["it's"], 'IT"S', ""),
        ("s", ["a", ""], "./-_*^ ", ""),
        ("s", ["a"], "a!", "value_error:string"),
        ("s", ["a"], 1, "type_error:simple"),
        ("s", [1], 1, ""),
        ("i", [5], 5.0, "type_error:simple"),
        ("i", [1], True, "type_error:simple"),
        ("i", ["x"], "x", ""),
        ("i", ["x"], "X", "value_error:others"),
        ("f", [5.0], 5, ""),
        ("f", [5.0], 10**400, "checker_crashed"),
        ("b", [True], 1, "type_error:simple"),
        ("l", [["a", "b"]], ["A.", "b "], ""),
        ("l", [["a", "b"]], ["b", "a"], "value_error:list/tuple"),
        ("l", [["a"], ""], [], ""),
        ("l", [["a"]], [1], "type_error:nested"),
        ("l", [["a"]], "a", "type_error:simple"),
        ("fl", [[1.0, 2.0]], [1, 2], "type_error:nested"),
        ("t", [[1, 2]], [1, 2], ""),
        ("d", [{"k": ["x"], "o": [1, ""]}], {"k": "X"}, ""),
        ("d", [{"k": ["x"], "o": [1, ""]}], {"k": "x", "o": True}, ""),
        ("d", [{"k": ["x"]}], {"k": "y"}, "value_error:dict_value"),
        ("d", [{"k": ["x"]}], {"z": "x"}, "value_error:dict_key"),
        ("d", [{"k": ["x"]}], {}, "value_error:dict_key"),
        ("d", ["", {"k": [{"n": [1]}]}], {"k": {"n": 1}}, "value_error:dict_value"),
        ("dl", [[{"k": [1]}]], [{"k": 1}], ""),
        ("dl", [[{"k": [1]}]], [], "value_error:list_dict_count"),
        ("dl", [[{"k": [1]}]], [{"k": 2}], "value_error:dict_value"),
    ],
)
def test_verdict_on_values_of_each_type(
    parameter: str, options: list[Any], value: Any, error: str
) -> None:
    """The rules for each type, the odd ones too."""
    function = {"name": "f", "parameters": {"properties": TYPES, "required": []}}
    item = BfclItem("simple_python", [function], [{"f": {parameter: options}}])
    assert verdict([ToolCall("f", {parameter: value})], item) == error


def item(category: str, *names: str) -> BfclItem:
    functions = [
        {"name": name, "parameters": {"properties": TYPES, "required": ["s"]}} for name in "fg"
    ]
    truth = [
        {name: {"s": ["a", "b"] if index == 0 else ["a"], "i": [1, ""]}}
        for index, name in enumerate(names)
    ]
    return BfclItem(category, functions, truth)


@pytest.mark.parametrize(
    ("made", "wanted", "error"),
    [
        ([("f", {"s": "a"})], item("multiple", "f"), ""),
        ([("g", {"s": "a"})], item("multiple", "f"), "simple_function_checker:wrong_func_name"),
        ([("f", {})], item("multiple", "f"), "simple_function_checker:missing_required"),
        ([("f", {"s": "a", "b": True})], item("multiple", "f"), "simple_function_checker:unexpected_param"),
        ([], item("multiple", "f"), "multiple_function_checker:wrong_count"),
        ([], item("live_simple", "f"), "simple_function_checker:wrong_count"),
        ([("f", {"s": "a"})], item("parallel", "f", "f"), "parallel_function_checker_no_order:wrong_count"),
        ([("f", {"s": "b"}), ("f", {"s": "a"})], item("live_parallel", "f", "f"), ""),
        # Greedy: the first answer takes the call that only the second could have used.
        ([("f", {"s": "a"}), ("f", {"s": "b"})], item("parallel", "f", "f"),
         "parallel_function_checker_no_order:cannot_find_match"),
        ([("g", {"s": "a"}), ("f", {"s": "b"})], item("parallel_multiple", "f", "g"), ""),
        ([], BfclItem("irrelevance", []), ""),
        ([("f", {})], BfclItem("live_irrelevance", []), "irrelevance_error:decoder_success"),
        ([("f", {})], BfclItem("live_relevance", []), ""),
        ([], BfclItem("live_relevance", []), "relevance_error"),
    ],
)  # fmt: skip
def test_verdict_by_category(
    made: list[tuple[str, dict[str, Any]]], wanted: BfclItem, error: str
) -> None:
    """Each category has its rule for the number, the names and the order of calls."""
    assert verdict([ToolCall(*call) for call in made], wanted) == error


def test_verdict_on_malformed_answers() -> None:
    """A malformed answer is wrong, unless no call was wanted: there BFCL asks only whether a call
    was read."""
    assert verdict([], item("multiple", "f"), "unclosed") == "ast_decoder:decoder_failed"
    assert verdict([], BfclItem("irrelevance", []), "unclosed") == ""


@pytest.mark.parametrize(
    ("text", "kind", "items", "value"),
    [
        ("-12", "integer", "", -12),
        ("12L", "long", "", 12),
        ("12", "long", "", "12"),
        ("3.5f", "float", "", 3.5),
        ("3e2", "double", "", 300.0),
        ("true", "boolean", "", True),
        ("True", "boolean", "", "True"),
        ("'a'", "char", "", "'a'"),
        ("a, b", "String", "", "a, b"),
        ("new int[]{1, 2,}", "Array", "integer", [1, 2]),
        ("{1, 2}", "Array", "integer", "{1, 2}"),
        ('new ArrayList<>(Arrays.asList("a", "b"))', "ArrayList", "String", ["a", "b"]),
        ("new ArrayList<Float>() {{ add(1.0f); add(2f); }}", "ArrayList", "float", [1.0, 2.0]),
        ("new ArrayList<String>()", "ArrayList", "String", []),
        ("list", "ArrayList", "String", "list"),
        ('new HashMap<String, Object>() {{ put("a", 1); put("b", "x"); put("c", 2L); }}', "HashMap", "",
         {"a": 1, "b": "x", "c": 2}),
        ("new HashMap<>()", "HashMap", "", {}),
    ],
)  # fmt: skip
def test_from_java_reads_literals(text: str, kind: str, items: str, value: Any) -> None:
    """Literals of Java become values; anything else stays text."""
    assert from_java(text, kind, items) == value


@pytest.mark.parametrize(
    ("text", "kind", "items", "value"),
    [
        ("12", "integer", "", 12),
        ("12n", "Bigint", "", 12),
        ("1e3", "float", "", "1e3"),
        ("'a'", "String", "", "a"),
        ("a", "String", "", "a"),
        ("false", "Boolean", "", False),
        ("[1, 2]", "array", "integer", [1, 2]),
        ("new Array('a', 'b')", "array", "String", ["a", "b"]),
        ("[]", "array", "String", []),
        ("[[1, 2], [3]]", "array", "array", [[1, 2], [3]]),
        ("[1", "array", "integer", "[1"),
        ("{'a': 1, \"b\": [1, 2], c: true}", "dict", "", {"a": 1, "b": [1, 2], "c": True}),
        ("{}", "dict", "", {}),
        ("f()", "any", "", "f()"),
    ],
)
def test_from_javascript_reads_literals(text: str, kind: str, items: str, value: Any) -> None:
    """Literals of JavaScript become values; anything else stays text."""
    assert from_javascript(text, kind, items) == value


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1500,
        "[[a]" * 400,
        "new Array([" * 150,
        "{a:" + " ," * 900,
        'put("",' * 250,
        " " * 1900,
        "[[" + "]x" * 900,
    ],
)
def test_hostile_literals_are_left_as_they_are(text: str) -> None:
    """Text that a pattern could chew on for hours is left as it is."""
    assert from_javascript(text, "array") is not None
    assert from_javascript(text, "dict") is not None
    assert from_java(f"new HashMap<>() {{{{ {text}", "HashMap") is not None
    assert from_java(f"new HashMap<>() {{{{ put(){text}x}}", "HashMap") == {}
    assert from_java(f"new ArrayList<>() {{{{ {text}", "ArrayList") == []


@pytest.mark.parametrize(("value", "valid"), [("12L", True), ("12", False), (12, False)])
def test_verdict_takes_java_values_as_text(value: Any, valid: bool) -> None:
    """A model answers these categories in the language's own literals."""
    function = {"name": "f", "parameters": {"properties": {"n": {"type": "long"}}, "required": []}}
    java = BfclItem("simple_java", [function], [{"f": {"n": [12]}}])
    assert (verdict([ToolCall("f", {"n": value})], java) == "") is valid


@settings(max_examples=200, deadline=None)
@given(
    st.lists(few_calls | any_calls, max_size=4),
    st.sampled_from([*CATEGORIES, "simple_java", "irrelevance", "live_relevance"]),
)
def test_any_calls_have_a_verdict(calls: list[ToolCall], category: str) -> None:
    """Nothing that a model writes raises, and the verdict is right or wrong, never between."""
    bfcl = msgspec.to_builtins(item(category, *([] if "relevance" in category else ["f", "g"])))
    scoring = json.dumps({"mode": "bfcl", "bfcl": bfcl})
    score = score_calls(calls, gold_from('[{"name": "f", "arguments": {"s": "a"}}]', "", scoring))
    assert score.value == float(score.exact)
    assert score.counts == {"right": int(score.exact), "total": 1}


@pytest.mark.parametrize(("value", "valid"), [(5, True), (5.0, False), (True, False)])
def test_the_verdict_on_the_gold_is_lent_to_the_same_types_alone(value: Any, valid: bool) -> None:
    """The gold's own answer is judged once; 5.0 is exact in the default mode, and no integer to
    BFCL."""
    function = {"name": "f", "parameters": {"properties": TYPES, "required": []}}
    asked = msgspec.to_builtins(BfclItem("simple_python", [function], [{"f": {"i": [5]}}]))
    scoring = json.dumps({"mode": "bfcl", "bfcl": asked})
    gold = gold_from('[{"name": "f", "arguments": {"i": 5}}]', "", scoring)
    assert score_calls([ToolCall("f", {"i": value})], gold).exact is valid
