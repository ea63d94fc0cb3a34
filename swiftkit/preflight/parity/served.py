"""What a live server says that it sees, beside the prompts of the model's own chat template."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from swiftkit.client.client import Endpoint
from swiftkit.errors import EndpointError, UsageError
from swiftkit.preflight.parity.report import DriftTally
from swiftkit.preflight.parity.rows import RenderedRow
from swiftkit.preflight.prompt_requests import ServedPrompt
from swiftkit.preflight.served_prompt import PromptServer
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.drift import (
    Drift,
    cause_of_count,
    find_drift,
    find_id_drift,
)
from swiftkit.rendering.render_request import RenderRequest

CONCURRENCY = 8  # requests at a time
_TIMEOUT = 60.0  # seconds of a request
_MOST_LOST = 20  # prompts that a server does not tell, before the rest is not asked


class ModelTokenizer:
    """The tokenizer of a model's folder. Raises UsageError where it cannot be loaded."""

    def __init__(self, folder: Path) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            fix = "pip install 'swiftkit[tokenizers]'"
            raise UsageError(f"token ids are not compared: no tokenizers ({fix})") from error
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # whatever its Rust code raises
            raise UsageError(f"{folder / 'tokenizer.json'}: cannot be loaded: {error}") from error

    def ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def control_tokens(self) -> list[str]:
        added = self._tokenizer.get_added_tokens_decoder().values()
        return [token.content for token in added if token.special]


class Prompts:
    """Compares prompts with what a server tells, by the best evidence that it gives.

    `problem` says why no token ids can be compared, "" where they can.
    """

    def __init__(
        self,
        folder: Path,
        others: Sequence[ChatTemplate],
        tally: Callable[[str, str], DriftTally],
    ) -> None:
        self._others, self._tally = others, tally
        self._tokenizer: ModelTokenizer | None = None
        self.problem = ""
        try:
            self._tokenizer = ModelTokenizer(folder)
        except UsageError as error:
            self.problem = str(error)

    async def compare(self, rows: Sequence[RenderedRow], server: PromptServer) -> None:
        """Ask for each prompt of the rows. Raises EndpointError where none is told."""
        questions = []
        for row in rows:
            questions += [(row, asked, text) for asked, text in row.prompts()]
        lost = start = 0
        while start < len(questions):
            # the first alone: it finds out the way that the others go
            part = questions[start : start + (CONCURRENCY if start else 1)]
            start += len(part)
            told = await asyncio.gather(*(self._ask(server, row, asked) for row, asked, _ in part))
            for (row, asked, text), answer in zip(part, told, strict=True):
                if not isinstance(answer, EndpointError):
                    self._add(answer, asked, text, row.place)
                    continue
                lost += 1
                if lost in (_MOST_LOST, len(questions)):
                    raise answer
                self._tally(f"server: {server.name}", "").add_unchecked(str(answer))

    async def _ask(
        self, server: PromptServer, row: RenderedRow, asked: RenderRequest
    ) -> ServedPrompt | EndpointError:
        messages = row.messages[: len(asked.messages)]
        try:
            return await server.prompt(messages, row.tools or None, asked.settings)
        except EndpointError as error:
            return error

    def _add(self, told: ServedPrompt, asked: RenderRequest, text: str, place: str) -> None:
        name = f"server: {told.server}"
        if told.ids is not None and self._tokenizer:
            drift = self._drift_of_ids(told.ids, asked, text)
            self._tally(name, "ids").add(drift, place)
        elif told.text is not None:
            self._tally(name, "text").add(find_drift(asked, told.text, self._others), place)
        elif self._tokenizer and (told.count or told.ids is not None):
            count = len(told.ids) if told.ids is not None else told.count or 0
            self._tally(name, "count").add(self._drift_of_count(count, asked, text), place)
        else:
            reason = f"{told.via} tells ids or a count, and no tokenizer is here to compare with"
            self._tally(name, "").add_unchecked(reason)

    def _drift_of_ids(self, ids: Sequence[int], asked: RenderRequest, text: str) -> Drift | None:
        assert self._tokenizer  # noqa: S101
        differing = find_id_drift(self._tokenizer.ids(text), ids, self._tokenizer.decode)
        if differing is None:
            return None
        # decoding may change white space, so both are decoded
        seen = self._tokenizer.decode(ids)
        if seen != self._tokenizer.decode(self._tokenizer.ids(text)):
            drift = find_drift(asked, seen, self._others)
            if drift:
                return drift
        held = any(_holds(asked, token) for token in self._tokenizer.control_tokens())
        place, expected, actual = differing
        cause = "control_token_in_text" if held else "tokenizer"
        return Drift.told(cause, f"token {place}: {expected}", f"token {place}: {actual}")

    def _drift_of_count(self, count: int, asked: RenderRequest, text: str) -> Drift | None:
        assert self._tokenizer  # noqa: S101
        tokenizer = self._tokenizer
        expected = len(tokenizer.ids(text))
        if expected == count:
            return None
        cause = cause_of_count(asked, lambda changed: len(tokenizer.ids(changed)), count)
        return Drift.told(cause, f"{expected} tokens", f"{count} tokens")


def _holds(asked: RenderRequest, token: str) -> bool:
    values: list[Any] = [*asked.messages, *(asked.tools or ())]
    return any(token in str(value) for value in values)


def compare_prompts(
    prompts: Prompts, rows: Sequence[RenderedRow], url: str, key: str, model: str
) -> None:
    """Compare the prompts of rows with those of a server. Raises EndpointError."""

    async def ask() -> None:
        async with PromptServer(Endpoint(url, key, _TIMEOUT), model or None) as server:
            await prompts.compare(rows, server)

    asyncio.run(ask())
