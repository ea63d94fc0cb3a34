"""A fixed sample of benchmarks/wire_formats: hostile answers over all formats raise nothing, and
none takes quadratic time.

More texts than the sample: SWIFTKIT_FUZZ_EXAMPLES=100000 pytest -n 0 tests/toolcall/test_hostile_texts.py
"""

import os

import pytest
from helpers.growth import takes_linear_time
from helpers.hostile_texts import fuzzed, renderings

from swiftkit.scoring.completion import read_text
from swiftkit.toolcall import detect
from swiftkit.toolcall.wire_format import load_all

FORMATS = load_all()
TOOLS = [{"name": "get_weather"}, {"name": "say"}]
EXAMPLES = int(os.environ.get("SWIFTKIT_FUZZ_EXAMPLES", "20000"))


def test_fuzzed_answers_never_raise() -> None:
    """Cut, doubled, spliced and filled answers are calls or malformed, never both, in the format
    they were made from, in another, and in an unpinned row."""
    names = sorted(FORMATS)
    for number, (text, name) in enumerate(fuzzed(7, EXAMPLES)):
        other = names[number % len(names)]
        for parsed in (
            read_text(text, "", TOOLS),
            FORMATS[name].parse(text),
            FORMATS[other].parse(text),
        ):
            assert not (parsed.calls and parsed.malformed), (name, text)
            assert all(call.name for call in parsed.calls), (name, text)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_reasoning_again_and_again_takes_linear_time(name: str) -> None:
    """Neither is what stands before a closing tag copied at each of them, nor is a mark that was
    passed over searched for in all the rest."""
    answer = renderings(name)[0]
    elsewhere = "Action Input >>> tool_call( functools ✿ARGS✿"
    for piece in ("</think>", f"<think>{answer}</think>"):
        assert takes_linear_time(detect.parse, piece, 8_000), piece
        assert takes_linear_time(lambda text: detect.parse(elsewhere + text), piece, 8_000), piece
        assert takes_linear_time(FORMATS[name].parse, piece, 8_000), piece
