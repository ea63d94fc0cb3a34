"""The tokenizer of Qwen3's text models, made of the ranks that DashScope's wheel ships.

The file is not ours to ship either (chat_templates.py): scripts/setup.sh gets the wheel. Its ranks
are those of qwen.tiktoken; the added tokens are those of Qwen3's tokenizer_config.json.
"""

import base64
import os
import sys
import zlib
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from swiftkit.json_text import replace_surrogates
from swiftkit.rendering.control_tokens import ControlTokens
from swiftkit.rendering.token_ids import TextEncoder

FOLDER = Path(sys.prefix) / "qwen_tokenizer"
_RANKS = FOLDER / "dashscope" / "resources" / "qwen.tiktoken"
# made once for a machine, as it takes some seconds, and again when this file changes
_MADE = FOLDER / f"qwen3_{zlib.crc32(Path(__file__).read_bytes()):08x}.json"

_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# the added tokens from id 151643 on, in their order
SPECIAL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
]
NOT_SPECIAL = [
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
]


@cache
def qwen3_tokenizer() -> Tokenizer:
    """Return the tokenizer; skips the test where the file of the ranks is not here."""
    if not _RANKS.is_file():
        pytest.skip(f"{_RANKS} is not here: scripts/setup.sh gets it with DashScope's wheel")
    if _MADE.is_file():
        return Tokenizer.from_file(str(_MADE))
    made = _made(_read_ranks())
    unfinished = FOLDER / f"{os.getpid()}.part"  # other test processes make it too
    with suppress(OSError):  # in an environment of somebody else it is made each time
        unfinished.write_text(made.to_str(), encoding="utf-8")
        unfinished.replace(_MADE)
    return made


@cache
def qwen3_encoder(further: frozenset[str] = frozenset()) -> TextEncoder:
    """Return what encodes rendered texts, as the plugin makes it of a model's tokenizer.

    further: control tokens of other families, so that their templates end turns by tokens too.
    """
    tokenizer = Tokenizer.from_str(qwen3_tokenizer().to_str())
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in further])
    words = Tokenizer.from_str(tokenizer.to_str())
    words.encode_special_tokens = True

    def ids(text: str) -> list[int]:
        return list(tokenizer.encode(replace_surrogates(text), add_special_tokens=False).ids)

    def word_ids(text: str) -> list[int]:
        return list(words.encode(replace_surrogates(text), add_special_tokens=False).ids)

    return TextEncoder(ids, word_ids, ControlTokens.of([*SPECIAL, *further]))


def _read_ranks() -> dict[bytes, int]:
    ranks = {}
    for line in _RANKS.read_bytes().splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    return ranks


def _made(ranks: dict[bytes, int]) -> Tokenizer:
    letters = _letters()
    vocabulary = {_spelled(token, letters): rank for token, rank in ranks.items()}
    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) > 1:
            first, second = _merged_from(token, rank, ranks)
            merges.append((_spelled(first, letters), _spelled(second, letters)))
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in SPECIAL])
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in NOT_SPECIAL])
    return tokenizer


def _merged_from(token: bytes, rank: int, ranks: dict[bytes, int]) -> tuple[bytes, bytes]:
    """Return the two tokens that a token is merged from: what merges of lower ranks make of it."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        joined = [ranks.get(first + second, rank) for first, second in pairwise(parts)]
        lowest = min(joined)
        if lowest == rank:
            break
        place = joined.index(lowest)
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    first, second = parts
    return first, second


def _letters() -> dict[int, str]:
    """Return the letter that stands for each byte in a byte-level vocabulary, as GPT-2 has them."""
    shown = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {byte: chr(byte) for byte in shown}
    for byte in range(256):
        if byte not in letters:
            letters[byte] = chr(256 + len(letters) - len(shown))
    return letters


def _spelled(token: bytes, letters: dict[int, str]) -> str:
    return "".join([letters[byte] for byte in token])
