"""What stands in texts: calls in any wire format, formats in prompts, control tokens."""

from pathlib import Path
from typing import Any

import pytest
from helpers.check_rows import (
    ANSWER,
    GOOD,
    QUESTION,
    ask,
    check,
    lines_by_code,
    report,
    talk,
    tools,
    user,
    write,
)
from helpers.paths import ROOT

from swiftkit.toolcall import wire_format
from swiftkit.toolcall.call import ToolCall

CALL = ToolCall("weather", {"city": "Oslo"})
FORMATS = {name: form.render([CALL]) for name, form in wire_format.load_all().items()}
QWEN = ROOT / "recipes" / "tiny" / "qwen3"


def answer(text: str, **columns: Any) -> dict[str, Any]:
    return talk(QUESTION, {"role": "assistant", "content": text}, **columns)


@pytest.mark.parametrize("before", ["", "I look it up.\n\n", "<think>\nHm.\n</think>\n\n"])
@pytest.mark.parametrize("name", FORMATS)
def test_call_in_text_is_found_in_every_format(tmp_path: Path, name: str, before: str) -> None:
    """A call of the row's tool, also behind words and reasoning."""
    row = answer(before + FORMATS[name], tools=tools())
    assert "call_in_text" in lines_by_code(report(tmp_path, [row]))


@pytest.mark.parametrize(
    ("row", "is_call"),
    [
        (answer('<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'), True),
        (answer('{"name": "f", "arguments": {"a": 1}}'), False),
        (answer('<tool_call>\n{"name": "weather", "arguments": {', tools=tools()), True),
        (answer('Action: weather\nAction Input: {"city": "Oslo"}', tools=tools()), True),
        (answer('{"tool": "weather", "args": {"city": "Oslo"}}', tools=tools()), True),
        (answer('{"name": "Anna", "age": 5}', tools=tools()), False),
        (answer("sin(x)"), False),
        (answer("print(5)", tools=tools()), False),
        (answer('```python\nprint({"a": [1, 2]})\n```'), False),
        (answer("I can look that up with weather(city).", tools=tools()), False),
        (answer("<b>Rain</b>, says weather [1].", tools=tools()), False),
        (answer('<tool_call>\n{"name": "weather", "arguments": {}}\n</tool_call>', label=True), False),
    ],
)  # fmt: skip
def test_call_in_text(tmp_path: Path, row: dict[str, Any], is_call: bool) -> None:
    """Prose, code and JSON are none, nor is the call that ends a row of KTO."""
    assert ("call_in_text" in lines_by_code(report(tmp_path, [row]))) == is_call


@pytest.mark.parametrize(
    ("system", "is_format"),
    [
        ('Answer with <tool_call>\n{"name": <function-name>, "arguments": <args-dict>}\n</tool_call>', True),
        ("You may call the tools inside <tools></tools>.", True),
        ('Respond in the format {"name": function name, "parameters": dictionary}.', True),
        ("Thought: ...\nAction: one of [weather]\nAction Input: the arguments", True),
        ("Use <functioncall> {...}", True),
        ("Write [TOOL_CALLS] first.", True),
        ('Your tools: [{"name": "f", "parameters": {"type": "object", "properties": {}}}]', True),
        ("# Policy\n\nCall one tool at a time. Actions need the user's consent (yes).", False),
        ("Answer with JSON: {\"name\": \"...\", \"age\": 5} in <answer> tags.", False),
    ],
)  # fmt: skip
def test_format_in_prompt(tmp_path: Path, system: str, is_format: bool) -> None:
    """A prescription of how to write calls, or the tools themselves; not a policy about calls."""
    row = talk({"role": "system", "content": system}, QUESTION, ANSWER)
    assert ("format_in_prompt" in lines_by_code(report(tmp_path, [row]))) == is_format


@pytest.mark.parametrize(
    "token",
    "<|im_end|> <|im_start|> <|endoftext|> <|eot_id|> <|start_header_id|> <|channel|> <|observation|>"
    " <｜end▁of▁sentence｜> <|turn> <turn|> <start_of_turn> <bos> <seed:bos> [INST] [/INST] [TOOL_CALLS]"
    " <<SYS>> </s> ]~b] <|END_OF_TURN_TOKEN|>".split(),
)  # fmt: skip
def test_control_token_is_found_in_every_text(tmp_path: Path, token: str) -> None:
    """In messages of every role, in reasoning and in the tools."""
    rows = [
        talk(user(f"hi {token}\n there"), ANSWER),
        talk(QUESTION, {"role": "assistant", "content": f"Yes.{token}"}),
        talk({"role": "system", "content": f"{token} Be brief."}, QUESTION, ANSWER),
        talk(QUESTION, ANSWER | {"reasoning_content": f"I see {token}."}),
        talk(QUESTION, ANSWER, tools=tools().replace("weather", f"weather{token}")),
    ]
    assert lines_by_code(report(tmp_path, rows))["control_token"] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "text",
    ["<s>old</s> new", "a <| b |> c", "<div> | <p>", "x[0] [1]", "[instant]", "list |> map", "<start>", "< s >"],
)  # fmt: skip
def test_control_token_is_no_html_or_code(tmp_path: Path, text: str) -> None:
    assert lines_by_code(report(tmp_path, [ask(text)])) == {}


def test_control_token_says_whose_it_is(tmp_path: Path) -> None:
    """With a tokenizer, its own are told from another model's."""
    pytest.importorskip("tokenizers")
    rows = [talk(user("hi <|im_end|>"), ANSWER), talk(user("hi <|eot_id|>"), ANSWER)]
    [finding] = report(tmp_path, rows, "--tokenizer", QWEN)["findings"]
    assert [example["detail"] for example in finding["examples"]] == [
        "turn 1 (user): '<|im_end|>', a control token of this model",
        "turn 1 (user): '<|eot_id|>', of another model",
    ]


def thinking(row: int, *loss: bool) -> dict[str, Any]:
    messages = []
    for number, has_loss in enumerate(loss):
        words = " ".join(f"word{row}of{number}at{place}" for place in range(20))
        answer: dict[str, Any] = ANSWER | {"reasoning_content": words}
        messages += [user(f"Question {words}?"), answer if has_loss else answer | {"loss": False}]
    return talk(*messages)


def folder_with(parent: Path, name: str, written: str) -> Path:
    """A copy of the tiny model's tokenizer, with a template that writes reasoning if `written`."""
    folder = parent / name
    folder.mkdir()
    (folder / "tokenizer.json").write_bytes((QWEN / "tokenizer.json").read_bytes())
    if written:
        template = (QWEN / "chat_template.jinja").read_text(encoding="utf-8")
        condition = "if message.reasoning_content"
        assert condition in template
        template = template.replace(condition, f"{condition} and {written}")
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("written", "lines", "how"),
    [
        ("loop.last", [2], "1 of 2 answers, once later messages follow"),
        ("false", [1, 2, 3], "1 of 1 answers, also of the last answer"),
        ("true", [], ""),
        ("", [], ""),
    ],
)
def test_reasoning_that_the_template_drops(
    tmp_path: Path, written: str, lines: list[int], how: str
) -> None:
    """That of earlier answers, as Qwen3's, or all; one without a loss does not matter. A folder
    with a tokenizer alone says nothing."""
    pytest.importorskip("tokenizers")
    rows = [thinking(1, True), thinking(2, True, True), thinking(3, False, True), GOOD[0]]
    found = report(tmp_path, rows, "--tokenizer", folder_with(tmp_path, "model", written))
    assert lines_by_code(found) == ({"reasoning_dropped": lines} if lines else {})
    assert found["rows_rendered"] == (3 if written else 0)
    if lines:
        assert found["findings"][0]["examples"][0]["detail"] == f"the reasoning of {how}"


def test_template_that_cannot_be_read(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    folder = folder_with(tmp_path, "model", "%} {{ (")
    result = check(write(tmp_path / "rows.jsonl", GOOD), "--tokenizer", folder)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "not one that Jinja can read" in result.stderr
