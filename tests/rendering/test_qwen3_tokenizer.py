"""The tests' own Qwen3 tokenizer against ids that were made with the published one."""

import hashlib
import json

import pytest
from helpers.chat_templates import renderings
from helpers.qwen3_tokenizer import NOT_SPECIAL, SPECIAL, qwen3_tokenizer


def test_ids_are_those_of_the_published_tokenizer() -> None:
    """The case file has the count and a hash of the ids of 240 whole texts."""
    tokenizer = qwen3_tokenizer()
    if not renderings():
        pytest.skip("the shared cases are not here")
    compared = 0
    for lines in renderings().values():
        for line in lines:
            if "qwen3_ids" not in line:
                continue
            ids = list(tokenizer.encode(line["text"], add_special_tokens=False).ids)
            digest = hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16]
            name = line["template"], line["conversation"]
            assert {"n": len(ids), "sha256_16": digest} == line["qwen3_ids"], name
            compared += 1
    assert compared == 240


def test_added_tokens_have_their_ids() -> None:
    tokenizer = qwen3_tokenizer()
    for id_, text in enumerate([*SPECIAL, *NOT_SPECIAL], 151643):
        assert tokenizer.token_to_id(text) == id_
        assert tokenizer.get_added_tokens_decoder()[id_].special == (text in SPECIAL)
    assert tokenizer.token_to_id("</think>") == 151668
