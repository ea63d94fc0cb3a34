"""Chat templates, special tokens and stop tokens out of a model's folder."""

import json
from pathlib import Path
from typing import Any

import pytest

from swiftkit.errors import DataError
from swiftkit.rendering.model_folder import read_chat_template


def write(folder: Path, **files: Any) -> Path:
    """A folder with JSON files; tokenizer_config={...} -> tokenizer_config.json."""
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_template_file_wins_over_the_setting(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text("file ü", encoding="utf-8")
    write(tmp_path, tokenizer_config={"chat_template": "setting"})
    assert read_chat_template(tmp_path).named == {"default": "file ü"}


def test_additional_templates_have_the_names_of_their_files(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text("plain", encoding="utf-8")
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates" / "tool_use.jinja").write_text("with tools")
    template = read_chat_template(tmp_path)
    assert template.render([], [{}]) == "with tools"
    assert template.render([]) == "plain"


@pytest.mark.parametrize(
    "setting",
    ["plain", [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "t"}]],
)
def test_setting_is_a_text_or_a_list(tmp_path: Path, setting: Any) -> None:
    write(tmp_path, tokenizer_config={"chat_template": setting})
    assert read_chat_template(tmp_path).render([]) == "plain"


def test_template_of_a_processor_counts_where_the_tokenizer_has_none(tmp_path: Path) -> None:
    write(tmp_path, chat_template={"chat_template": "processor"}, tokenizer_config={})
    assert read_chat_template(tmp_path).render([]) == "processor"
    write(tmp_path, tokenizer_config={"chat_template": "tokenizer"})
    assert read_chat_template(tmp_path).render([]) == "tokenizer"


@pytest.mark.parametrize(
    "config", [{}, [], {"chat_template": 3}, {"chat_template": [1, {"name": "default"}]}]
)
def test_folder_without_a_template_is_refused(tmp_path: Path, config: Any) -> None:
    with pytest.raises(DataError, match="no chat template") as caught:
        read_chat_template(write(tmp_path, tokenizer_config=config))
    assert caught.value.code == "no_chat_template"


def test_template_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_bytes(b"\xff")
    with pytest.raises(DataError, match="UTF-8"):
        read_chat_template(tmp_path)


def test_special_tokens_are_texts_or_objects_with_a_text(tmp_path: Path) -> None:
    config = {
        "chat_template": "{{ bos_token }}{{ eos_token }}{{ image_token }}{{ add_bos_token }}",
        "bos_token": "<s>",
        "eos_token": {"content": "</s>", "lstrip": False},
        "image_token": "<image>",
        "add_bos_token": True,
        "pad_token": None,
    }
    template = read_chat_template(write(tmp_path, tokenizer_config=config))
    assert template.render([]) == "<s></s><image>"
    assert template.stop_tokens == ("</s>",)


def test_older_map_of_special_tokens_counts_where_transformers_reads_it(tmp_path: Path) -> None:
    config: dict[str, Any] = {"chat_template": "{{ eos_token }}", "eos_token": "<old>"}
    write(tmp_path, tokenizer_config=config, special_tokens_map={"eos_token": {"content": "<new>"}})
    assert read_chat_template(tmp_path).render([]) == "<new>"
    write(tmp_path, tokenizer_config={**config, "added_tokens_decoder": {}})
    assert read_chat_template(tmp_path).render([]) == "<old>"


def test_stop_tokens_are_those_of_generation_and_the_tokenizers_own(tmp_path: Path) -> None:
    """gpt-oss: <|call|> stands in generation_config.json alone."""
    write(
        tmp_path,
        tokenizer_config={
            "chat_template": "x",
            "eos_token": "<|return|>",
            "added_tokens_decoder": {"2": {"content": "<|return|>"}, "x": {}, "7": 0},
        },
        generation_config={"eos_token_id": [2, 12, 99]},
        config={"eos_token_id": 2},
        tokenizer={"added_tokens": [{"id": 12, "content": "<|call|>", "special": True}]},
    )
    assert read_chat_template(tmp_path).stop_tokens == ("<|return|>", "<|call|>")


@pytest.mark.parametrize("content", ["", "[]", "{", '{"eos_token_id": {}}', '{"added_tokens": 1}'])
def test_files_that_cannot_be_read_name_no_stop_token(tmp_path: Path, content: str) -> None:
    write(tmp_path, tokenizer_config={"chat_template": "x"}, config={"eos_token_id": 1})
    for name in ("generation_config.json", "tokenizer.json"):
        (tmp_path / name).write_text(content)
    assert read_chat_template(tmp_path).stop_tokens == ()


def test_text_is_that_of_transformers_tokenizer(tmp_path: Path) -> None:
    """A whole folder, read by both."""
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "<s>": 1}, unk_token="a"))
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=model,
        bos_token="<s>",
        eos_token="</s>",
        extra_special_tokens={"image_token": "<image>"},
    )
    fast.chat_template = {
        "default": "{{ bos_token }}{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}",
        "tool_use": "{{ image_token }}{{ tools | tojson }}{{ pad_token }}",
    }
    fast.save_pretrained(tmp_path)
    again = transformers.AutoTokenizer.from_pretrained(tmp_path)
    messages = [{"role": "user", "content": "a"}]
    tool = {"type": "function", "function": {"name": "f"}}
    for tools in (None, [tool]):
        expected = again.apply_chat_template(messages, tools=tools, tokenize=False)
        assert read_chat_template(tmp_path).render(messages, tools) == expected
