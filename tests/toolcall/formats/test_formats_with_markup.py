"""Texts of ReAct, Llama, Mistral, Qwen3-Coder, GLM-4, DeepSeek and plain JSON, and the other
spellings that they read."""

import json

import pytest
from helpers.growth import takes_linear_time

from swiftkit.errors import DataError
from swiftkit.toolcall import detect
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.wire_format import load_all

FORMATS = load_all()
F, G = ToolCall("f", {"a": 1, "城": "北京"}), ToolCall("g", {})
ARGUMENTS = '{"a": 1, "城": "北京"}'
BEGIN, END, CALL, SEP, DONE = (
    f"<｜tool▁{word}｜>" for word in ("calls▁begin", "calls▁end", "call▁begin", "sep", "call▁end")
)
K2 = "<|tool_calls_section_begin|><|tool_call_begin|>"
K2_ARGUMENTS = "<|tool_call_argument_begin|>"
DSML = (
    '<｜DSML｜{0}>\n<｜DSML｜invoke name="f">\n<｜DSML｜parameter name="a" string="false">1</｜DSML｜parameter>\n'
    '<｜DSML｜parameter name="城" string="true">北京</｜DSML｜parameter>\n</｜DSML｜invoke>\n'
    '<｜DSML｜invoke name="g">\n</｜DSML｜invoke>\n</｜DSML｜{0}>'
)
RENDERED = {
    "react": f"Action: f\nAction Input: {ARGUMENTS}\nAction: g\nAction Input: {{}}\nObservation:",
    "llama_json": f'{{"name": "f", "parameters": {ARGUMENTS}}}\n{{"name": "g", "parameters": {{}}}}',
    "pythonic": '[f(a=1, 城="北京"), g()]',
    "qwen3_coder": (
        "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n<parameter=城>\n北京\n</parameter>\n</function>\n"
        "</tool_call>\n<tool_call>\n<function=g>\n</function>\n</tool_call>"
    ),
    "mistral": f'[TOOL_CALLS] [{{"name": "f", "arguments": {ARGUMENTS}}}, {{"name": "g", "arguments": {{}}}}]',
    "mistral_v11": f"[TOOL_CALLS]f[ARGS]{ARGUMENTS}[TOOL_CALLS]g[ARGS]{{}}",
    "glm4": f"f\n{ARGUMENTS}<|assistant|>g\n{{}}<|observation|>",
    "glm4_5": (
        "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n<arg_key>城</arg_key>\n"
        "<arg_value>北京</arg_value>\n</tool_call>\n<tool_call>g\n</tool_call><|observation|>"
    ),
    "deepseek_v3": (
        f"{BEGIN}{CALL}function{SEP}f\n```json\n{ARGUMENTS}\n```{DONE}\n"
        f"{CALL}function{SEP}g\n```json\n{{}}\n```{DONE}{END}"
    ),
    "deepseek_v3_1": f"{BEGIN}{CALL}f{SEP}{ARGUMENTS}{DONE}{CALL}g{SEP}{{}}{DONE}{END}",
    "plain_json": f'[{{"name": "f", "arguments": {ARGUMENTS}}}, {{"name": "g", "arguments": {{}}}}]',
    "kimi_k2": (
        f"{K2}functions.f:0{K2_ARGUMENTS}{ARGUMENTS}<|tool_call_end|>"
        f"<|tool_call_begin|>functions.g:1{K2_ARGUMENTS}{{}}<|tool_call_end|><|tool_calls_section_end|>"
    ),
    "kimi_k3": (
        '<|open|>tools<|sep|><|open|>call tool="f" index="1"<|sep|>'
        '<|open|>argument key="a" type="number"<|sep|>1<|close|>argument<|sep|>'
        '<|open|>argument key="城" type="string"<|sep|>北京<|close|>argument<|sep|><|close|>call<|sep|>'
        '<|open|>call tool="g" index="2"<|sep|><|close|>call<|sep|><|close|>tools<|sep|>'
    ),
    "gemma4": '<|tool_call>call:f{a:1,城:<|"|>北京<|"|>}<tool_call|><|tool_call>call:g{}<tool_call|>',
    "deepseek_v3_2": DSML.format("function_calls"),
    "deepseek_v4": DSML.format("tool_calls"),
    "deepseek_v4_1": DSML.format("calls").replace("｜DSML｜", "｜DSML｜ "),
}


@pytest.mark.parametrize("name", sorted(RENDERED))
def test_render_writes_as_the_chat_template_does(name: str) -> None:
    """Names, blanks and line breaks to the byte."""
    assert FORMATS[name].render([F, G]) == RENDERED[name]


G_CALL, TEXT = '{"id": "c", "function": {"name": "g", "arguments": ""}}', json.dumps(ARGUMENTS)
PYTHON = str(F.arguments)  # as ms-swift prints arguments for ReAct and GLM-4


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("react", f"Action: f\nAction Input: {PYTHON}\nAction: g\nAction Input: {{}}\nObservation:"),
        ("react", f"Action:f\nAction Input:{ARGUMENTS}\nAction: g\nAction Input: {{}}"),
        ("react", f"Action: f\nAction Input:\n{ARGUMENTS}\n\nAction: g\nAction Input: {{\n}}\nObservation: 5\nAction:"),
        ("react", f"<think>Hm.</think> Action: f\nAction Input: {ARGUMENTS}\nAction: g\nAction Input: {{}}"),
        ("llama_json", f'<|python_tag|>{RENDERED["llama_json"]}'.replace("\n", "; ")),
        ("llama_json", f'{RENDERED["llama_json"]}<|eom_id|>'.replace("\n", ";")),
        ("llama_json", RENDERED["llama_json"].replace('{"name": "f"', '{"type": "function", "name": "f"')),
        ("pythonic", "[f(a=1, 城='北京'), g()]"),
        ("pythonic", "<|python_start|>[\n  f(a=1, 城='北京'),\n  g(),\n]<|python_end|><|eot|>"),
        ("mistral", RENDERED["mistral_v11"]),
        ("mistral_v11", RENDERED["mistral"]),
        ("mistral", RENDERED["mistral"].replace("}}, {", '}, "id": "abcdefghi"}, {')),
        ("mistral", RENDERED["mistral"].replace("}}, {", "}}\n{").replace(" [", "[\n").replace("}]", "}\n]</s>")),
        ("mistral_v11", f"[TOOL_CALLS]f[CALL_ID]a1b2c3d4e[ARGS]{ARGUMENTS}[TOOL_CALLS]g{{}}</s>"),
        ("qwen3_coder", RENDERED["qwen3_coder"].replace(">\n1\n<", ">1<").replace("<tool_call>\n<f", "<tool_call><f")),
        ("qwen3_coder", RENDERED["qwen3_coder"].replace("</function>\n</tool_call>\n<tool_call>", "</function>", 1)),
        ("qwen3_coder", RENDERED["qwen3_coder"].removeprefix("<tool_call>\n")),
        ("qwen3_coder", RENDERED["qwen3_coder"].replace("1\n</parameter>", "1")),
        ("qwen3_coder", RENDERED["qwen3_coder"].replace("北京\n</parameter>", "北京")),
        ("glm4_5", RENDERED["glm4_5"].replace("北京</arg_value>", "北京")),
        ("kimi_k2", RENDERED["kimi_k2"].replace("functions.", "").replace(K2_ARGUMENTS, f" {K2_ARGUMENTS}")),
        ("kimi_k2", RENDERED["kimi_k2"].replace("<|tool_call_begin|>", " then <|tool_call_begin|>").replace("{}", "")),
        ("qwen3_coder", RENDERED["qwen3_coder"].removesuffix("</tool_call>")),
        ("qwen3_coder", RENDERED["qwen3_coder"].replace("</function>\n</tool_call>", "</tool_call>", 1)),
        ("qwen3_coder", RENDERED["qwen3_coder"].replace("</tool_call>\n", "", 1)),
        ("llama_json", f"{{'name': 'f', 'parameters': {PYTHON}}}; {{'name': 'g', 'parameters': {{}}}}"),
        ("llama_json", f"<|python_tag|>{{'name': 'f', 'parameters': {PYTHON}}};{{'name': 'g', 'parameters': {{}}}}<|eom_id|>"),
        ("pythonic", f"<|python_tag|>{RENDERED['pythonic']}<|eom_id|>"),
        ("react", RENDERED["react"].removesuffix("\nObservation:") + "<|im_end|>"),
        ("pythonic", f"```python\n{RENDERED['pythonic']}\n```"),
        ("kimi_k2", RENDERED["kimi_k2"].removesuffix("<|tool_calls_section_end|>")),
        ("kimi_k2", RENDERED["kimi_k2"].replace("<|tool_call_end|><|tool_calls_section_end|>", "<|tool_calls_section_end|>")),
        ("kimi_k3", RENDERED["kimi_k3"].removesuffix("<|close|>tools<|sep|>") + "<|end_of_msg|>"),
        ("deepseek_v3", RENDERED["deepseek_v3"].removesuffix(END) + "<｜end▁of▁sentence｜>"),
        ("deepseek_v3_1", RENDERED["deepseek_v3_1"].removesuffix(END)),
        ("deepseek_v3_2", RENDERED["deepseek_v3_2"].removesuffix("</｜DSML｜function_calls>")),
        ("deepseek_v4", RENDERED["deepseek_v4"].removeprefix("<｜DSML｜tool_calls>\n")),
        ("kimi_k3", f"Hm.<|close|>think<|sep|><|open|>response<|sep|><|close|>response<|sep|>{RENDERED['kimi_k3']}"),
        ("kimi_k3", RENDERED["kimi_k3"].replace(' type="number"', "") + "<|close|>message<|sep|>"),
        ("gemma4", f"<|channel>thought\nHm.\n<channel|>{RENDERED['gemma4']}"),
        ("gemma4", RENDERED["gemma4"].replace('<|"|>', '"').replace(":1,", ": 1, ")),
        ("gemma4", RENDERED["gemma4"].replace('<|"|>', "").replace("城", '<|"|>城<|"|>')),
        ("deepseek_v3_2", RENDERED["deepseek_v4_1"]),
        ("deepseek_v4", RENDERED["deepseek_v4"].replace('g">\n</｜DSML｜invoke>', 'g"/>')),
        ("deepseek_v4_1", RENDERED["deepseek_v3_2"].replace(' string="true"', "")),
        ("deepseek_v3", RENDERED["deepseek_v3"].replace("json", "JSON")),
        ("plain_json", f'```JSON\n{RENDERED["plain_json"]}\n```'),
        ("glm4", RENDERED["glm4"].replace("<|observation|>", "")),
        ("glm4", f"f\n{PYTHON}<|assistant|>g\n{{}}<|observation|>"),
        ("glm4_5", RENDERED["glm4_5"].replace("\n", "").replace("<|observation|>", "")),
        ("deepseek_v3", RENDERED["deepseek_v3_1"]),
        ("deepseek_v3_1", RENDERED["deepseek_v3"]),
        ("plain_json", f'```json\n{RENDERED["plain_json"]}\n```'),
        ("plain_json", RENDERED["plain_json"].replace("arguments", "parameters")),
        ("plain_json", f'{{"tool_call": {{"tool_name": "f", "parameters": {ARGUMENTS}}}}}\n{G_CALL}'),
        ("plain_json", f'[{{"type": "function", "function": {{"name": "f", "arguments": {TEXT}}}}}, {G_CALL}]'),
        ("plain_json", f'{{"role": "assistant", "content": "", "tool_calls": {RENDERED["plain_json"]}}}'),
    ],
)  # fmt: skip
def test_parse_reads_other_spellings(name: str, text: str) -> None:
    """Texts of the family's models, of other templates and of servers that skip tokens are read
    alike."""
    parsed = FORMATS[name].parse(text)
    assert (parsed.calls, parsed.content, parsed.malformed) == ([F, G], "", "")
    assert detect.parse(text).calls == [F, G]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("react", "Action: f", "without a name and Action Input"),
        ("react", "Action Input: {}", "without Action"),
        ("react", "Action: f\nAction Input: 5", "not an object"),
        ("react", "Action: f\nAction Input: {} and so on", "text after"),
        ("react", 'Action: f\nAction Input: {"a": ', "neither JSON"),
        ("llama_json", "<|python_tag|>print('x')", "not valid JSON"),
        ("llama_json", '<|python_tag|>brave_search.call(query="x")', "not valid JSON"),
        ("llama_json", '{"name": "f", "parameters": {}}; {"x": 1}', "no call"),
        ("pythonic", "[f(a=1), f(a=1, a=2)]", "twice"),
        ("pythonic", "[f(a=1, **{})]", "without a name"),
        ("pythonic", "[f(a=1), (g)(b=h())]", "no literal"),
        ("pythonic", "[f(a=1)(b=2)]", "no name"),
        ("pythonic", "[f(a='L''Aquila')]", "two strings"),
        ("pythonic", "[f(a=open('x'))]", "no literal"),
        ("mistral", '[TOOL_CALLS] [{"name": "f", "arguments": {}}', "never closed"),
        ("mistral", "[TOOL_CALLS] [5]", "no call"),
        ("mistral", "[TOOL_CALLS]f[ARGS]", "not valid JSON"),
        ("mistral", "f[ARGS]{}", "without [TOOL_CALLS]"),
        ("mistral", '[TOOL_CALLS] [{"name": "f", "arguments": "{}"}]', "text, not an object"),
        ("qwen3_coder", "<tool_call></tool_call>", "without <function=name>"),
        ("qwen3_coder", "<tool_call><function=f>", "never closed"),
        ("qwen3_coder", "<tool_call><function=f><parameter=a>1</function>", "never closed"),
        (
            "qwen3_coder",
            "<tool_call><function=f><parameter=a></parameter></function></tool_call></function>",
            "without <tool_call>",
        ),
        ("qwen3_coder", "<tool_call><function=f><parameter=a>1<parameter=b>2", "never closed"),
        ("qwen3_coder", RENDERED["qwen3_coder"].replace("城", "a"), "twice"),
        ("glm4_5", "<tool_call>f", "without a name"),
        ("glm4_5", "<tool_call>f<arg_key>a</arg_key></tool_call>", "never closed"),
        ("glm4_5", "<tool_call>f<arg_key>a</arg_key><arg_value>1</tool_call>.", "never closed"),
        (
            "glm4_5",
            "<tool_call>f<arg_key>a</arg_key><arg_value>Write <tool_call> and </tool_call>",
            "never closed",
        ),
        ("kimi_k2", f"{K2}functions.f:0{K2_ARGUMENTS}{{}}<|tool_call_end|>.", "neither a call"),
        ("kimi_k2", f"{K2}functions.f{K2_ARGUMENTS}{{}}<|tool_call_end|>", "without name:number"),
        ("kimi_k2", f"{K2}f:0{K2_ARGUMENTS}5<|tool_call_end|>", "not an object"),
        ("kimi_k3", RENDERED["kimi_k3"].replace("城", "a"), "twice"),
        ("kimi_k3", RENDERED["kimi_k3"].replace(">1<", ">1 2<"), "text after"),
        ("kimi_k3", "<|open|>tools<|sep|><|open|>call tool=", "neither a call"),
        ("gemma4", "<|tool_call>call:f no brace<tool_call|>", "without call:name{"),
        ("gemma4", "<|tool_call>call:f{a:1,a:2}<tool_call|>", "twice"),
        ("gemma4", "<|tool_call>call:f{a:}<tool_call|>", "a value is missing"),
        ("gemma4", "<|tool_call>call:f{1}<tool_call|>", "without a key"),
        ("gemma4", '<|tool_call>call:f{a:<|"|>x', "never closed"),
        ("gemma4", "<|tool_call>call:f{a:1}", "missing"),
        ("gemma4", "<|tool_call>call:f{a:1e999}<tool_call|>", "out of range"),
        ("deepseek_v4", RENDERED["deepseek_v4"].replace("城", "a"), "twice"),
        ("deepseek_v4", RENDERED["deepseek_v4"].replace(">1<", ">one<"), "not valid JSON"),
        ("deepseek_v4", RENDERED["deepseek_v4"].replace("</｜DSML｜invoke>", ""), "never closed"),
        ("glm4_5", RENDERED["glm4_5"].replace("城", "a"), "twice"),
        ("glm4", 'f\n{"a": 1', "neither JSON"),
        ("glm4", "f\n{} and more", "text after"),
        ("deepseek_v3", f"{BEGIN}{CALL}f{SEP}{{}}{DONE}.", "neither a call"),
        ("deepseek_v3", f"{BEGIN}{CALL}f{SEP}{{}}{END}", "is missing"),
        ("deepseek_v3", f"{CALL}f{SEP}{{}}{DONE}", "without"),
        ("deepseek_v3", f"{BEGIN}{CALL}f{SEP}[]{DONE}{END}", "not an object"),
        ("plain_json", '{"name": "f", "arguments": {', "not valid JSON"),
        ("plain_json", '{"name": "f", "arguments": 5}', "not an object"),
        ("plain_json", '{"name": "f", "arguments": {}, "parameters": {}}', "both"),
        ("plain_json", '[{"name": "f", "arguments": {}}, {"name": "Ada"}]', "no call"),
    ],
)
def test_parse_broken_markup_is_malformed(name: str, text: str, reason: str) -> None:
    """Broken, stray, unclosed or repeated markup: no calls, and a reason."""
    parsed = FORMATS[name].parse(text)
    assert parsed.calls == []
    assert reason in parsed.malformed


@pytest.mark.parametrize("name", ["", " f", "f\n", "a<b", "a{", 'a"b', "a]"])
@pytest.mark.parametrize(
    "form", ["react", "mistral_v11", "glm4", "glm4_5", "deepseek_v3", "deepseek_v3_1", "pythonic"]
)
def test_render_refuses_names_that_a_header_cannot_carry(form: str, name: str) -> None:
    """A name that would end its header early, or open another, is refused."""
    with pytest.raises(DataError) as caught:
        FORMATS[form].render([ToolCall(name, {})])
    assert caught.value.code == "bad_call"


@pytest.mark.parametrize(
    "call",
    [
        ToolCall("ﬁ", {}),
        ToolCall("class", {}),
        ToolCall("f..g", {}),
        ToolCall("f", {"a b": 1}),
        ToolCall("f", {"ª": 1}),
        ToolCall("f", {"a": "\ud800"}),
    ],
)
def test_render_refuses_what_python_cannot_say(call: ToolCall) -> None:
    """Names that are no identifiers or that Python would change, and text that is no text."""
    with pytest.raises(DataError):
        FORMATS["pythonic"].render([call])


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_render_refuses_nan(form: str) -> None:
    """NaN is refused, where json.dumps would write it."""
    with pytest.raises(DataError, match="JSON cannot hold"):
        FORMATS[form].render([ToolCall("f", {"a": float("nan")})])


def test_detect_reads_dotted_names_and_nested_literals() -> None:
    """Pythonic calls keep their dots; JSON's and Python's words are read, tuples are lists."""
    text = "[a.b.c(x={'k': [1, -2.5, (3,)], \"l\": None}, y=true, z=null)]"
    arguments = {"x": {"k": [1, -2.5, [3]], "l": None}, "y": True, "z": None}
    assert detect.parse(text).calls == [ToolCall("a.b.c", arguments)]


@pytest.mark.parametrize(
    "unit",
    ["<tool_call>{</think>", "<think></think>", "f(a=),", "f(a='", "\\'", "Action: f\nAction Input: {'a': 1}\n",
     "f\n{'a': True}<|assistant|>", "<tool_call>f<arg_key>a</arg_key><arg_value>[']</arg_value></tool_call>",
     '[TOOL_CALLS]f{"a": {}}', "1,", "[TOOL_CALLS] [", BEGIN, "<|python_tag|>{", "<function=f><parameter=a>\n",
     "<function=f><parameter=a>1</parameter> </function> ", "<tool_call>f<arg_key>a</arg_key><arg_value></tool_call> ",
     K2, f"{K2}f:1:1 ", '<|tool_call>call:f{a:[<|"|>', '<|tool_call>call:f{a:<|"|><|"|>}<tool_call|>', "[{a:",
     '<｜DSML｜tool_calls><｜DSML｜invoke name="f"><｜DSML｜parameter name="a"></｜DSML｜parameter> ',
     '<|open|>tools<|sep|><|open|>call tool="f"<|sep|><|open|>argument key="a"<|sep|><|close|>argument<|sep|> '],
)  # fmt: skip
@pytest.mark.parametrize(
    "beginning",
    ["", "[f(a=", "f\n{", "<tool_call><function=f><parameter=a>", "<|tool_call>call:f{a:"],
)
def test_detect_takes_linear_time(beginning: str, unit: str) -> None:
    """Nothing is searched again and again."""
    assert takes_linear_time(lambda text: detect.parse(beginning + text), unit, 5_000)
