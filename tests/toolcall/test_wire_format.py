"""The folder of wire formats: each file is a format that says itself how it is recognized."""

import ast
import textwrap
from pathlib import Path

import pytest
from helpers.paths import ROOT

from swiftkit.toolcall import detect, formats
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.wire_format import Signs, load, load_all

FOLDER = ROOT / "swiftkit" / "toolcall" / "formats"
FROM_OUTSIDE = '''
    """Calls between curly signs, as no model writes them.

        ~call~ {"name": "f", "arguments": {}} ~end~

    Source: this test.
    """

    from swiftkit.json_text import raw_decode, skip_space, written
    from swiftkit.toolcall.scanners import blocks, json_calls
    from swiftkit.toolcall.wire_format import Signs

    SIGNS = Signs(opening={"~call~": ""}, closing=("~end~",))
    _MARKUP = blocks.markup("~call~", "~end~")


    def render(calls):
        values = [{"name": call.name, "arguments": call.arguments} for call in calls]
        return "".join(f"~call~ {written(value)} ~end~" for value in values)


    def parse(text):
        return blocks.read(text, _MARKUP, _read_block)


    def _read_block(text, tag, calls):
        value, end = raw_decode(text, skip_space(text, tag.end()))
        end = skip_space(text, end)
        if tag[0] != "~call~" or not text.startswith("~end~", end):
            raise ValueError("~end~ is missing")
        calls += json_calls.calls_of([value])
        return end + len("~end~")
'''
NOW = ToolCall("now", {})
CALLS = [ToolCall("f", {"a": "<tool_call>"}), NOW]


def test_a_format_from_outside_is_found_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file is enough: nothing else names the format."""
    text = 'Let me look. ~call~ {"name": "f", "arguments": {}} ~end~'
    assert detect.parse(text) == Parsed([], text)
    (tmp_path / "curly_signs.py").write_text(textwrap.dedent(FROM_OUTSIDE), encoding="utf-8")
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    assert "curly_signs" in formats.names()
    assert detect.parse(text) == Parsed([ToolCall("f", {})], "Let me look.")
    assert detect.parse(load("curly_signs").render(CALLS)).calls == CALLS
    assert detect.parse(f"<think>{text}</think>No.") == Parsed([], "No.", "", text)
    assert detect.format_of(text) == "curly_signs"
    assert detect.parse("Well ~end~").malformed
    hermes = load("hermes").render(CALLS)
    assert detect.parse(hermes).calls == CALLS
    monkeypatch.undo()
    assert detect.parse(text) == Parsed([], text)


def test_every_file_of_the_folder_is_a_format() -> None:
    """With signs, a reader, a writer, and a docstring that says where it comes from."""
    assert formats.names() == sorted(path.stem for path in FOLDER.glob("[!_]*.py"))
    for name, form in load_all().items():
        assert isinstance(form.SIGNS, Signs), name
        assert form.parse(form.render([NOW])).calls == [NOW], name
        assert "Source: " in (form.__doc__ or ""), name


def test_formats_do_not_know_each_other() -> None:
    """Shared readers stand in scanners/."""
    for path in FOLDER.glob("[!_]*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert "formats" not in str(node.module), path.name


def test_a_shared_mark_belongs_to_one_format_by_default() -> None:
    """All but one of the formats that share a mark say what follows it."""
    takers: dict[str, list[str]] = {}
    for name, form in load_all().items():
        marks = [mark for mark, follows in form.SIGNS.opening.items() if not follows]
        for mark in (*marks, *form.SIGNS.closing):
            takers.setdefault(mark, []).append(name)
    assert {mark: names for mark, names in takers.items() if len(names) > 1} == {}


@pytest.mark.parametrize("name", sorted(load_all()))
def test_format_of_a_marked_answer(name: str) -> None:
    """The name of the format itself, or of the one that reads the same."""
    same = {"mistral_v11": "mistral", "deepseek_v3_1": "deepseek_v3", "hunyuan": "jamba"}
    without_marks = {"call_strings", "llama_json", "plain_json", "pythonic"}
    expected = "" if name in without_marks else same.get(name, name)
    assert detect.format_of(load(name).render([ToolCall("f", {"a": 1}), NOW])) == expected


@pytest.mark.parametrize("name", sorted(load_all()))
def test_format_read_of_any_answer_with_calls(name: str) -> None:
    """With marks or without, the name of a format that reads the calls; of prose, none."""
    calls = [ToolCall("f", {"a": 1}), NOW]
    text = load(name).render(calls)
    assert load(detect.format_read(text)).parse(text).calls == calls
    assert detect.format_read(f"<think>so</think>{text}") == detect.format_read(text)
    assert detect.format_read("Hello, I am here to help.") == ""
