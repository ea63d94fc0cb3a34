"""Compare what is trained with what is served, for the rows of a file or for built-in ones."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from swiftkit.data.encode import ShowSettings, encode_row, load_encoder
from swiftkit.data.show import check_model
from swiftkit.errors import DataError, UsageError
from swiftkit.preflight.parity.folder import (
    base_folder,
    folder_drifts,
    other_templates,
    recorded_switch,
)
from swiftkit.preflight.parity.report import BAD_STATUSES, DriftTally, ParityReport, TurnTally
from swiftkit.preflight.parity.rows import (
    RenderedRow,
    TrainedTemplate,
    read_rows,
    render_row,
    status_of,
    trained_spans,
)
from swiftkit.preflight.parity.swift_side import has_own_flags, loss_drift
from swiftkit.preflight.parity.tokenizer import ModelTokenizer
from swiftkit.recipe.model_files import read_object
from swiftkit.rendering.drift import find_drift
from swiftkit.rendering.drift_causes import check_causes
from swiftkit.rendering.model_folder import read_chat_template, template_sha256
from swiftkit.rendering.token_ids import encode_conversation

AUTO = "auto"  # the template that swift chooses itself
_COUNT_ALONE = "a count of tokens is weaker evidence than ids: other prompts may have as many"
_HARMONY = (
    "gpt-oss is trained by the Harmony renderer (docs/harmony.md), not by its Jinja template;"
    " --template gpt_oss compares the two"
)


class ParityOptions(msgspec.Struct, frozen=True):
    """The settings of a comparison; see `swiftkit parity --help`."""

    template: str = ""
    model_type: str | None = None
    base_url: str = ""
    served_model: str = ""
    key: str = "EMPTY"
    allow: tuple[str, ...] = ()
    limit: int | None = None


def compare_file(folder: Path, data: Path, options: ParityOptions) -> ParityReport:
    """Return what differs for the rows of a file.

    Raises DataError for a model without a chat template and a file without rows, UsageError,
    EndpointError.
    """
    check_causes(options.allow, "--allow", BAD_STATUSES)
    parity = Parity(folder, options)
    rows: list[RenderedRow] = []
    unreadable: list[str] = []
    for place, row in read_rows(data, options.limit):
        try:
            if isinstance(row, DataError):
                raise row
            rows.append(render_row(parity.model, row, place))
        except DataError as error:
            unreadable.append(f"{place}: {error.code}: {error.reason}")
    return parity.report(str(data), rows, unreadable)


class Parity:
    """A model's own chat template, and all that rows are compared with. Raises DataError."""

    def __init__(self, folder: Path, options: ParityOptions) -> None:
        self.folder, self.options = folder, options
        template = read_chat_template(base_folder(folder))
        self.model = TrainedTemplate.of(template, recorded_switch(folder))
        self._others = other_templates(folder, self.model.template)
        self._tallies: dict[tuple[str, str], DriftTally] = {}
        self._notes: list[str] = []
        self._tokenizer: ModelTokenizer | None = None
        try:
            self._tokenizer = ModelTokenizer(base_folder(folder))
        except UsageError as error:
            self._notes.append(f"no token ids are compared: {error}")
        if read_object(base_folder(folder) / "config.json").get("model_type") == "gpt_oss":
            self._notes.append(_HARMONY)

    def report(
        self, data: str, rows: Sequence[RenderedRow], unreadable: Sequence[str] = ()
    ) -> ParityReport:
        """Return the report. Raises UsageError, EndpointError."""
        if unreadable:
            self._notes.append(f"{len(unreadable)} rows cannot be read, the first: {unreadable[0]}")
        turns = self._turns(rows)
        folder = DriftTally("folder", "", self.options.allow)
        for drift, place in folder_drifts(self.folder, self.model):
            folder.add(drift, place)
        if self.options.template:
            self._compare_swift(rows)
        if self.options.base_url:
            self._compare_server(rows)
        rendered = [row for row in rows if row.rendered is not None]
        characters = sum(len(row.rendered.text) for row in rendered if row.rendered)
        trained = sum(end - start for row in rendered for start, end in trained_spans(row))
        return ParityReport(
            model=str(self.folder),
            data=data,
            template_sha256=template_sha256(base_folder(self.folder)),
            rows=len(rows) + len(unreadable),
            unreadable=len(unreadable),
            turns=turns.counts(),
            characters=characters,
            trained=trained,
            folder=folder.causes(),
            sides=[tally.side() for tally in self._tallies.values()],
            notes=self._notes,
        )

    def _tally(self, name: str, evidence: str) -> DriftTally:
        for (other, _), tally in self._tallies.items():
            if other == name and not evidence:
                return tally
        if evidence == "count" and (name, evidence) not in self._tallies:
            self._notes.append(_COUNT_ALONE)
        tally = DriftTally(name, evidence, self.options.allow)
        return self._tallies.setdefault((name, evidence), tally)

    def _compare_swift(self, rows: Iterable[RenderedRow]) -> None:
        check_model(self.folder)
        chosen = None if self.options.template == AUTO else self.options.template
        encoder = load_encoder(ShowSettings(self.folder, self.options.model_type, chosen))
        name = f"swift: {encoder.template.template_meta.template_type}"
        texts, losses = self._tally(name, "text"), self._tally(f"{name}, loss", "loss")
        for number, row in enumerate(rows, 1):
            if row.rendered is None:
                texts.add_unchecked(f"{row.place}: {row.refusal}")
                continue
            try:
                encoded = encode_row(encoder, row.row, number)
            except DataError as error:
                texts.add_unchecked(f"{row.place}: {error.reason}")
                continue
            drift = find_drift(row.request, encoded.text, self._others)
            texts.add(drift, row.place)
            is_same = drift is None or drift.causes == ("added_end",)
            if is_same and row.is_answered and not has_own_flags(row):
                losses.add(loss_drift(row, encoded), row.place)

    def _compare_server(self, rows: Sequence[RenderedRow]) -> None:
        from swiftkit.preflight.parity.served import Prompts, compare_prompts  # aiohttp with it

        options = self.options
        prompts = Prompts(self._tokenizer, self._others, self._tally)
        compare_prompts(prompts, rows, options.base_url, options.key, options.served_model)

    def _turns(self, rows: Iterable[RenderedRow]) -> TurnTally:
        turns = TurnTally(self.options.allow)
        encoder = self._tokenizer.encoder() if self._tokenizer else None
        for row in rows:
            if row.rendered is None:
                turns.add("refused", row.place, row.refusal)
                continue
            statuses = {turn.message: status_of(turn) for turn in row.wanted_turns()}
            ok = [turn for turn in row.wanted_turns() if statuses[turn.message][0] == "ok"]
            if encoder and len(ok) > 1:
                for turn in encode_conversation(row.rendered, ok, encoder).seams:
                    why = "the next prompt has other tokens for it"
                    statuses[turn.message] = "token_seam", why
            for status, why in statuses.values():
                turns.add(status, row.place, why)
        return turns
