"""Our texts of calls equal those of ms-swift's own agent templates; where they do not, both are
read."""

import importlib.util
import json
import subprocess

import msgspec
import pytest
from helpers.paths import ROOT
from helpers.real_swift import warm_call

from swiftkit.json_text import written
from swiftkit.serving.output import reader_of
from swiftkit.serving.output_part import OutputPart
from swiftkit.toolcall import detect
from swiftkit.toolcall.agent_templates import FORMATS, wire_format_of
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.wire_format import load

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not importlib.util.find_spec("swift"), reason="ms-swift is not installed (extra `train`)"
    ),
]
SCRIPT = ROOT / "tests/helpers/render_with_swift.py"
CALLS = [
    ToolCall(
        "get_weather",
        {"city": "北京", "days": [1, "x"], "at": {"wide": False, "note": 'it\'s "so"'}},
    ),
    ToolCall(
        "search.web",
        {"q": "a\n b", "n": 10, "p": 1.5, "e": 1e20, "now": True, "none": None, "empty": ""},
    ),
    ToolCall("now", {}),
]
# swift's templates whose text ours equals byte for byte
SAME = {
    "hermes", "llama3", "llama4", "qwen3_coder", "qwen3_5", "glm4_5", "deepseek_v3_1",
    "hunyuan_hermes", "hy_v3", "minicpm5", "minimax_m2", "seed_oss",
}  # fmt: skip
# but for the arguments, which swift prints with Python's str
PRINTED = {
    "react_en", "react_zh", "react_grpo", "toolbench", "qwen_en", "qwen_zh", "qwen_en_parallel",
    "qwen_zh_parallel", "glm4", "chatglm4",
}  # fmt: skip
CASES = {"several": CALLS, "one": CALLS[:1], "bare": CALLS[2:]}


@pytest.fixture(scope="module")
def all_texts() -> dict[str, dict[str, str]]:
    """Each template's text, for each case."""
    done = subprocess.run(
        [*warm_call(), "python", str(SCRIPT)],
        input=msgspec.json.encode(CASES).decode(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, dict[str, str]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def calls(case: str) -> list[ToolCall]:
    return CASES[case]


@pytest.fixture
def theirs(case: str, all_texts: dict[str, dict[str, str]]) -> dict[str, str]:
    return all_texts[case]


def test_render_equals_swift_byte_for_byte(calls: list[ToolCall], theirs: dict[str, str]) -> None:
    """The text that the family's model is trained on."""
    for template in SAME:
        assert load(FORMATS[template]).render(calls) == theirs[template], template


def test_parse_reads_what_swift_trains_on(calls: list[ToolCall], theirs: dict[str, str]) -> None:
    """Each of swift's templates has a format of ours, which reads what swift trains on, as does
    detection; and no call out of an answer without one. Only gpt-oss's is not swift's own."""
    assert FORMATS.keys() - theirs.keys() == {"harmony"}
    for template, text in theirs.items():
        form = load(wire_format_of(template))
        expected = without_nulls(calls) if template == "minimax_m3" else calls
        assert form.parse(text).calls == expected, template
        assert detect.parse(text).calls == expected, template
        assert form.parse("It is fine.") == Parsed([], "It is fine."), template


def test_wire_format_of_an_unknown_agent_template_is_empty() -> None:
    assert wire_format_of("a_plugins_own") == ""


def test_a_stream_of_what_swift_trains_on_gives_its_calls(theirs: dict[str, str]) -> None:
    """Each template's text, in two pieces at every place and in one-character pieces, through the
    server's reader: the calls that the format reads, and nothing else."""
    for template, text in theirs.items():
        calls = load(wire_format_of(template)).parse(text).calls
        cuts = [list(text)]
        cuts += [[text[:place], text[place:]] for place in range(len(text))]
        for pieces in cuts:
            reader = reader_of(template, True)
            part = OutputPart()
            for piece in pieces:
                part = part.and_then(reader.feed(piece))
            part = part.and_then(reader.close())
            streamed = [ToolCall(call.name, json.loads(call.arguments)) for call in part.calls]
            assert (streamed, part.content, part.reasoning) == (calls, "", ""), template


def without_nulls(calls: list[ToolCall]) -> list[ToolCall]:
    """MiniMax-M3's template leaves them out."""
    kept = []
    for call in calls:
        values = {key: value for key, value in call.arguments.items() if value is not None}
        kept.append(ToolCall(call.name, values))
    return kept


def test_render_differs_from_swift_in_the_arguments_alone(
    calls: list[ToolCall], theirs: dict[str, str]
) -> None:
    """ReAct and GLM-4 are swift's to the byte but for the arguments."""
    for template in PRINTED:
        text = theirs[template]
        for call in calls:
            text = text.replace(str(call.arguments), written(call.arguments))
        assert load(FORMATS[template]).render(calls) == text, template
