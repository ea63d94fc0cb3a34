"""Texts of the smaller families: what is written to the byte, what else is read, what is refused."""

import pytest
from helpers.growth import takes_linear_time

from swiftkit.errors import DataError
from swiftkit.toolcall import detect
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.text_arguments import retyped
from swiftkit.toolcall.wire_format import load_all

FORMATS = load_all()
F, G = ToolCall("f", {"a": 1, "b": "x y"}), ToolCall("g", {})
ARGUMENTS = '{"a": 1, "b": "x y"}'
OBJECT, EMPTY = f'{{"name": "f", "arguments": {ARGUMENTS}}}', '{"name": "g", "arguments": {}}'
PYTHON = str({"name": "f", "arguments": F.arguments})
NAMESPACE = "antml:"
LIST = f"[{OBJECT}, {EMPTY}]"
COHERE = (
    f'[{{"tool_name": "f", "parameters": {ARGUMENTS}}}, {{"tool_name": "g", "parameters": {{}}}}]'
)
INVOKE = '<invoke name="f">\n<parameter name="a">1</parameter>\n<parameter name="b">x y</parameter>\n</invoke>'
TWICE = INVOKE.replace('"b"', '"a"')
NS = "]<]minimax[>["
RENDERED = {
    "apertus": f'<|tools_prefix|>[{{"f": {ARGUMENTS}}}, {{"g": {{}}}}]<|tools_suffix|>',
    "chatglm3": 'f\n```python\ntool_call(a=1, b="x y")\n```\ng\n```python\ntool_call()\n```',
    "claude_xml": f'<function_calls>\n{INVOKE}\n<invoke name="g">\n\n</invoke>\n</function_calls>',
    "command_a": f"<|START_ACTION|>{COHERE}<|END_ACTION|>",
    "command_r": f"Action: ```json\n{COHERE}```",
    "functionary_v3_1": f"<function=f>{ARGUMENTS}</function><function=g>{{}}</function>",
    "functionary_v3_2": f">>>f\n{ARGUMENTS}>>>g\n{{}}",
    "functiongemma": (
        "<start_function_call>call:f{a:1,b:<escape>x y<escape>}<end_function_call>"
        "<start_function_call>call:g{}<end_function_call>"
    ),
    "functools": f"functools{LIST}",
    "gemma3": '```tool_code\nf(a=1, b="x y")\ng()\n```',
    "gigachat3": f"function call<|role_sep|>\n{OBJECT}\nfunction call<|role_sep|>\n{EMPTY}",
    "granite": f"<|tool_call|>{LIST}",
    "granite_20b_fc": f"<function_call> {OBJECT}\n<function_call> {EMPTY}",
    "internlm2": (
        f'<|action_start|><|plugin|>\n{{"name": "f", "parameters": {ARGUMENTS}}}<|action_end|>\n'
        '<|action_start|><|plugin|>\n{"name": "g", "parameters": {}}<|action_end|>'
    ),
    "jamba": f"<tool_calls>{LIST}</tool_calls>",
    "lfm2": '<|tool_call_start|>[f(a=1, b="x y"), g()]<|tool_call_end|>',
    "longcat": (
        f"<longcat_tool_call>\n{OBJECT}\n</longcat_tool_call>\n"
        f"<longcat_tool_call>\n{EMPTY}\n</longcat_tool_call>"
    ),
    "minimax_m3": (
        f'{NS}<tool_call>\n{NS}<invoke name="f">{NS}<a>1{NS}</a>{NS}<b>x y{NS}</b>{NS}</invoke>\n'
        f'{NS}<invoke name="g">{NS}</invoke>\n{NS}</tool_call>'
    ),
    "nemotron": f"<TOOLCALL>{LIST}</TOOLCALL>",
    "olmo3": '<function_calls>\nf(a=1, b="x y")\ng()\n</function_calls>',
    "qwen2_5_coder": f"<tools>\n{OBJECT}\n</tools>\n<tools>\n{EMPTY}\n</tools>",
    "qwen_fncall": (f"✿FUNCTION✿: f\n✿ARGS✿: {ARGUMENTS}\n✿FUNCTION✿: g\n✿ARGS✿: {{}}\n✿RESULT✿:"),
    "step3": (
        '<｜tool_calls_begin｜>\n<｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name="f">\n'
        '<steptml:parameter name="a">1</steptml:parameter>\n'
        '<steptml:parameter name="b">x y</steptml:parameter>\n'
        "</steptml:invoke><｜tool_call_end｜>\n"
        '<｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name="g">\n\n'
        "</steptml:invoke><｜tool_call_end｜>\n<｜tool_calls_end｜>"
    ),
}


@pytest.mark.parametrize("name", sorted(RENDERED))
def test_render_writes_as_the_family_does(name: str) -> None:
    """Names, blanks and line breaks to the byte; the rest of the new formats is compared with
    swift's (test_swift_renders.py)."""
    assert FORMATS[name].render([F, G]) == RENDERED[name]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("jamba", f"<tool_calls>\n{OBJECT}\n{EMPTY}\n</tool_calls>"),
        ("jamba", f"<tool_calls><tool_call>{OBJECT}</tool_call><tool_call>{EMPTY}</tool_call></tool_calls>"),
        ("granite", f"<|tool_call|>{OBJECT}<|tool_call|>{EMPTY}"),
        ("granite_20b_fc", f"<function_call>{OBJECT} <function_call>{EMPTY}<|endoftext|>"),
        ("granite_20b_fc", f"<functioncall> {OBJECT} <functioncall> {EMPTY}</function_call>"),
        ("plain_json", f'{{"tool": "f", "tool_input": {ARGUMENTS}}}, {{"tool": "g", "arguments": {{}}}}'),
        ("functools", f"functools {LIST}<|end|>"),
        ("gigachat3", f"<|function_call|>{OBJECT}<|message_sep|>\n\nfunction call<|role_sep|>\n{EMPTY}</s>"),
        ("internlm2", RENDERED["internlm2"].replace("><|pl", "> <|pl").replace("parameters", "arguments")),
        ("nemotron", f"<TOOLCALL>\n{OBJECT},\n{EMPTY}\n</TOOLCALL>"),
        ("command_r", RENDERED["command_r"].replace("Action: ", "Action:")),
        ("command_r", f"Action:\n```\n{LIST.replace('name', 'action').replace('arguments', 'action_input')}\n```"),
        ("command_a", RENDERED["command_a"].replace('{"tool_n', '{"tool_call_id": "0", "tool_n')),
        ("lfm2", f"<|tool_call_start|>{LIST}<|tool_call_end|>"),
        ("olmo3", "<function_calls>[f(a=1, b='x y'), g()]</function_calls>"),
        ("command_a", RENDERED["command_a"].removesuffix("<|END_ACTION|>")),
        ("apertus", RENDERED["apertus"].removesuffix("<|tools_suffix|>") + "<|assistant_end|>"),
        ("lfm2", RENDERED["lfm2"].removesuffix("<|tool_call_end|>")),
        ("gemma3", RENDERED["gemma3"].replace("tool_code", "Tool_Code")),
        ("gemma3", '```tool_code\n[f(a=1, b="x y"), g()]\n```<end_of_turn>'),
        ("minimax_m2", f'<minimax:tool_call>{INVOKE}<invoke name="g"></invoke>'),
        ("minimax_m2", INVOKE.replace('"', "'") + '\n<invoke name=g></invoke></minimax:tool_call>'),
        ("minimax_m3", RENDERED["minimax_m3"].removesuffix(f"{NS}</tool_call>")),
        ("seed_oss", "<function=f><parameter=a>1</parameter><parameter=b>x y</parameter></function><function=g></function>"),
        ("claude_xml", RENDERED["claude_xml"].replace("</", f"</{NAMESPACE}").replace("<i", f"<{NAMESPACE}i")),
        ("granite", f"<|tool_call|>{LIST}<|/tool_call|><|end|>"),
        ("react", f"Action:\nf\nAction Input：{ARGUMENTS}\nAction: g\nAction Input:\n{{}}"),
        ("functionary_v3_2", f"f\n{ARGUMENTS}>>>g\n{{}}<|eot_id|>"),
        ("functionary_v3_1", f"<function=f> {ARGUMENTS}\n</function>\n<function=g>{{}}</function><|eom_id|>"),
        ("functiongemma", RENDERED["functiongemma"].replace("<escape>", '"')),
        ("qwen_fncall", f"✿FUNCTION✿: f\n✿ARGS✿: {F.arguments}\n✿FUNCTION✿: g\n✿ARGS✿: {{}}\n✿RESULT✿: 5\n✿RETURN✿: x"),
        ("react", f"Action: f\nAction Input: ```json\n{ARGUMENTS}\n```\nAction: g\nAction Input: {{}}"),
        ("step3", RENDERED["step3"].replace("\n", "")),
        ("minimax_m2", f'<minimax:tool_call>{INVOKE}<invoke name="g"></invoke></minimax:tool_call>'),
        ("seed_oss", "<seed:tool_call><function=f><parameter=a>\n1\n</parameter><parameter=b>\nx y\n</parameter></function>"
                     "</seed:tool_call><seed:tool_call><function=g></function></seed:tool_call>"),
        ("hy_v3", "<tool_calls><tool_call>f<tool_sep><arg_key>a</arg_key><arg_value>1</arg_value><arg_key>b</arg_key>"
                  "<arg_value>x y</arg_value></tool_call><tool_call>g<tool_sep></tool_call></tool_calls>"),
        ("glm4_5", "<tool_call>f<param_key>a</param_key><param_value>1</param_value><param_key>b</param_key>"
                   "<param_value>x y</param_value></tool_call><tool_call>g</tool_call>"),
        ("plain_json", f'[{{"type": "text", "text": ""}}, {{"type": "tool_use", "id": "t", "name": "f", "input": {ARGUMENTS}}},'
                       ' {"type": "tool_use", "id": "u", "name": "g", "input": {}}]'),
        ("plain_json", f'{{"role": "model", "parts": [{{"functionCall": {{"name": "f", "args": {ARGUMENTS}}}}}, '
                       '{"functionCall": {"name": "g"}}]}'),
        ("plain_json", f'{{"action": "f", "action_input": {ARGUMENTS}}}\n{{"action": "g", "action_input": {{}}}}'),
        ("plain_json", '[{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{\\"a\\": 1, \\"b\\": \\"x y\\"}"}, '
                       '{"function_call": {"name": "g", "arguments": "{}"}}]'),
    ],
)  # fmt: skip
def test_parse_reads_other_spellings(name: str, text: str) -> None:
    """What siblings of the family write and what engines accept."""
    parsed = FORMATS[name].parse(text)
    assert (parsed.calls, parsed.malformed) == ([F, G], "")
    assert detect.parse(text).calls == [F, G]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("jamba", "<tool_calls>[5]</tool_calls>", "no call"),
        ("jamba", "<tool_calls></tool_calls>", "no JSON"),
        ("jamba", f"<tool_calls>{LIST}", "missing"),
        ("jamba", f"{LIST}</tool_calls>", "without"),
        ("apertus", '<|tools_prefix|>[{"f": 5}]<|tools_suffix|>', "not an object"),
        ("granite", "<|tool_call|>f(a=1)", "no JSON"),
        ("claude_xml", "<function_calls></function_calls>", "neither a call"),
        ("claude_xml", f"<function_calls>{INVOKE}", "neither a call"),
        ("claude_xml", "</function_calls>", "without its opening"),
        ("claude_xml", '<function_calls><invoke name="f"><parameter name="a">1</invoke></function_calls>', "never closed"),
        ("claude_xml", f"<function_calls>{TWICE}</function_calls>", "twice"),
        ("minicpm5", '<function name="f"><param name="a"><![CDATA[x</param></function>', "CDATA"),
        ("minimax_m3", f"{NS}<tool_call>{NS}</tool_call>", "neither a call"),
        ("minimax_m3", f'{NS}<tool_call>{NS}<invoke name="f">5{NS}</invoke>{NS}</tool_call>', "without a name"),
        ("minimax_m3", f'{NS}<tool_call>{NS}<invoke name="f">{NS}<a>1{NS}</b>{NS}</invoke>{NS}</tool_call>', "never closed"),
        ("minimax_m3", f"{NS}</tool_call>", "without"),
        ("olmo3", "<function_calls>f(a=1)", "neither a call"),
        ("olmo3", "<function_calls>f(1)</function_calls>", "without a name"),
        ("lfm2", "<|tool_call_start|>f(a=1)<|tool_call_end|>", "no list"),
        ("lfm2", "<|tool_call_start|>[f(a=1)].", "missing"),
        ("gemma3", "```tool_code\nprint(f(a=1))\n```", "without a name"),
        ("gemma3", "```tool_code\nf(a=1)", "end of the fence"),
        ("nemotron", f"<TOOLCALL>[{PYTHON}]</TOOLCALL>", "not valid JSON"),
        ("longcat", RENDERED["longcat"].removesuffix("</longcat_tool_call>"), "missing"),
        ("internlm2", RENDERED["internlm2"].removesuffix("<|action_end|>"), "missing"),
        ("functiongemma", RENDERED["functiongemma"].removesuffix("<end_function_call>"), "missing"),
        ("chatglm3", "f\n```python\ntool_call(a=open('x'))\n```", "no literal"),
        ("chatglm3", "f\n```python\ntool_call(a=1)", "never closed"),
        ("functionary_v3_1", "<function=f>{}", "missing"),
        ("functionary_v3_1", "<function=f>5</function>", "opens no call"),
        ("functionary_v3_2", '>>>f\n{"a": ', "not valid JSON"),
        ("functiongemma", "<start_function_call>call:f{a:<escape>x}<end_function_call>", "never closed"),
        ("qwen_fncall", "✿ARGS✿: {}", "without"),
    ],
)  # fmt: skip
def test_parse_broken_markup_is_malformed(name: str, text: str, reason: str) -> None:
    """Broken, stray, unclosed or repeated markup: no calls, and a reason."""
    for parse in (FORMATS[name].parse, detect.parse):
        assert parse(text).calls == []
    assert reason in FORMATS[name].parse(text).malformed


@pytest.mark.parametrize(
    "text",
    [
        "The <tools> are listed below.",
        "import functools",
        "functools[0] is no call",
        "Action: ```json is how a fence begins",
        "Action: run",
        ">>> f",
        ">>>f",
        "f\n```python\nprint(1)\n```",
        "<invoke> and <parameter> are tags",
        "<function name> stands here",
        "[see this (a=1)]",
        '{"action": "Final Answer", "action_input": "It is fine."}',
        '{"name": "Ada", "input": {"a": 1}}',
        '[{"type": "text", "text": "It is fine."}]',
    ],
)
def test_detect_finds_no_call_in_prose(text: str) -> None:
    """A word that is prose, too, opens a call only where a call follows."""
    assert detect.parse(text) == Parsed([], text)


def test_names_with_blanks_are_read_in_lists() -> None:
    """ToolACE's names."""
    calls = [ToolCall("Get Weather", {"city": "Oslo"}), ToolCall("Market Trends API", {"n": 3})]
    assert detect.parse('[Get Weather(city="Oslo"), Market Trends API(n=3)]').calls == calls


@pytest.mark.parametrize(
    "name", ["claude_xml", "minimax_m2", "minimax_m3", "seed_oss", "minicpm5", "hy_v3", "step3"]
)
def test_values_are_typed_by_the_tools(name: str) -> None:
    """Without tools a text that reads as a number is refused; line breaks at its ends are kept."""
    schema = {"properties": {"a": {"type": "string"}}}
    tools = [{"function": {"name": "f", "parameters": schema}}]
    calls = [ToolCall("f", {"a": "5"}), ToolCall("f", {"a": "\n5\n"})]
    with pytest.raises(DataError) as caught:
        FORMATS[name].render(calls)
    assert caught.value.code == "bad_call"
    text = FORMATS[name].render(calls, tools)  # type: ignore[call-arg]
    assert retyped(FORMATS[name].parse(text), tools).calls == calls
    assert detect.parse(text).calls == [ToolCall("f", {"a": 5})] * 2 or name == "minicpm5"


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_parse_takes_linear_time(name: str) -> None:
    """Calls without an end, and calls cut anywhere, again and again."""
    text = FORMATS[name].render([F])
    for unit in (text, text[: len(text) // 2], text[len(text) // 2 :], text[: len(text) // 4]):
        assert takes_linear_time(FORMATS[name].parse, unit, 2_000), unit
