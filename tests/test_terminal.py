"""Messages, tables, JSON and the progress bar: whole words, within the width, and harmless."""

import json
import os
import pty
import re
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swiftkit.terminal import print_json, print_table, printable, say, shorten, table_lines

HOSTILE = "\x1b[31mred\x07 \u202eright to left \x9b2J \ud835"
PROGRESS = """
import time
from swiftkit.terminal import ProgressBar
bar = ProgressBar({total}, lambda seconds: "[b]rows\\x1b[31m", {line_seconds})
for done in range(3):
    time.sleep(0.06)
    bar.update(done)
bar.close(3)
"""


def columns(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in text)


def test_printable_hostile_text_is_spelt_out() -> None:
    """Escape sequences, bells, C1 controls, direction marks and lone surrogates; line ends stay."""
    assert printable("a\tb\n") == "a\tb\n"
    assert printable(HOSTILE) == ("\\u001b[31mred\\u0007 \\u202eright to left \\u009b2J \\ud835")


def test_shorten_cuts_to_one_line() -> None:
    """White space is folded; what was cut ends with dots."""
    assert shorten("a\n  b", 10) == "a b"
    assert shorten("abcdef", 3) == "abc..."


def test_say_hostile_text_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    """Messages quote servers and files."""
    say(f"error: {HOSTILE}\n中文")
    assert capsys.readouterr().err == f"error: {printable(HOSTILE)}\n中文\n"


def test_print_json_control_characters_are_escaped_and_exact(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A reader of JSON gets the very value back."""
    value = {"text": "\x1b[31m \x9b \u202e"}
    print_json(value)
    printed = capsys.readouterr().out
    assert json.loads(printed) == value
    assert printable(printed) == printed


def test_table_lines_that_fit_are_not_wrapped() -> None:
    """Columns are as wide as their widest cell, and set flush right where that is asked."""
    assert table_lines(["name", "n"], [["a", "7"], ["bcdef", "12"]], right=[1]) == [
        "name    n",
        "-----  --",
        "a       7",
        "bcdef  12",
    ]


def test_table_lines_wrap_between_words() -> None:
    """The widest column gives way; a number keeps its percent sign; cells may have lines."""
    rows = [["tool_accuracy[parallel_multiple]", "12.0 %", "< 0.001", "one two three four five"]]
    lines = table_lines(["metric", "A", "p", "what is to be said of it"], rows, 61)
    assert lines[-3:] == [
        "tool_accuracy[parallel_multiple]  12.0 %  < 0.001  one two",
        "                                                   three four",
        "                                                   five",
    ]
    assert table_lines(["a"], [["first\nsecond"]])[2:] == ["first", "second"]


@given(
    st.lists(
        st.lists(st.text("ab c中文é-,", max_size=60), min_size=3, max_size=3),
        min_size=1,
        max_size=5,
    ),
    st.integers(20, 120),
)
def test_table_lines_keep_words_whole_and_within_the_width(
    rows: list[list[str]], width: int
) -> None:
    """Whatever the cells hold; where the longest words cannot stand side by side, they are broken
    at their hyphens and between Chinese characters."""
    head, *body = rows
    lines = table_lines(head, body, width)
    words = [" ".join(row[column] for row in rows).split() for column in range(3)]
    parts = [re.split("(?<=[abcé]-)|(?=[中文])|(?<=[中文])", " ".join(column)) for column in words]
    room = width - 4  # two gaps
    if sum(min(40, max(map(columns, column), default=0)) for column in words) <= room:
        text = " ".join(lines).split()
        for word in (word for column in words for word in column):
            assert columns(word) > 40 or word in text
    elif sum(max(map(columns, " ".join(column).split()), default=0) for column in parts) <= room:
        assert max(map(columns, lines)) <= width


def test_table_lines_break_long_words_at_their_separators() -> None:
    """Names, paths and Chinese text stay legible, and nothing is lost."""
    name, path = "tool_accuracy[tool:get_weather_of_city]", "runs/eval/tool-call-20260101/step-200"
    rows = [[name, path, "12.0 %", "+24.1 to +30.2"], ["工具调用准确率按类别划分的", "", "", ""]]
    assert table_lines(["metric", "run", "value", "interval"], rows, 50)[2:] == [
        "tool_accuracy    runs/eval/tool-  12.0 %  +24.1 to",
        "[tool:get_       call-20260101/           +30.2",
        "weather_of_      step-200",
        "city]",
        "工具调用准确率",
        "按类别划分的",
    ]


def test_print_table_hostile_cells_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    """Also in the title and the head."""
    print_table([HOSTILE, "b"], [[HOSTILE, "x"]], title=HOSTILE)
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\x9b" not in printed


def run_progress(total: str, line_seconds: str, terminal: bool) -> str:
    """Return what a process with a progress bar writes on stderr."""
    code = PROGRESS.format(total=total, line_seconds=line_seconds)
    command = [sys.executable, "-c", code]
    if not terminal:
        return subprocess.run(command, capture_output=True, text=True, check=True).stderr
    reading, writing = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "60"}
    with subprocess.Popen(command, stderr=writing, env=environment) as process:
        os.close(writing)
        written = b""
        try:
            while piece := os.read(reading, 4096):
                written += piece
        except OSError:  # a terminal whose last writer has gone
            pass
    os.close(reading)
    assert process.returncode == 0
    return written.decode()


@pytest.mark.parametrize("total", ["3", "None"])
def test_progress_bar_on_a_terminal_draws_its_text(total: str) -> None:
    """As it is: neither markup nor an escape sequence of the text is obeyed."""
    written = run_progress(total, "0.0", terminal=True)
    assert "[b]rows\\u001b[31m" in written


def test_progress_bar_elsewhere_is_silent_or_prints_lines() -> None:
    """Without a terminal it prints lines now and then, and the last; or nothing at all."""
    assert run_progress("3", "0.0", terminal=False) == ""
    lines = run_progress("3", "0.1", terminal=False).splitlines()
    assert 2 <= len(lines) <= 3
    assert set(lines) == {"[b]rows\\u001b[31m"}
