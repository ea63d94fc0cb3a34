"""A line for a shell: pasted, it gives the very words."""

import os
import subprocess
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from swiftkit.training.shell_line import shell_line

# No zero byte: no program can be given one. A surrogate stands for a byte that is not UTF-8.
WORDS = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"])
    | st.sampled_from("\udcff'\\"),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=5), WORDS)
@example(
    ["$(touch pwned)", "`x`", "a\nb", "\x1b[2J", "~", "!!", "it's", "\\", "\udcff", "'\n\\"], "a b"
)
def test_shell_line_gives_the_same_words_in_bash(words: list[str], value: str) -> None:
    """Whatever they hold; in one line, in which a terminal finds nothing to obey."""
    line = shell_line({"VALUE": value}, ["show", *words])
    assert line.isprintable()
    script = f'show() {{ printf "%s\\0" "$VALUE" "$@"; }}; {line}'
    done = subprocess.run(["bash", "-c", os.fsencode(script)], capture_output=True, check=True)
    assert done.stdout == b"".join(os.fsencode(word) + b"\0" for word in [value, *words])


def test_shell_line_calls_a_program_whose_path_looks_like_an_assignment(tmp_path: Path) -> None:
    program = tmp_path / "a=b/show"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho called\n")
    program.chmod(0o755)
    line = shell_line({"C": "1"}, ["a=b/show", "d=e"])
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "called\n"


def test_shell_line_leaves_plain_words_plain() -> None:
    """A person reads it."""
    variables = {"NPROC_PER_NODE": "4", "CUDA_VISIBLE_DEVICES": "0,1", "ADDRESS": "a b"}
    line = shell_line(variables, ["swift", "sft", "x.yaml", "--dataset", "中文.jsonl#500"])
    assert line == (
        "NPROC_PER_NODE=4 CUDA_VISIBLE_DEVICES=0,1 ADDRESS='a b'"
        " swift sft x.yaml --dataset '中文.jsonl#500'"
    )
