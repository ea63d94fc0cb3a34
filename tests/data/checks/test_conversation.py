"""Empty questions, reasoning that stands there twice, missing results, tools of one name."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.check_rows import (
    ANSWER,
    GOOD,
    QUESTION,
    WEATHER,
    call,
    lines_by_code,
    report,
    talk,
    tools,
    user,
    write,
)
from helpers.paths import ROOT

from swiftkit.cli.main import main

CASES = (
    Path(os.environ.get("SWIFTKIT_SHARED_DATA") or ROOT.parent / "shared" / "data").parent
    / "cases"
    / "data"
)
RESULT = {"role": "tool_response", "content": "sunny"}
ASKED = call({"city": "Oslo"})


def think(text: str, beside: str = "") -> dict[str, str]:
    message = {"role": "assistant", "content": text}
    return message | ({"reasoning_content": beside} if beside else {})


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (talk({"role": "user", "content": ""}, ANSWER), "no_question"),
        (talk(QUESTION, ANSWER, {"role": "user", "content": " \n"}, ANSWER), "no_question"),
        (talk(QUESTION, think("<think>\nabc\n</think>\n\ny", "abc")), "two_reasonings"),
        (talk(QUESTION, think("[THINK]abc[/THINK]y", "other")), "two_reasonings"),
        (talk(QUESTION, think("y", "<think>\nabc")), "two_reasonings"),
        (talk(QUESTION, think("<think>\na\n</think>\n\n<think>\nb\n</think>\n\ny")), "two_reasonings"),
        (talk(QUESTION, think("First this.\n<think>\nb\n</think>\ny", "a")), "two_reasonings"),
        (talk(QUESTION, think("<think>\n\n</think>\n\ny", "a")), None),
        (talk(QUESTION, think("Write `<think>` and then `</think>`.", "a")), None),
        (talk(QUESTION, think("So:\n```\n<think>\nb\n</think>\n```", "a")), None),
        (talk(QUESTION, ASKED, QUESTION, ANSWER, tools=tools()), "missing_result"),
        (talk(QUESTION, ASKED, ASKED, RESULT, ANSWER, tools=tools()), "missing_result"),
        (talk(QUESTION, ASKED, ASKED, RESULT, RESULT, ANSWER, tools=tools()), None),
        (talk(QUESTION, ASKED, RESULT, ASKED, ASKED, tools=tools()), None),
        (talk(QUESTION, ASKED, ASKED, tools=tools()), None),
    ],
)  # fmt: skip
def test_turns_that_teach_nothing(tmp_path: Path, row: dict[str, Any], code: str | None) -> None:
    """Each is found on its line; what only looks like it is left in peace."""
    found = report(tmp_path, [GOOD[4], row])
    assert lines_by_code(found) == ({code: [2]} if code else {})


def test_missing_result_is_named(tmp_path: Path) -> None:
    """By the id of its call where the row has ids, else by the names of the calls."""
    calls = [ASKED | {"tool_call_id": name} for name in ("a", "b")]
    row = talk(QUESTION, *calls, RESULT | {"tool_call_id": "a"}, ANSWER, tools=tools())
    other = talk(QUESTION, ASKED, QUESTION, ANSWER, tools=tools())
    [finding] = report(tmp_path, [row, other])["findings"]
    assert [example["detail"] for example in finding["examples"]] == [
        "messages[1]: calls 2, results 1: none for b",
        "messages[1]: calls 1, results 0: weather",
    ]


def test_tools_of_one_name(tmp_path: Path) -> None:
    """The same tool twice is a warning, two different ones an error, for convert too."""
    one = json.loads(tools())
    other = json.loads(tools(WEATHER | {"required": []}))
    rows = [
        talk(user("Rain in Oslo?"), ANSWER, tools=json.dumps(one + one)),
        talk(user("And how are you today?"), ANSWER, tools=json.dumps(one + other)),
    ]
    assert lines_by_code(report(tmp_path, rows)) == {"bad_tools": [2], "duplicate_tool": [1]}


@pytest.mark.skipif(not CASES.is_dir(), reason=f"no cases in {CASES}")
@pytest.mark.parametrize(
    ("file", "code", "level"),
    [
        ("check_additional_properties_false", "bad_argument", "fail"),
        ("b_special_tokens", "control_token", "warn"),
        ("c_dup_tools_differ", "bad_tools", "fail"),
        ("a_user_null", "bad_message", "fail"),
        ("c_reason_and_think", "two_reasonings", "fail"),
        ("harmony_prerendered", "control_token", "warn"),
    ],
)
def test_shared_cases(tmp_path: Path, file: str, code: str, level: str) -> None:
    """What people brought, in the layouts of real data sets."""
    rows = (CASES / f"{file}.jsonl").read_bytes().splitlines()
    levels = {each["code"]: each["level"] for each in report(tmp_path, rows)["findings"]}
    assert levels[code] == level


@pytest.mark.parametrize(("description", "accepted"), [("A weather.", 1), ("Another.", 0)])
def test_convert_refuses_two_tools_of_one_name(
    tmp_path: Path, description: str, accepted: int
) -> None:
    """The short way and the general one: no call could say which of the two is meant."""
    one = {"name": "weather", "description": "A weather.", "parameters": WEATHER}
    offered = []
    for function in (one, one | {"description": description}):
        offered.append({"type": "function", "function": function})
    rows = [talk(QUESTION, ANSWER, tools=offered) for _ in range(2)]
    raw, out = write(tmp_path / "raw.jsonl", rows), tmp_path / "out.jsonl"
    CliRunner().invoke(main, ["convert", str(raw), "-o", str(out)], catch_exceptions=False)
    rejects = tmp_path / "out.rejects.jsonl"
    codes = (
        [json.loads(line)["code"] for line in rejects.read_text().splitlines()]
        if not accepted
        else []
    )
    assert codes == ["bad_tools"] * (2 - 2 * accepted)
    assert rejects.exists() is not bool(accepted)
