"""A stream says what the whole answer says, however it is cut into pieces: the server's reader, the
format's own, the reward and the evaluator agree.

The answers are canitoolcall's recorded outputs and what each format writes; each is also ended
early. The suite tries some cuts of each. SWIFTKIT_CUTS=100000 tries as many in all, and besides two
pieces at every place.
"""

import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from helpers.recorded_outputs import every_fixture, formats_of, opened_by
from helpers.served_answers import completed, served

from swiftkit.scoring.answer import read_answer
from swiftkit.scoring.completion import read_text
from swiftkit.scoring.gold import Gold, gold_from
from swiftkit.scoring.score import score_calls
from swiftkit.serving.output import format_reader
from swiftkit.serving.output import read_answer as read_whole
from swiftkit.serving.output_part import OutputPart
from swiftkit.toolcall import openai_calls
from swiftkit.toolcall.agent_templates import FORMATS
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.reasoning import CLOSING, LEADING
from swiftkit.toolcall.text_arguments import retyped
from swiftkit.toolcall.wire_format import load_all

CUTS = int(os.environ.get("SWIFTKIT_CUTS", "0"))
KNOWN = load_all()
TEMPLATES = {form: template for template, form in FORMATS.items()}
# read by the same reader as a format that has an agent template
TEMPLATES |= {"deepseek_v3": "deepseek_v3_1", "mistral_v11": "mistral", "jamba": "hunyuan_hermes"}
CALLS = [
    ToolCall("get_weather", {"city": "北京", "days": [1, 2.5], "wide": None, "now": True}),
    ToolCall("now", {}),
    ToolCall("note", {"text": 'a "b"\n</think> {c} \\ [d]', "at": {"x": {"y": "<z>"}}}),
]


class Answer(NamedTuple):
    text: str
    form: str  # the wire format's name
    tools: list[Any]
    gold: Gold  # the right calls
    reason: str = "stop"  # why the engine ended it

    def ended_at(self, end: int) -> "Answer":
        return self._replace(text=self.text[:end], reason="length")


NO_CALL = gold_from("[]", "test")


def gold_of(calls: Sequence[dict[str, Any]]) -> Gold:
    expected = [{"name": call["name"], "arguments": call["arguments"]} for call in calls]
    return gold_from(json.dumps(expected), "test")


def every_answer() -> Iterator[Answer]:
    for fixture, prompt in every_fixture():
        text = opened_by(prompt) + fixture["raw_output"]
        gold = gold_of(fixture.get("expected", {}).get("tool_calls", []))
        reason = "length" if "truncated" in fixture["tags"] else "stop"
        for name in formats_of(fixture):
            yield Answer(text, name, fixture["tools"] or [], gold, reason)
    for name, form in KNOWN.items():
        for calls in (CALLS[:1], CALLS[:2], CALLS):
            gold = gold_of([{"name": call.name, "arguments": call.arguments} for call in calls])
            yield Answer(form.render(calls), name, [], gold)


ANSWERS = list(every_answer())


def cut(text: str, places: Sequence[int]) -> list[str]:
    bounds = [0, *sorted(places), len(text)]
    return [text[start:end] for start, end in pairwise(bounds)]


def random_pieces(text: str, chance: random.Random) -> list[str]:
    number = chance.choice([1, 1, 2, 3, 8, 30])
    return cut(text, [chance.randrange(len(text) + 1) for _ in range(number)])


def reader_difference(answer: Answer, pieces: Sequence[str]) -> str:
    """Return in what the server's reader, whole or in pieces, differs from the format's own."""
    parsed = retyped(KNOWN[answer.form].parse(answer.text), answer.tools)
    stream, whole = (format_reader(answer.form, tools=answer.tools) for _ in range(2))
    part = OutputPart()
    for piece in pieces:
        part = part.and_then(stream.feed(piece))
    for way, reader, output in (
        ("stream", stream, part.and_then(stream.close())),
        ("whole", whole, read_whole(answer.text, whole)),
    ):
        functions = [{"function": call._asdict()} for call in output.calls]
        said = openai_calls.parse({"tool_calls": functions})
        if reader.malformed != bool(parsed.malformed):
            return f"{way}: malformed {reader.malformed}, not {parsed.malformed!r}"
        if said.calls != parsed.calls:
            return f"{way}: calls {output.calls}, not {parsed.calls}"
        texts = (output.content.strip(), output.reasoning.strip())
        expected = (parsed.content.strip(), parsed.reasoning.strip())
        if not parsed.malformed and texts != expected:
            return f"{way}: {texts}, not {expected}"
    return ""


def score_difference(answer: Answer, pieces: Sequence[str], pinned: str) -> str:
    """Return in what the evaluator of the served answer differs from the reward: where the right
    calls are wanted, and where none is."""
    template = TEMPLATES.get(answer.form)
    if not template:
        return ""
    read = partial(read_text, pinned=pinned, tools=answer.tools)
    reward = read(answer.text)
    for way, response in (
        ("stream", served(pieces, template, answer.tools, answer.reason)),
        ("whole", completed(answer.text, template, answer.tools, answer.reason)),
    ):
        evaluated = read_answer(response, read)
        for gold in (answer.gold, NO_CALL):
            if value(evaluated, gold) != value(reward, gold):
                return f"{way}, pinned {pinned!r}: {evaluated} as against {reward}"
    return ""


def value(parsed: Parsed, gold: Gold) -> float:
    return score_calls(parsed.calls, gold, parsed.malformed).value


def difference(answer: Answer, pieces: Sequence[str]) -> str:
    for problem in (
        reader_difference(answer, pieces),
        score_difference(answer, pieces, ""),
        score_difference(answer, pieces, answer.form),
    ):
        if problem:
            return f"{answer.form} {answer.text!r} in {len(pieces)}: {problem}"
    return ""


def policy(answer: Answer, pieces: Sequence[str]) -> str:
    """Return why an answer that was ended early may be read in two ways; docs/serving.md has them."""
    parsed = KNOWN[answer.form].parse(answer.text)
    closings = len(CLOSING.findall(answer.text))
    if closings > bool(LEADING.match(answer.text)):
        return "a closing tag that nothing opened"
    if not parsed.content and not parsed.calls and not parsed.malformed:
        return "ended behind its reasoning"
    if not reader_difference(answer, pieces) and not score_difference(answer, pieces, answer.form):
        return "not pinned"
    if answer.form == "harmony" and "text between two messages" in parsed.malformed:
        return "half a control token"
    return ""


@pytest.mark.parametrize("form", sorted({answer.form for answer in ANSWERS}))
def test_every_cut_of_an_answer_says_the_same(form: str) -> None:
    """In one-character pieces, in two and in some; the calls, content and reasoning, and the
    scores."""
    chance = random.Random(form)  # noqa: S311
    for answer in ANSWERS:
        if answer.form != form or not answer.text:
            continue
        places = range(1, len(answer.text))
        assert difference(answer, cut(answer.text, places)) == ""
        singles = places if CUTS else chance.sample(places, min(3, len(places)))
        for place in singles:
            assert difference(answer, cut(answer.text, [place])) == ""


def test_random_cuts_of_answers_say_the_same() -> None:
    """Complete answers, in any pieces: no disagreement, and no policy is needed."""
    chance = random.Random(1)  # noqa: S311
    for _ in range(CUTS or 1500):
        answer = chance.choice(ANSWERS)
        assert difference(answer, random_pieces(answer.text, chance)) == ""


def test_random_cuts_of_answers_that_end_early_say_the_same() -> None:
    """Ended anywhere, in any pieces: no disagreement but where a policy names it."""
    chance = random.Random(2)  # noqa: S311
    excused: Counter[str] = Counter()
    total = CUTS or 1500
    for _ in range(total):
        whole = chance.choice(ANSWERS)
        answer = whole.ended_at(chance.randint(1, max(len(whole.text), 1)))
        pieces = random_pieces(answer.text, chance)
        if problem := difference(answer, pieces):
            reason = policy(answer, pieces)
            assert reason, problem
            excused[reason] += 1
    print(f"{total} answers that end early, excused: {dict(excused)}")
    assert excused.total() < total / 20


@pytest.mark.parametrize("form", sorted(TEMPLATES))
def test_content_before_reasoning_that_never_closes_is_no_silence(form: str) -> None:
    """To the evaluator as to the reward, cut off or ended by the model."""
    text = "Hello.\n<think>\nand"
    if form == "harmony":
        text = "<|channel|>final<|message|>Hello.<|end|><|start|>assistant<|channel|>analysis<|message|>and"
    for reason in ("length", "stop"):
        answer = Answer(text, form, [], NO_CALL, reason)
        for pinned in ("", form):
            assert score_difference(answer, list(text), pinned) == ""


@pytest.mark.parametrize("form", ["glm4", "qwen_fncall", "react"])
@pytest.mark.parametrize(
    "arguments",
    [
        '{"a": 1,}',
        '{"a":[1,],"b":2}',
        '{"a": 0x1}',
        '{"a": -1.}',
        '{"a":1_0,"b":{}}',
        '{"a":--1}',
        '{"a": u"x"}',
        '{"a":1,"b":True}',
        '{"a":"x","b":"\\x41"}',
        '{"a": 2, "a": 1}',
        '{"a":\\\n1}',
    ],
)
def test_arguments_that_turn_out_to_be_python_are_read_in_a_stream(
    form: str, arguments: str
) -> None:
    """They begin as JSON, and what has gone out could not be taken back."""
    text = KNOWN[form].render(CALLS[1:2] * 2).replace("{}", arguments)
    parsed = KNOWN[form].parse(text)
    assert len(parsed.calls) == 2
    gold = gold_of([{"name": call.name, "arguments": call.arguments} for call in parsed.calls])
    answer = Answer(text, form, [], gold)
    assert difference(answer, list(text)) == difference(answer, [text]) == ""


@pytest.mark.parametrize("form", ["glm4", "qwen_fncall", "react"])
def test_calls_that_end_anywhere_are_no_calls_in_a_stream_either(form: str) -> None:
    """What follows a call that has gone out is not taken for a call itself."""
    text = KNOWN[form].render([ToolCall("f", {"x": 1}), ToolCall("g", {"city": "Oslo"})])
    for end in range(1, len(text)):
        answer = Answer(text[:end], form, [], NO_CALL, "length")
        problem = difference(answer, list(answer.text))
        assert not problem or policy(answer, list(answer.text)) == "not pinned", problem


@pytest.mark.parametrize("form", sorted(TEMPLATES))
@pytest.mark.parametrize("tag", ["<answer>", "<response>", "<|START_RESPONSE|>"])
def test_calls_in_tags_of_the_answer_are_the_same_everywhere(form: str, tag: str) -> None:
    """Whole and half, with content and without."""
    text = KNOWN[form].render([ToolCall("f", {"x": 1})])
    gold = gold_of([{"name": "f", "arguments": {"x": 1}}])
    for inner in (text, text[:-3], f"Hi.\n{text}", "Hi."):
        answer = Answer(f"<think>a</think>{tag}{inner}", form, [], gold)
        for pieces in (list(answer.text), [answer.text]):
            assert score_difference(answer, pieces, form) == ""


@pytest.mark.parametrize("form", sorted(TEMPLATES))
def test_last_of_two_arguments_with_one_name_counts(form: str) -> None:
    """In JSON, for the evaluator of a stream too, which got both."""
    text = KNOWN[form].render([ToolCall("f", {"a": 1})]).replace('{"a": 1}', '{"a": 2, "a": 1}')
    answer = Answer(text, form, [], gold_of([{"name": "f", "arguments": {"a": 1}}]))
    for pieces in (list(text), [text]):
        assert score_difference(answer, pieces, form) == ""


MARKUP = sorted(
    {
        mark
        for form in KNOWN.values()
        for mark in (*form.SIGNS.opening, *form.SIGNS.closing, *(form.SIGNS.marks or ()))
    }
)
WORDS = [
    "Hi ",
    "ok",
    "\n",
    " ",
    "{",
    "}",
    "<",
    "`",
    '"',
    "京",
    "x\n",
    "[",
    "]",
    "<answer>",
    "</answer>",
]


def mixture(form: str, chance: random.Random) -> str:
    """A text of words, of what the format writes and of pieces of that, and of any format's marks,
    perhaps behind reasoning."""
    signs, text = KNOWN[form].SIGNS, KNOWN[form].render(CALLS[:2])
    marks = [*signs.opening, *signs.closing, *(signs.marks or ()), *signs.passed, *signs.call_ends]
    place = chance.randrange(len(text))
    parts = [text, KNOWN[form].render(CALLS[1:2]), text[:place], text[place:]]
    pools = [WORDS, WORDS, parts, marks or WORDS, MARKUP]
    size = chance.randint(1, 8)
    thought = chance.choice(["", "", "<think>\na\n</think>\n"])
    return thought + "".join(chance.choice(chance.choice(pools)) for _ in range(size))


@pytest.mark.parametrize("form", sorted(KNOWN))
def test_any_markup_in_any_pieces_is_read_as_the_format_reads_it(form: str) -> None:
    """No mark is missed, and none of another format is taken for one. Excused are closing tags that
    nothing opened, and words behind calls that no markup closes."""
    chance = random.Random(form)  # noqa: S311
    for _ in range(max(CUTS // 50, 50)):
        answer = Answer(mixture(form, chance), form, [], NO_CALL)
        parsed = KNOWN[form].parse(answer.text)
        _, _, behind = answer.text.rpartition("</think>")
        is_json = form in ("llama_json", "plain_json") and parsed.content.startswith(("{", "["))
        if CLOSING.search(behind) or is_json:
            continue
        assert reader_difference(answer, random_pieces(answer.text, chance)) == "", answer.text
