"""Audit a reward: `swiftkit audit REWARD.py[:NAME] --data rows.jsonl`.

The reward is loaded once, in a process of its own; all that it is asked has a time of its own, so
that an audit ends within a minute whatever the reward does.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import msgspec

from swiftkit.errors import EndpointError, UsageError
from swiftkit.evals.audit import probes
from swiftkit.evals.audit.attacks import CLASSES, Attack, attacks_on
from swiftkit.evals.audit.forms import Form, forms_for, written
from swiftkit.evals.audit.judge import ClassVerdict, RowRewards, judge
from swiftkit.evals.audit.probes import Fault, Numbers
from swiftkit.evals.audit.reward_process import Item, RewardProcess, WorkerError
from swiftkit.evals.audit.targets import (
    AuditData,
    Target,
    gold_column,
    make_data,
    parts_of,
    read_rows,
)
from swiftkit.evals.completions import read_completions
from swiftkit.recipe.arguments import arguments_of

OURS = Path(__file__).parents[2] / "swift_plugins" / "tool_call_reward.py"
OUR_NAMES = (
    "tool_call", "tool_call_exact", "tool_call_format", "tool_call_schema", "tool_chain",
    "tool_call_success",
)  # fmt: skip
_SECONDS, _LEAST_SECONDS = 50.0, 20.0  # with and without loading the reward; of it at most:
_SHARES = {"forms": 0.15, "attacks": 0.3, "batches": 0.1, "mutations": 0.25, "growth": 0.15}
_RISKY = ("fragments", "huge", "nesting")  # tried last: these are what rewards hang at
_ORDER = [*(name for name in CLASSES if name not in _RISKY), *_RISKY]
_ORDINARY = 2000  # characters of a completion for the comparison of batches, and for mutations
_TRIED_ROWS = 6  # with which the forms are tried


class AuditOptions(NamedTuple):
    """reward: FILE.py, FILE.py:NAME, or a name that ms-swift or swiftkit registers.

    auxiliary: the reward is meant not to look at the answer, only at its form or length.
    settings: what the reward finds in `args`, over ms-swift's defaults.
    """

    reward: str
    data: Path
    tools: Path | None = None
    gold: str = ""
    completions: Path | None = None
    settings: dict[str, Any] = {}
    auxiliary: bool = False
    seed: int = 0
    mutated: int = 10_000


class AuditReport(msgspec.Struct, frozen=True):
    """rows: audited, of `total` in the file. form: how the gold is written, "" where the reward
    gives no number for it; gold_mean: what it is paid then."""

    reward: str
    data: str
    gold_column: str
    form: str
    rows: int
    total: int
    gold_mean: float
    classes: list[ClassVerdict]
    faults: list[Fault]
    numbers: Numbers
    seconds: float

    @property
    def flaws(self) -> list[str]:
        """The names of what is wrong: classes of attacks and faults."""
        names = [verdict.name for verdict in self.classes if verdict.verdict == "flaw"]
        return names + [fault.name for fault in self.faults if fault.level == "flaw"]

    @property
    def exit_status(self) -> int:
        return int(bool(self.flaws))


class CannotAuditError(EndpointError):
    """The reward cannot be loaded or called: exit status 4."""


def audit(options: AuditOptions) -> AuditReport:
    """Return what is wrong with a reward. Raises UsageError, DataError, CannotAuditError."""
    begin = time.monotonic()
    file, name = split_reward(options.reward)
    rows = read_rows(options.data, options.tools)
    settings = default_settings() | options.settings
    try:
        process = RewardProcess(file, name, settings, rows=[])
    except WorkerError as error:
        if str(error).startswith("LookupError: "):
            raise UsageError(str(error).removeprefix("LookupError: ")) from error
        raise CannotAuditError(f"{options.reward} cannot be loaded: {error}") from error
    try:
        column = gold_column(rows, options.gold, process.hello["needs"] + process.hello["reads"])
        data = make_data(rows, column, options.seed)
        process.give_rows(data.rows)
        return _Audit(options, process, data, rows, begin).run(file, name, settings)
    except WorkerError as error:
        raise CannotAuditError(f"{options.reward}: its process is lost: {error}") from error
    finally:
        process.close()


def split_reward(reward: str) -> tuple[str, str]:
    """Return the file ("" without one) and the name of the reward."""
    file, colon, name = reward.rpartition(":")
    if not colon or not file.endswith(".py"):
        file, name = (reward, "") if reward.endswith(".py") else ("", reward)
    if file and not Path(file).is_file():
        raise UsageError(f"there is no file {file}; give FILE.py, FILE.py:NAME or a reward's name")
    if name in OUR_NAMES and not file:
        file = str(OURS)
    return file, name


def default_settings() -> dict[str, Any]:
    """Return ms-swift's own defaults for `swift rlhf`, which a reward finds in its `args`."""
    return {argument.name: argument.default for argument in arguments_of("rlhf").values()}


class _Audit:
    """One audit under way."""

    def __init__(
        self, options: AuditOptions, process: RewardProcess, data: AuditData,
        rows: Sequence[dict[str, Any]], begin: float,
    ) -> None:  # fmt: skip
        self.options, self.process, self.data, self.rows = options, process, data, rows
        self.begin = begin
        self.texts: list[str] = process.hello["texts"]
        self.faults: list[Fault] = []

    def run(self, file: str, name: str, settings: dict[str, Any]) -> AuditReport:
        self.faults += probes.look_at_columns(self.process.hello, self.data.rows)
        form = self._find_form()
        if form is None:
            return self._report("", [], [], Numbers())
        golds = [Item(target.row, written(form, target.gold) or "") for target in self.data.targets]
        verdicts, items, results, rows, pools = self._attack(form, golds)
        ordinary = [
            item
            for item, result in zip(items, results, strict=True)
            if len(item.text) < _ORDINARY and not result.fault
        ]
        batch = ordinary[:: max(1, len(ordinary) // 32)][:32]
        self.faults += probes.look_at_batches(self.process, batch, self._seconds("batches"))
        self._ask_another_process(file, name, settings, batch)
        seconds = self._seconds("mutations")
        bases = golds + ordinary
        count, seed = self.options.mutated, self.options.seed
        mutated, outcomes = probes.mutate(self.process, bases, self.texts, count, seed, seconds)
        core = golds[0].text
        seconds = self._seconds("growth")
        self.faults += probes.look_at_growth(
            self.process, golds[0].row, core, self.texts, seconds
        )
        self.faults += probes.look_at_values(items + mutated, results + outcomes)
        self.faults += probes.look_at_observations(self.process)
        groups = self._groups(pools)
        if not any(fault.name == "ignores_answer" for fault in self.faults):
            self.faults += probes.look_at_ties(*groups)
        tried = [result for result in outcomes if result.fault != "untried"]
        numbers = probes.numbers_of(tried, results + outcomes, groups, len(tried))
        return self._report(form.name, rows, verdicts, numbers)

    def _report(
        self, form: str, golds: Sequence[float], verdicts: list[ClassVerdict], numbers: Numbers
    ) -> AuditReport:
        mean = fmean(golds) if golds else 0.0
        seconds = round(time.monotonic() - self.begin, 2)
        return AuditReport(
            self.options.reward, str(self.options.data), self.data.column, form,
            len(self.data.targets), self.data.total, mean, verdicts, _distinct(self.faults),
            numbers, seconds,
        )  # fmt: skip

    def _find_form(self) -> Form | None:
        """Return the form in which the gold is paid best; the data's gold may become a part of it."""
        best: tuple[float, Form, str] | None = None
        parts = ["", *parts_of(self.data)]
        tried = []
        for part in parts:
            data = self.data
            if part:
                data = make_data(list(self.rows), self.data.column, self.options.seed, part)
            for form in forms_for(data.targets[0], self.texts):
                tried.append((part, form, data.targets[:: max(1, len(data.targets) // _TRIED_ROWS)]))
        items, owners = [], []
        for number, (_, form, targets) in enumerate(tried):
            for target in targets[:_TRIED_ROWS]:
                text = written(form, target.gold)
                if text is not None:
                    items.append(Item(target.row, text))
                    owners.append(number)
        results = self.process.evaluate(items, self._seconds("forms"), size=_TRIED_ROWS)
        paid: defaultdict[int, list[float]] = defaultdict(list)
        for owner, result in zip(owners, results, strict=True):
            if result.number is not None:
                paid[owner].append(result.number)
        for number, rewards in sorted(paid.items()):
            if best is None or fmean(rewards) > best[0] + 1e-9:
                best = (fmean(rewards), tried[number][1], tried[number][0])
        if best is None:
            self.faults += probes.look_at_observations(self.process)
            self.faults += probes.look_at_values(items, results)
            if not any(fault.level == "flaw" for fault in self.faults):
                reason = "no call came to an end"
                raise CannotAuditError(f"{self.options.reward} cannot be called: {reason}")
            return None
        if best[2]:
            self.data = make_data(
                list(self.rows), self.data.column, self.options.seed, best[2]
            )
        return best[1]

    def _attack(self, form: Form, golds: Sequence[Item]) -> Any:
        """Pay the gold and all attacks; return the verdicts and what was paid."""
        targets = self.data.targets
        items = list(golds)
        items += [Item(target.row, "") for target in targets]
        items += [Item(target.row, written(form, target.wrong) or "") for target in targets]
        attacks = [
            (target.row, attack)
            for target in targets
            for attack in attacks_on(target, form, self.texts)
        ]
        # By class: one that hangs it takes only itself from the other rows, and what comes after.
        attacks.sort(key=lambda pair: _ORDER.index(pair[1].class_name))
        items += [Item(row, attack.text) for row, attack in attacks]
        kinds = ["gold"] * 3 * len(targets) + [attack.class_name for _, attack in attacks]
        results = self.process.evaluate(items, self._seconds("attacks"), kinds=kinds)
        paid_in: defaultdict[int, list[tuple[Attack, float]]] = defaultdict(list)
        for (row, attack), result in zip(attacks, results[3 * len(targets) :], strict=True):
            if result.number is not None:
                paid_in[row].append((attack, result.number))
        rows: dict[int, RowRewards] = {}
        pools: dict[int, list[float]] = {}
        for number, target in enumerate(targets):
            gold, empty, wrong = (
                results[number + block * len(targets)].number for block in range(3)
            )
            if gold is None or wrong is None:
                continue
            paid = paid_in[target.row]
            rows[target.row] = RowRewards(gold, wrong if empty is None else empty, wrong, paid)
            sampled = [reward for attack, reward in paid if attack.bound == "below"]
            pools[target.row] = [*sampled, *[gold] * max(1, len(sampled) // 3), wrong]
        unpaid = []
        for row, paid in rows.items():
            silent = paid.wrong if self._kind(row) == "silence" else paid.empty
            if paid.gold <= max(paid.wrong, silent):
                unpaid.append(row)
        ignores = bool(rows) and all(
            paid.gold == paid.wrong for row, paid in rows.items() if self._kind(row) != "silence"
        )
        verdicts: list[ClassVerdict] = []
        if ignores:
            level = "note" if self.options.auxiliary else "flaw"
            detail = "the answer of another row earns as much as the gold in every row"
            self.faults.append(Fault("ignores_answer", level, detail, len(rows)))
        else:
            verdicts = judge(rows)
            if unpaid:
                first = next(item for item in golds if item.row == unpaid[0])
                detail = f"in {len(unpaid)} of {len(rows)} rows the gold earns no more than wrong"
                self.faults.append(
                    Fault("gold_is_not_best", "flaw", detail, len(unpaid), first.text)
                )
        return verdicts, items, results, [paid.gold for paid in rows.values()], pools

    def _seconds(self, phase: str) -> float:
        left = max(_SECONDS - self.process.load_seconds, _LEAST_SECONDS)
        return left * _SHARES[phase]

    def _kind(self, row: int) -> str:
        return self.data.targets[row].kind

    def _ask_another_process(
        self, file: str, name: str, settings: dict[str, Any], batch: Sequence[Item]
    ) -> None:
        """Compare with a process whose texts hash otherwise, where loading it is cheap."""
        if self.process.load_seconds > 6:
            return
        other = RewardProcess(file, name, settings, self.data.rows, hash_seed="1")
        try:
            here = self.process.evaluate(batch, 4, size=len(batch))
            there = other.evaluate(batch, 4, size=len(batch))
        finally:
            other.close()
        if not any(fault.name == "not_deterministic" for fault in self.faults):
            self.faults += probes.compare_processes(batch, here, there)

    def _groups(self, pools: dict[int, list[float]]) -> tuple[int, int]:
        """Return the groups and the tied ones: of recorded completions, or of mutated gold."""
        if self.options.completions is None:
            return probes.groups_of(pools, self.options.seed)
        lines = read_completions(self.options.completions)
        by_id = {str(row.get("id")): index for index, row in enumerate(self.data.rows)}
        items = [
            Item(by_id[line.id], line.response.text) for line in lines if line.id in by_id
        ]
        if not items:
            fix = "give ids that the rows have"
            raise UsageError(f"{self.options.completions}: no completion of an audited row ({fix})")
        recorded: defaultdict[int, list[float]] = defaultdict(list)
        for item, result in zip(items, self.process.evaluate(items, 5), strict=True):
            if result.number is not None:
                recorded[item.row].append(result.number)
        return probes.groups_of(recorded, self.options.seed)


def _distinct(faults: Sequence[Fault]) -> list[Fault]:
    """Return each fault once, flaws first."""
    distinct = {(fault.name, fault.detail): fault for fault in faults}
    return sorted(distinct.values(), key=lambda fault: fault.level)


__all__ = ["AuditOptions", "AuditReport", "CannotAuditError", "Target", "audit"]
