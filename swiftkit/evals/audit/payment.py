"""Let the reward pay the gold and the attacks on it."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import Any, NamedTuple

from swiftkit.evals.audit.attacks import Attack, attacks_on
from swiftkit.evals.audit.forms import Form, forms_for, written
from swiftkit.evals.audit.report import Fault, shown
from swiftkit.evals.audit.reward_process import Item, Result, RewardProcess
from swiftkit.evals.audit.targets import AuditData, Target, make_data, parts_of
from swiftkit.evals.audit.verdicts import RowRewards

_TRIED_ROWS = 6  # with which the forms are tried
_RISKY = ("fragments", "huge", "nesting")  # tried last: these are what rewards hang at
_BY_FORM = ("reasoning_only", "every_answer", "format_only", "fragments")
_MARKUP = ("<answer>", "\\boxed", "$\\boxed")  # forms that are tried first among equals
_OTHERS = 2
_ORDINARY = 2000  # characters of a completion that is no attack by its length
_IGNORED, _NO_GAIN = 0.5, 0.05  # of the rows; of the range: a longer text may be paid otherwise
_PARTS = 3  # gold, empty and wrong answer of each row come before the attacks


class Calibration(NamedTuple):
    """The form in which the gold is paid best (None: there is no number for any), others that are
    paid as well, the data with the part of the gold that it is, and what was tried."""

    form: Form | None
    others: list[Form]
    data: AuditData
    items: list[Item]
    results: list[Result]


class Payment(NamedTuple):
    """What was paid: by row, and for each completion as it came."""

    rows: dict[int, RowRewards]
    kinds: dict[int, str]
    untried: int  # attacks for which there was no time
    golds: list[Item]
    items: list[Item]
    results: list[Result]

    @property
    def ordinary(self) -> list[Item]:
        """The completions of usual length for which there is a reward."""
        pairs = zip(self.items, self.results, strict=True)
        return [item for item, result in pairs if len(item.text) < _ORDINARY and not result.fault]

    @property
    def pools(self) -> dict[int, list[float]]:
        """By row, rewards of answers as a model may sample them: a third of them right."""
        pools = {}
        for row, paid in self.rows.items():
            wrong = [reward for attack, reward in paid.attacks if attack.bound == "below"]
            pools[row] = [*wrong, paid.wrong, *[paid.gold] * max(1, len(wrong) // 3)]
        return pools


def find_form(
    process: RewardProcess, data: AuditData, rows: list[dict[str, Any]], seconds: float, seed: int
) -> Calibration:
    """Try all forms with a few rows."""
    texts: list[str] = process.hello["texts"]
    tried: list[tuple[Form, AuditData]] = []
    items, owners = [], []
    for part in ["", *parts_of(data)]:
        variant = make_data(rows, data.column, seed, part) if part else data
        step = max(1, len(variant.targets) // _TRIED_ROWS)
        for form in forms_for(variant.targets[0], texts):
            for target in variant.targets[::step][:_TRIED_ROWS]:
                text = written(form, target.gold)
                if text is not None:
                    items.append(Item(target.row, text))
                    owners.append(len(tried))
            tried.append((form, variant))
    results = process.evaluate(items, seconds, size=_TRIED_ROWS)
    paid: defaultdict[int, list[float]] = defaultdict(list)
    for owner, result in zip(owners, results, strict=True):
        if result.number is not None:
            paid[owner].append(result.number)
    if not paid:
        return Calibration(None, [], data, items, results)
    means = {owner: round(fmean(rewards), 9) for owner, rewards in sorted(paid.items())}
    best = max(means, key=lambda owner: means[owner])  # the first of equals
    form, variant = tried[best]
    equals = [owner for owner in means if means[owner] == means[best] and owner != best]
    others = [tried[owner][0] for owner in equals if tried[owner][1] is variant]
    others.sort(key=lambda other: not other.name.startswith(_MARKUP))
    return Calibration(form, others[:_OTHERS], variant, items, results)


def pay(
    process: RewardProcess,
    targets: Sequence[Target],
    form: Form,
    others: Sequence[Form],
    seconds: float,
) -> Payment:
    """Return what each row's gold and the attacks on it are paid.

    others: forms that are as good; what is hidden or joined in them is tried too.
    """
    golds = [Item(target.row, written(form, target.gold) or "") for target in targets]
    items = [*golds, *[Item(target.row, "") for target in targets]]
    items += [Item(target.row, written(form, target.wrong) or "") for target in targets]
    attacks: list[tuple[int, Attack]] = []
    for target in targets:
        found = attacks_on(target, form, process.hello["texts"])
        for other in others:
            more = attacks_on(target, other, [])
            found += [attack for attack in more if attack.class_name in _BY_FORM]
        attacks += [(target.row, attack) for attack in found]
    # A few rows with all classes first, should the time not do for all of them.
    attacks.sort(key=lambda pair: (pair[1].class_name in _RISKY, pair[0]))
    items += [Item(row, attack.text) for row, attack in attacks]
    kinds = ["gold"] * len(targets) * _PARTS + [attack.class_name for _, attack in attacks]
    results = process.evaluate(items, seconds, kinds=kinds)
    paid: defaultdict[int, list[tuple[Attack, float]]] = defaultdict(list)
    for (row, attack), result in zip(attacks, results[len(targets) * _PARTS :], strict=True):
        if result.number is not None:
            paid[row].append((attack, result.number))
    rows = {}
    for number, target in enumerate(targets):
        gold, empty, wrong = (results[number + k * len(targets)].number for k in range(_PARTS))
        if gold is not None and wrong is not None:
            silent = wrong if empty is None else empty
            rows[target.row] = RowRewards(gold, silent, wrong, paid[target.row])
    untried = sum(result.fault == "untried" for result in results)
    row_kinds = {target.row: target.kind for target in targets}
    return Payment(rows, row_kinds, untried, golds, items, results)


def look_at_gold(payment: Payment, is_auxiliary: bool) -> list[Fault]:
    """Return `ignores_answer` where wrong answers mostly earn as much as the gold,
    `gold_is_not_best` where that is so in some rows."""
    unpaid = []
    for row, paid in payment.rows.items():
        # where no call is wanted, no text at all is right
        silent = paid.wrong if payment.kinds[row] == "silence" else paid.empty
        if paid.gold <= max(paid.wrong, silent):
            unpaid.append(row)
    total = len(payment.rows)
    judged = [paid for row, paid in payment.rows.items() if payment.kinds[row] != "silence"]
    as_much = sum(paid.gold <= paid.wrong for paid in judged)
    if as_much > _IGNORED * len(judged) and _gain(judged) < _NO_GAIN:
        detail = f"the answer of another row earns as much as the gold in {as_much} of {total} rows"
        return [Fault("ignores_answer", "note" if is_auxiliary else "flaw", detail, total)]
    if not unpaid:
        return []
    first = next(item for item in payment.golds if item.row == unpaid[0])
    detail = f"in {len(unpaid)} of {total} rows the gold earns no more than a wrong or empty answer"
    return [Fault("gold_is_not_best", "flaw", detail, len(unpaid), shown(first.text))]


def _gain(rows: Sequence[RowRewards]) -> float:
    """Return what the gold is paid more than a wrong answer, as a share of all that is paid."""
    rewards = [reward for paid in rows for _, reward in paid.attacks]
    reach = max(rewards, default=0.0) - min(rewards, default=0.0)
    gain = fmean(paid.gold - paid.wrong for paid in rows)
    return gain / reach if reach > 0 else gain
