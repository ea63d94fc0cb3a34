"""The chat template and the tokenizer of a model's folder, for `swiftkit convert --template-of`."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from swiftkit.errors import DataError, UsageError
from swiftkit.json_text import replace_surrogates
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.control_tokens import ControlTokens
from swiftkit.rendering.message_form import MessageForm, probe_form
from swiftkit.rendering.model_folder import read_chat_template, template_sha256
from swiftkit.rendering.token_ids import TextEncoder


@dataclass(frozen=True)
class ModelTemplate:
    """The chat template of a model's folder."""

    template: ChatTemplate
    form: MessageForm
    sha256: str  # of the template's text
    thinking_key: str  # the variable with which it turns thinking on and off
    control: ControlTokens
    encoder: TextEncoder | None = None  # None: token seams are not looked for


@lru_cache(maxsize=4)
def model_template(folder: str) -> ModelTemplate:
    """Return the chat template of a model's folder. Raises UsageError, with a fix."""
    fix = "give the folder of a chat model, with chat_template.jinja or tokenizer_config.json"
    path = Path(folder).expanduser()
    try:
        if not path.is_dir():
            raise UsageError(f"--template-of {folder}: no such folder; {fix}")
        template = read_chat_template(path)
        variables = template.variables()
        digest = template_sha256(path)
    except DataError as error:
        raise UsageError(f"--template-of: {error.reason}; {error.fix}") from error
    except (OSError, ValueError) as error:  # too long a name, or a null byte in it
        raise UsageError(f"--template-of: {error}; {fix}") from error
    reads_thinking_alone = "thinking" in variables and "enable_thinking" not in variables
    key = "thinking" if reads_thinking_alone else "enable_thinking"  # the first: DeepSeek
    control = ControlTokens.of([*template.stop_tokens, *template.special_tokens.values()])
    encoder = _text_encoder(path / "tokenizer.json")
    if encoder:
        control = encoder.control
    return ModelTemplate(template, probe_form(template), digest, key, control, encoder)


def _text_encoder(file: Path) -> TextEncoder | None:
    """Return a tokenizer; None without its file, or without the package that reads it."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        return None
    if not file.is_file():
        return None
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the package raises this very class
        fix = "copy the model's whole folder"
        raise UsageError(f"--template-of: {file} cannot be read: {error}; {fix}") from error
    special = []
    for token in tokenizer.get_added_tokens_decoder().values():
        if token.special:
            special.append(token.content)
    words = _WordTokenizer(file)

    def ids(text: str) -> list[int]:
        encoding = tokenizer.encode(replace_surrogates(text), add_special_tokens=False)
        return list(encoding.ids)

    return TextEncoder(ids, words.ids, ControlTokens.of(special))


@dataclass(frozen=True)
class _WordTokenizer:
    """A tokenizer to which the names of control tokens are words; few rows need it."""

    file: Path

    def ids(self, text: str) -> list[int]:
        encoding = self._tokenizer.encode(replace_surrogates(text), add_special_tokens=False)
        return list(encoding.ids)

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.file))
        tokenizer.encode_special_tokens = True
        return tokenizer
