"""A model's wire format by name, or out of the chat template in its folder."""

import json
import os
from pathlib import Path

import pytest

from swiftkit.errors import UsageError
from swiftkit.rendering.written_format import wire_format_named

BEGIN = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content or '' }}{% for c in m.tool_calls or [] %}"
END = "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
HERMES = """<tool_call>\n{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}\n</tool_call>"""
QWEN3_CODER = """<tool_call>\n<function={{ c.function.name }}>{% for k, v in c.function.arguments.items() %}\n<parameter={{ k }}>\n{{ v }}\n</parameter>{% endfor %}\n</function>\n</tool_call>"""
TEXT_ARGUMENTS = "[TOOL_CALLS]{{ c.function.name }}[ARGS]{{ c.function.arguments + '' }}"
OWN = '<new:call name="{{ c.function.name }}">{{ c.function.arguments }}</new:call>'
THINKING = END.replace("assistant\n{% endif", "assistant\n<think>\n{% endif")


def folder(path: Path, template: str, kind: str = "jinja") -> Path:
    """A model's folder with the template in its own file, or in one of the two older places."""
    if kind == "jinja":
        (path / "chat_template.jinja").write_text(template, encoding="utf-8")
        return path
    config: object = template
    if kind == "list":
        plain = BEGIN + END
        config = [
            {"name": "default", "template": plain},
            {"name": "tool_use", "template": template},
        ]
    (path / "tokenizer_config.json").write_text(
        json.dumps({"chat_template": config}), encoding="utf-8"
    )
    return path


@pytest.mark.parametrize("kind", ["jinja", "text", "list"])
@pytest.mark.parametrize(
    ("call", "end", "name"),
    [
        (HERMES, END, "hermes"),
        (HERMES, THINKING, "hermes"),  # the prompt opens reasoning that a history lacks
        (QWEN3_CODER, END, "qwen3_coder"),
        (TEXT_ARGUMENTS, END, "mistral"),  # takes the arguments as JSON text alone
        ("{% generation %}" + HERMES + "{% endgeneration %}", END, "hermes"),
    ],
)
def test_a_folder_says_by_its_template_how_calls_are_written(
    tmp_path: Path, kind: str, call: str, end: str, name: str
) -> None:
    """Wherever the template stands, and whatever it wants its arguments to be."""
    path = folder(tmp_path, BEGIN + call + end, kind)
    assert wire_format_named(str(path), "--wire-format") == name


@pytest.mark.parametrize("value", ["", "any", "hermes", "qwen3_coder"])
def test_a_name_is_taken_as_it_is(value: str) -> None:
    """A format, or none in particular."""
    assert wire_format_named(value, "--wire-format") == value


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (None, "no chat template"),
        (BEGIN + END, "writes no call"),
        (BEGIN + OWN + END, "writes no call"),  # one that we do not read
        ("{{ raise_exception('no tools') }}", "writes no call"),
        ("{% if", "writes no call"),
        ("{{ ''.__class__.__mro__ }}", "writes no call"),  # the sandbox refuses it
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
            "writes no",
        ),
        ("{{ 'x' * 400000000 }}", "writes no call"),
        ("{{ 9 ** 9 ** 9 }}", "writes no call"),
    ],
)
def test_a_folder_that_says_nothing_is_refused(
    tmp_path: Path, template: str | None, reason: str
) -> None:
    """With what to do instead."""
    if template is not None:
        folder(tmp_path, template)
    with pytest.raises(UsageError, match=reason):
        wire_format_named(str(tmp_path), "--wire-format")


def test_odd_files_are_read_or_passed_over(tmp_path: Path) -> None:
    """A byte order mark, numbers that are no JSON, tokens that a template names; no pipe is opened."""
    template = BEGIN + "{{ bos_token + pad_token }}" + HERMES + END
    tokens = {"bos_token": "<s>", "pad_token": {"content": "<p>"}}
    config = json.dumps(tokens | {"chat_template": template, "model_max_length": float("nan")})
    (tmp_path / "tokenizer_config.json").write_text("\ufeff" + config, encoding="utf-8")
    assert wire_format_named(str(tmp_path), "--wire-format") == "hermes"
    (tmp_path / "chat_template.jinja").write_bytes(b"\xff\xfe latin")
    with pytest.raises(UsageError, match="not UTF-8"):
        wire_format_named(str(tmp_path), "--wire-format")
    (tmp_path / "chat_template.jinja").unlink()
    (tmp_path / "tokenizer_config.json").unlink()
    os.mkfifo(tmp_path / "tokenizer_config.json")
    with pytest.raises(UsageError, match="no chat template"):
        wire_format_named(str(tmp_path), "--wire-format")
    with pytest.raises(UsageError, match="no model's folder"):
        wire_format_named("x" * 5000, "--wire-format")


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    """The list has every format."""
    with pytest.raises(UsageError, match=r"--wire-format hermez: .*any, apertus, .*hermes"):
        wire_format_named("hermez", "--wire-format")
