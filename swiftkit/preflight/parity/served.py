"""What a live server says that it sees, beside the prompts of the model's own chat template."""

import asyncio
from collections.abc import Callable, Sequence

from swiftkit.client.client import Endpoint
from swiftkit.errors import EndpointError
from swiftkit.preflight.parity.report import DriftTally
from swiftkit.preflight.parity.rows import RenderedRow, RowPrompt
from swiftkit.preflight.parity.tokenizer import ModelTokenizer
from swiftkit.preflight.prompt_requests import ServedPrompt
from swiftkit.preflight.served_prompt import PromptServer
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.drift import (
    Drift,
    cause_of_count,
    find_drift,
    find_id_drift,
)

CONCURRENCY = 8  # requests at a time
_TIMEOUT = 60.0  # seconds of a request
_MOST_LOST = 20  # prompts that a server does not tell, before the rest is not asked


class Prompts:
    """Compares prompts with what a server tells, by the best evidence that it gives."""

    def __init__(
        self,
        tokenizer: ModelTokenizer | None,
        others: Sequence[ChatTemplate],
        tally: Callable[[str, str], DriftTally],
    ) -> None:
        self._others, self._tally = others, tally
        self._tokenizer = tokenizer
        self._control_tokens = tokenizer.control.texts if tokenizer else frozenset()

    async def compare(self, rows: Sequence[RenderedRow], server: PromptServer) -> None:
        """Ask for each prompt of the rows. Raises EndpointError where none is told."""
        questions: list[tuple[RenderedRow, RowPrompt]] = []
        for row in rows:
            questions += [(row, prompt) for prompt in row.prompts()]
        lost = start = 0
        while start < len(questions):
            # the first alone: it finds out the way that the others go
            part = questions[start : start + (CONCURRENCY if start else 1)]
            start += len(part)
            told = await asyncio.gather(*(_ask(server, row, prompt) for row, prompt in part))
            for (_, prompt), answer in zip(part, told, strict=True):
                if not isinstance(answer, EndpointError):
                    self._add(answer, prompt)
                    continue
                lost += 1
                if lost in (_MOST_LOST, len(questions)):
                    raise answer
                self._tally(f"server: {server.name}", "").add_unchecked(str(answer))

    def _add(self, told: ServedPrompt, prompt: RowPrompt) -> None:
        name, asked, place = f"server: {told.server}", prompt.request, prompt.place
        if told.ids is not None and self._tokenizer:
            self._tally(name, "ids").add(self._drift_of_ids(told.ids, prompt), place)
        elif told.text is not None:
            self._tally(name, "text").add(find_drift(asked, told.text, self._others), place)
        elif self._tokenizer and told.count is not None:
            self._tally(name, "count").add(self._drift_of_count(told.count, prompt), place)
        else:
            reason = f"{told.via} tells ids or a count, and no tokenizer is here to compare with"
            self._tally(name, "").add_unchecked(reason)

    def _drift_of_ids(self, ids: Sequence[int], prompt: RowPrompt) -> Drift | None:
        assert self._tokenizer  # noqa: S101
        expected = self._tokenizer.ids(prompt.text)
        # decoding may change white space, so both are decoded
        seen = self._tokenizer.decode(ids)
        if seen != self._tokenizer.decode(expected):
            drift = find_drift(prompt.request, seen, self._others)
            if drift:
                return drift
        if held := self._control_token_in(prompt):
            token = self._tokenizer.ids(held)[0]
            if list(ids).count(token) < expected.count(token):
                return None  # the server reads it as text, as it is trained
            sides = f"trained as text: {held}", "a token where a server reads it"
            return Drift.told("control_token_in_text", *sides)
        differing = find_id_drift(expected, ids, self._tokenizer.decode)
        if differing is None:
            return None
        place, trained, served = differing
        return Drift.told("tokenizer", f"token {place}: {trained}", f"token {place}: {served}")

    def _control_token_in(self, prompt: RowPrompt) -> str:
        """Return a control token that a message or a tool holds as text; "" without one."""
        texts = str([*prompt.request.messages, *(prompt.request.tools or ())])
        return next((each for each in self._control_tokens if each in texts), "")

    def _drift_of_count(self, count: int, prompt: RowPrompt) -> Drift | None:
        assert self._tokenizer  # noqa: S101
        tokenizer = self._tokenizer
        expected = len(tokenizer.ids(prompt.text))
        if expected == count:
            return None
        cause = cause_of_count(prompt.request, lambda changed: len(tokenizer.ids(changed)), count)
        return Drift.told(cause, f"{expected} tokens", f"{count} tokens")


async def _ask(
    server: PromptServer, row: RenderedRow, prompt: RowPrompt
) -> ServedPrompt | EndpointError:
    try:
        return await server.prompt(prompt.messages, row.tools or None, prompt.settings)
    except EndpointError as error:
        return error


def compare_prompts(
    prompts: Prompts, rows: Sequence[RenderedRow], url: str, key: str, model: str
) -> None:
    """Compare the prompts of rows with those of a server. Raises EndpointError."""

    async def ask() -> None:
        async with PromptServer(Endpoint(url, key, _TIMEOUT), model or None) as server:
            await prompts.compare(rows, server)

    asyncio.run(ask())
