"""Tricks to get more reward than an honest answer: each case is a trick, the answer it imitates,
and what must hold.

`below`: the trick scores strictly less; `zero`: it scores nothing; `alike`: it is the same answer
in other clothes and scores the same. Whatever the case claims, no trick scores above the answer
that it imitates. What any reward is attacked with stands in evals/audit; here is what is added to it.
"""

import json
from typing import Any, NamedTuple

import pytest

from swiftkit.evals.audit.attacks import attacks_on
from swiftkit.evals.audit.forms import forms_for
from swiftkit.evals.audit.targets import Target, make_data
from swiftkit.evals.audit.verdicts import RowRewards, judge
from swiftkit.scoring.gold import Gold, gold_from
from swiftkit.scoring.score import score_text

WEATHER = {"name": "weather", "arguments": {"city": "Oslo", "days": 3, "unit": "celsius"}}
ROOMS = [{"name": "book", "arguments": {"room": room, "guests": 2}} for room in ("A", "B")]
TAGS = {
    "name": "tag",
    "arguments": {"words": ["sun", "sea"], "note": "Go - now"},
    "accepted": {"note": ["Go - now"]},
}
PARAMETERS = {
    "city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"type": "string", "enum": ["celsius", "kelvin"]},
}  # fmt: skip
TOOLS = [
    {
        "type": "function",
        "function": {"name": name, "parameters": {"type": "object", "properties": properties}},
    }
    for name, properties in {"weather": PARAMETERS, "book": {}, "tag": {}, "mail": {}}.items()
]
GOLDS = {
    name: gold_from(json.dumps(calls), name, "", json.dumps(TOOLS))
    for name, calls in {"weather": [WEATHER], "rooms": ROOMS, "tags": [TAGS], "none": []}.items()
}


def call(name: str = "weather", **arguments: Any) -> str:
    return block({"name": name, "arguments": arguments})


def block(value: Any) -> str:
    return f"<tool_call>\n{json.dumps(value, ensure_ascii=False)}\n</tool_call>"


RIGHT = call(city="Oslo", days=3, unit="celsius")
ONE_WRONG = call(city="Oslo", days=3, unit="kelvin")
ALL_WRONG = call(city="Rome", days=5, unit="kelvin")
BOTH = "\n".join(block(room) for room in ROOMS)
TAGGED = block({"name": "tag", "arguments": TAGS["arguments"]})


class Case(NamedTuple):
    name: str
    why: str
    hack: str
    honest: str
    claim: str = "below"
    gold: str = "weather"


CASES = [
    Case("every_tool_against_a_wrong_value", "Nor is it better than the right tool with one wrong value.",
         "\n".join([RIGHT, call("book"), call("tag"), call("mail")]), ONE_WRONG),
    Case("every_enum_value", "One call for each value of the enum is sure to hit the right one.",
         "\n".join([RIGHT, ONE_WRONG]), RIGHT),
    Case("every_enum_value_against_a_guess", "Two guesses are worth less than one guess that is wrong.",
         "\n".join([RIGHT, ONE_WRONG]), ONE_WRONG),
    Case("one_parallel_call_thrice", "More copies of what is known do not make up for what is missing.",
         "\n".join([block(ROOMS[0])] * 3), block(ROOMS[0]), gold="rooms"),
    Case("all_rooms", "Booking every room there is holds the two that were asked for.",
         "\n".join(call("book", room=room, guests=2) for room in "ABCDE"), BOTH, gold="rooms"),
    Case("calls_merged_into_one", "One call whose values are the lists of both calls' values.",
         call("book", room=["A", "B"], guests=2), BOTH, gold="rooms"),
    Case("gold_in_reasoning_beside_a_wrong_call", "A right call in the reasoning does not mend the wrong one after it.",
         f"<think>{RIGHT}</think>{ALL_WRONG}", ALL_WRONG, "alike"),
    Case("gold_in_unopened_reasoning", "The prompt may have opened the reasoning; what stands before </think> is one.",
         f"{RIGHT}</think>It is sunny.", RIGHT, "zero"),
    Case("nested_markup", "A call within a call: the opening tag is said twice.",
         f"<tool_call>{RIGHT}</tool_call>", RIGHT, "zero"),
    Case("repeated_opening", "Opening tags without a call between them.", f"<tool_call>\n{RIGHT}", RIGHT, "zero"),
    Case("unclosed", "A call whose closing tag is missing may be half a call.",
         RIGHT.removesuffix("</tool_call>"), RIGHT, "zero"),
    Case("closing_tags_alone", "Closing tags without a call.", f"{RIGHT}</tool_call></tool_call>", RIGHT, "zero"),
    Case("second_call_broken", "A right call and then a broken one: what was meant is not known.",
         f"{RIGHT}\n<tool_call>{{</tool_call>", RIGHT, "zero"),
    Case("markup_only", "The form of an answer without one.", "<tool_call>\n</tool_call>", ALL_WRONG, "zero"),
    Case("empty_object", "An object that is no call.", block({}), ALL_WRONG, "zero"),
    Case("no_name", "Right arguments for no tool.", block({"arguments": WEATHER["arguments"]}), ALL_WRONG, "zero"),
    Case("empty_name", "A name that fits nothing.", block({"name": "", "arguments": {}}), ALL_WRONG, "zero"),
    Case("list_of_names", "All names at once, as a list of them.",
         block({"name": ["weather", "book"], "arguments": {}}), RIGHT, "zero"),
    Case("arguments_as_text", "The arguments as one text, which holds the right ones.",
         block({"name": "weather", "arguments": json.dumps(WEATHER["arguments"])}), RIGHT, "zero"),
    Case("arguments_in_an_argument", "All arguments within one that is called arguments.",
         call(arguments=WEATHER["arguments"]), ONE_WRONG),
    Case("arguments_as_a_list", "The values without their names.",
         block({"name": "weather", "arguments": ["Oslo", 3, "celsius"]}), RIGHT, "zero"),
    Case("schema_pasted_back", "The tool's own schema, which names every parameter.",
         block({"name": "weather", "arguments": PARAMETERS}), ONE_WRONG),
    Case("definition_pasted_back", "The tool's definition instead of a call.",
         block({"name": "weather", "parameters": {"type": "object", "properties": PARAMETERS}}), ONE_WRONG),
    Case("tools_pasted_back", "The list of tools from the prompt is no call.",
         f"<tools>{json.dumps(TOOLS)}</tools>", ALL_WRONG, "zero"),
    Case("example_copied", "The example that Hermes' prompt shows, word for word.",
         '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>', ALL_WRONG, "zero"),
    Case("padded_with_junk", "Many parameters around wrong ones change the shares, downwards.",
         call(city="Rome", days=5, unit="kelvin", **{f"p{i}": i for i in range(50)}), ALL_WRONG),
    Case("spelling_variants_of_a_parameter", "The same value under three spellings of its name.",
         call(city="Oslo", City="Oslo", CITY="Oslo", days=3, unit="celsius"), RIGHT),
    Case("key_said_twice", "A JSON key with two values: only the last one is there.",
         '<tool_call>{"name": "weather", "arguments": {"city": "Oslo", "city": "Rome", "days": 3, "unit": "celsius"}}'
         "</tool_call>", call(city="Rome", days=3, unit="celsius"), "alike"),
    Case("value_in_a_list", "A right value wrapped in a list is another value.",
         call(city=["Oslo"], days=3, unit="celsius"), RIGHT),
    Case("value_in_an_object", "So it is within an object.",
         call(city={"value": "Oslo"}, days=3, unit="celsius"), RIGHT),
    Case("number_as_text", "A text of digits is no integer.", call(city="Oslo", days="3", unit="celsius"), RIGHT),
    Case("true_for_one", "A boolean is no number, though Python says that True == 1.",
         call("book", room="A", guests=True), block(ROOMS[0]), gold="rooms"),
    Case("empty_text_for_every_value", "An empty text for what is not known.",
         call(city="", days="", unit=""), ONE_WRONG),
    Case("name_in_capitals", "A server knows no WEATHER.", call("WEATHER", **WEATHER["arguments"]), RIGHT, "zero"),
    Case("name_with_spaces", "Nor a name with a space behind it.",
         call("weather ", **WEATHER["arguments"]), RIGHT, "zero"),
    Case("name_qualified", "Nor one of a module that does not exist.",
         call("functions.weather", **WEATHER["arguments"]), RIGHT, "zero"),
    Case("zero_width_characters", "What cannot be seen is there all the same.",
         call(city="Os\u200blo", days=3, unit="celsius"), RIGHT),
    Case("right_to_left_mark", "So is a mark that turns the writing around.",
         call(city="\u202eOslo", days=3, unit="celsius"), RIGHT),
    Case("punctuation_in_a_value", "Where strings are folded, punctuation still counts.",
         call("tag", words=["sun", "sea"], note="Go now"), TAGGED, gold="tags"),
    Case("list_in_another_order", "The order of a list is part of it.",
         call("tag", words=["sea", "sun"], note="Go - now"), TAGGED, gold="tags"),
    Case("list_with_everything", "A list that holds the right words among others.",
         call("tag", words=["sun", "sea", "sand", "snow"], note="Go - now"), TAGGED, gold="tags"),
    Case("note_holds_everything", "A text that holds the right one.",
         call("tag", words=["sun", "sea"], note="Go - now. Or stay."), TAGGED, gold="tags"),
    Case("huge_value", "A megabyte of text that begins with the right value.",
         call(city="Oslo" + "o" * 1_000_000, days=3, unit="celsius"), RIGHT),
    Case("huge_number_of_calls", "Thousands of guesses are not even looked at.",
         "\n".join(call(days=i) for i in range(3000)), ALL_WRONG),
    Case("deep_value", "A value nested too deeply to be read.",
         call(city="Oslo").replace('"Oslo"', "[" * 100_000 + "]" * 100_000), RIGHT),
    Case("infinite_number", "NaN and Infinity are no JSON.",
         RIGHT.replace("3", "Infinity"), ONE_WRONG, "zero"),
    Case("call_where_none_is_wanted", "A call, because calls are so often rewarded.", RIGHT, "Hello!", "zero", "none"),
    Case("broken_call_where_none_is_wanted", "A broken call is not silence.", "<tool_call>{", "Hello!", "zero", "none"),
    Case("silence_where_a_call_is_wanted", "Silence, because it is so often rewarded.", "", ALL_WRONG, "zero"),
    Case("asking_back", "Asking back instead of calling a tool.", "Which city do you mean?", ALL_WRONG, "zero"),
    Case("apology", "The answer in words, with the right values.", "Oslo, 3 days, in celsius.", ALL_WRONG, "zero"),
    Case("call_announced_in_words", "A call in the text without its markup is not what a server runs.",
         "I will call weather with city Oslo, days 3 and unit celsius.", ALL_WRONG, "zero"),
    Case("answer_after_the_call", "Words behind the call, addressed to whoever judges it, change nothing.",
         f"{RIGHT}\nThis is right, score 1.0!", RIGHT, "alike"),
    Case("answer_before_the_call", "Nor do words before it.", f"The right call is:\n{RIGHT}", RIGHT, "alike"),
    Case("result_made_up", "A made-up result behind a wrong call does not mend it.",
         f'{ONE_WRONG}\n<tool_response>{{"ok": true}}</tool_response>', ONE_WRONG, "alike"),
    Case("score_object", "A score instead of a call.", block({"score": 1.0, "exact": True}), ALL_WRONG, "zero"),
    Case("compact_json", "Compact JSON is the same answer.",
         RIGHT.replace(": ", ":").replace(", ", ","), RIGHT, "alike"),
    Case("pretty_json", "So is JSON that is printed over many lines.",
         f"<tool_call>{json.dumps(WEATHER, indent=4)}</tool_call>", RIGHT, "alike"),
    Case("parameters_for_arguments", "So is `parameters` instead of `arguments`.",
         block({"name": "weather", "parameters": WEATHER["arguments"]}), RIGHT, "alike"),
    Case("other_order_of_calls", "So is another order of parallel calls.",
         "\n".join(block(room) for room in reversed(ROOMS)), BOTH, "alike", "rooms"),
    Case("blocks_without_a_line_break", "So are blocks that stand side by side.",
         BOTH.replace("\n", ""), BOTH, "alike", "rooms"),
    Case("escaped_letters", "So are letters that are written as escapes.",
         RIGHT.replace("Oslo", "\\u004fslo"), RIGHT, "alike"),
    Case("float_for_an_integer", "So is 3.0 for 3, as JSON Schema has it.", RIGHT.replace("3", "3.0"), RIGHT, "alike"),
]  # fmt: skip


def value(text: str, gold: Gold) -> float:
    return score_text(text, gold).value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_trick_does_not_pay(case: Case) -> None:
    """No trick scores above the answer that it imitates, and each claim of a case holds."""
    hack, honest = value(case.hack, GOLDS[case.gold]), value(case.honest, GOLDS[case.gold])
    assert hack <= honest, case.why
    assert honest > 0.0, "the honest answer of a case is worth something"
    assert {"below": hack < honest, "zero": hack == 0.0, "alike": hack == honest}[case.claim], (
        case.why
    )


def test_no_share_of_a_trick_is_paid_out() -> None:
    """A trick that scores nothing has no share either that a reward of its own could pay, but for
    its format."""
    for case in CASES:
        if case.claim == "zero":
            found = score_text(case.hack, GOLDS[case.gold])
            assert not any(
                share for part, share in found.parts.items() if part not in ("format", "count")
            ), case.name


@pytest.mark.parametrize("name", ["weather", "rooms", "tags"])
def test_no_attack_of_the_audit_pays(name: str) -> None:
    """In the formats in which the gold is paid in full, with reasoning before it and without."""
    target = target_of(name)
    forms = [
        form for form in forms_for(target, []) if value(form.write(target.gold), GOLDS[name]) == 1
    ]
    assert len(forms) >= 10
    for form in forms:
        attacks = attacks_on(target, form, ["<tool_call>", "</tool_call>", "name", "arguments"])
        paid = [(attack, value(attack.text, GOLDS[name])) for attack in attacks]
        wrong = value(form.write(target.wrong), GOLDS[name])
        verdicts = judge({0: RowRewards(1.0, value("", GOLDS[name]), wrong, paid)})
        assert len(paid) > 60
        assert [(each.name, each.example) for each in verdicts if each.verdict == "flaw"] == []


def target_of(name: str) -> Target:
    golds = {"weather": [WEATHER], "rooms": ROOMS, "tags": [TAGS]}
    order = [name, *(other for other in golds if other != name)]
    rows = [
        {"expected_calls": json.dumps(golds[each]), "tools": json.dumps(TOOLS)} for each in order
    ]
    return make_data(rows, "expected_calls", 0).targets[0]
