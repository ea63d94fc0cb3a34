"""The tokenizer of a model's folder, as the package tokenizers reads it."""

from collections.abc import Sequence
from pathlib import Path

from swiftkit.data.checks.lengths import load_tokenizer
from swiftkit.json_text import replace_surrogates
from swiftkit.rendering.control_tokens import ControlTokens
from swiftkit.rendering.token_ids import TextEncoder


class ModelTokenizer:
    """Raises UsageError where it cannot be loaded.

    `control` are the tokens that training encodes as text where a message holds them.
    """

    def __init__(self, folder: Path) -> None:
        self._tokenizer = load_tokenizer(folder)
        added = self._tokenizer.get_added_tokens_decoder().values()
        self.control = ControlTokens.of(token.content for token in added if token.special)

    def ids(self, text: str) -> list[int]:
        encoding = self._tokenizer.encode(replace_surrogates(text), add_special_tokens=False)
        return list(encoding.ids)

    def decode(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def encoder(self) -> TextEncoder:
        """Return what encodes rendered texts; none of them marks a control token as text."""
        return TextEncoder(self.ids, self.ids, self.control)
