"""Audit a reward: `swiftkit audit REWARD.py[:NAME] --data rows.jsonl`.

The reward is loaded once, in a process of its own; all that it is asked has a time of its own, so
that an audit ends within a minute whatever the reward does.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import msgspec

from swiftkit.errors import EndpointError, UsageError
from swiftkit.evals.audit import probes
from swiftkit.evals.audit.payment import Payment, find_form, look_at_gold, pay
from swiftkit.evals.audit.report import AuditReport, ClassVerdict, Fault, Numbers
from swiftkit.evals.audit.reward_process import Item, RewardProcess, WorkerError
from swiftkit.evals.audit.targets import AuditData, gold_column, make_data, read_rows
from swiftkit.evals.audit.verdicts import judge
from swiftkit.evals.completions import read_completions
from swiftkit.recipe.arguments import arguments_of

OURS = Path(__file__).parents[2] / "swift_plugins" / "tool_call_reward.py"
OUR_NAMES = (
    "tool_call", "tool_call_exact", "tool_call_format", "tool_call_schema", "tool_chain",
    "tool_call_success",
)  # fmt: skip
_SECONDS, _LEAST_SECONDS = 50.0, 18.0  # with and without loading the reward; of it at most:
_SHARES = {"forms": 0.15, "attacks": 0.3, "batches": 0.1, "mutations": 0.25, "growth": 0.15}
_UNTRIED = 0.95  # of the attacks (those of 30 of 32 rows), beyond which nothing can be said
_BATCH = 32  # completions whose order and company is changed
_QUICK_SECONDS = 6.0  # of loading: a reward that takes longer is not loaded twice


class AuditOptions(NamedTuple):
    """reward: FILE.py, FILE.py:NAME, or a name that ms-swift or swiftkit registers.

    settings: what the reward finds in its `args`, over ms-swift's defaults. auxiliary: the reward
    is meant to look at the form or the length of an answer alone. variables: of its environment,
    beside ours.
    """

    reward: str
    data: Path
    tools: Path | None = None
    gold: str = ""
    completions: Path | None = None
    settings: Mapping[str, Any] = {}
    variables: Mapping[str, str] = {}
    auxiliary: bool = False
    seed: int = 0
    mutated: int = 10_000


class CannotAuditError(EndpointError):
    """The reward cannot be loaded or asked: exit status 4."""


def audit(options: AuditOptions) -> AuditReport:
    """Return what is wrong with a reward. Raises UsageError, DataError, CannotAuditError."""
    begin = time.monotonic()
    file, name = split_reward(options.reward)
    rows = read_rows(options.data, options.tools)
    settings = {argument.name: argument.default for argument in arguments_of("rlhf").values()}
    settings |= options.settings
    if settings.get("cosine_max_len") is None:  # as ms-swift does (rlhf_args.py)
        settings["cosine_max_len"] = settings.get("max_completion_length")
    try:
        process = RewardProcess(file, name, settings, options.variables)
    except WorkerError as error:
        reason = str(error)
        if reason.startswith("LookupError: "):
            raise UsageError(reason.removeprefix("LookupError: ")) from error
        raise CannotAuditError(f"{options.reward} cannot be loaded: {reason}") from error
    try:
        column = gold_column(rows, options.gold, process.hello["needs"] + process.hello["reads"])
        data = make_data(rows, column, options.seed)
        process.give_rows(data.rows)
        process.warm_up(Item(0, data.targets[0].prompt))
        report = _examine(options, process, data, rows)
    except WorkerError as error:
        raise CannotAuditError(f"{options.reward}: its process is lost: {error}") from error
    finally:
        process.close()
    return msgspec.structs.replace(report, seconds=round(time.monotonic() - begin, 2))


def split_reward(reward: str) -> tuple[str, str]:
    """Return the file ("" without one) and the name of the reward ("" for the only one)."""
    file, colon, name = reward.rpartition(":")
    if not colon or not file.endswith(".py"):
        file, name = (reward, "") if reward.endswith(".py") else ("", reward)
    if file and not Path(file).is_file():
        raise UsageError(f"there is no file {file}; give FILE.py, FILE.py:NAME or a reward's name")
    if name in OUR_NAMES and not file:
        file = str(OURS)
    return file, name


def _examine(
    options: AuditOptions, process: RewardProcess, data: AuditData, rows: list[dict[str, Any]]
) -> AuditReport:
    left = max(_SECONDS - process.load_seconds, _LEAST_SECONDS)
    seconds = {phase: left * share for phase, share in _SHARES.items()}
    texts: list[str] = process.hello["texts"]
    faults = probes.look_at_columns(process.hello, data.rows)
    form, others, data, items, results = find_form(
        process, data, rows, seconds["forms"], options.seed
    )
    if form is None:
        faults += probes.look_at_observations(process) + probes.look_at_values(items, results)
        if not any(fault.level == "flaw" for fault in faults):
            raise CannotAuditError(f"{options.reward}: no call came to an end in time")
        return _report(options, data, "", [], [], faults, Numbers())
    payment = pay(process, data.targets, form, others, seconds["attacks"])
    about_gold = look_at_gold(payment, options.auxiliary)
    ignores = any(fault.name == "ignores_answer" for fault in about_gold)
    verdicts = [] if ignores else judge(payment.rows)
    faults += about_gold
    if payment.untried:
        share = f"{payment.untried:,} of {len(payment.items):,} attacks"
        detail = f"{share}: the time was up, or others of their class hung"
        is_little = payment.untried > _UNTRIED * len(payment.items)
        faults.append(Fault("not_tried", "flaw" if is_little else "note", detail))
    ordinary = payment.ordinary
    batch = ordinary[:: max(1, len(ordinary) // _BATCH)][:_BATCH]
    faults += probes.look_at_batches(process, batch, seconds["batches"])
    if process.load_seconds < _QUICK_SECONDS:
        faults += probes.compare_processes(process, data.rows, batch)
    bases = payment.golds + ordinary
    mutated, outcomes = probes.mutate(
        process, bases, texts, options.mutated, options.seed, seconds["mutations"]
    )
    faults += probes.look_at_growth(process, payment.golds[0], texts, seconds["growth"])
    results = payment.results + outcomes
    faults += probes.look_at_values(payment.items + mutated, results)
    faults += probes.look_at_observations(process)
    groups = probes.groups_of(_pools(options, process, data, payment), options.seed)
    if not ignores:
        faults += probes.look_at_ties(*groups)
    numbers = probes.numbers_of(outcomes, results, groups)
    golds = [paid.gold for paid in payment.rows.values()]
    return _report(options, data, form.name, golds, verdicts, faults, numbers)


def _report(
    options: AuditOptions, data: AuditData, form: str, golds: Sequence[float],
    verdicts: list[ClassVerdict], faults: Sequence[Fault], numbers: Numbers,
) -> AuditReport:  # fmt: skip
    distinct = {(fault.name, fault.detail): fault for fault in faults}
    flaws_first = sorted(distinct.values(), key=lambda fault: fault.level)
    return AuditReport(
        options.reward, str(options.data), data.column, form, len(data.targets), data.total,
        fmean(golds) if golds else 0.0, verdicts, flaws_first, numbers, 0.0,
    )  # fmt: skip


def _pools(
    options: AuditOptions, process: RewardProcess, data: AuditData, payment: Payment
) -> dict[int, list[float]]:
    """Return by row the rewards of recorded completions, or of mutated gold. Raises UsageError."""
    if options.completions is None:
        return payment.pools
    by_id = {str(row.get("id")): index for index, row in enumerate(data.rows)}
    items = [
        Item(by_id[line.id], line.response.text)
        for line in read_completions(options.completions)
        if line.id in by_id
    ]
    if not items:
        fix = "give lines with the ids of the data's rows"
        raise UsageError(f"{options.completions}: no completion of an audited row ({fix})")
    pools: defaultdict[int, list[float]] = defaultdict(list)
    for item, result in zip(items, process.evaluate(items, _LEAST_SECONDS / 4), strict=True):
        if result.number is not None:
            pools[item.row].append(result.number)
    return pools
