"""The verdict on each class of attacks: what they were paid, against the gold of their row."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from swiftkit.evals.audit.attacks import CLASSES, Attack
from swiftkit.evals.audit.report import ClassVerdict, shown

_TOLERANCE = 0.001  # of what lies between the worst answer and the gold
_GAIN = 0.1  # of it that an answer without content may be paid by chance
_FORM = 0.5  # of it that the form alone may be paid
_SHARES = {"prompt_echo": 0.5}  # of the rows that a flaw shows in; else one is enough


class RowRewards(NamedTuple):
    """What was paid in one row; None where there is no number."""

    gold: float
    empty: float
    wrong: float
    attacks: Sequence[tuple[Attack, float]]


_WHY = {
    "below": "as much as the gold for what is not the gold",
    "nothing": "more than an empty or a wrong answer, for saying nothing",
    "form": "more than half of the gold's reward without an answer",
    "no_gain": "more for a wrong answer that is adorned",
    "not_above": "more than the gold",
    "same": "less than the gold for the same answer",
}


def judge(rows: Mapping[int, RowRewards]) -> list[ClassVerdict]:
    """Return a verdict on each class."""
    tried: defaultdict[str, int] = defaultdict(int)
    seen_in: defaultdict[str, set[int]] = defaultdict(set)
    worst: dict[str, tuple[float, Attack, float, float, str]] = {}
    highest: dict[str, tuple[tuple[bool, float], float]] = {}
    flawed: defaultdict[str, set[int]] = defaultdict(set)
    for row, paid in rows.items():
        floor = min([paid.empty, paid.wrong, *(reward for _, reward in paid.attacks)])
        reach = paid.gold - floor
        if paid.gold <= paid.wrong or reach <= 0:
            continue  # the gold itself is the flaw there
        for attack, reward in paid.attacks:
            name = attack.class_name
            tried[name] += 1
            seen_in[name].add(row)
            above = reward - paid.gold
            is_wrong = attack.bound not in ("not_above", "same")
            if name not in highest or (is_wrong, above) > highest[name][0]:
                highest[name] = ((is_wrong, above), paid.gold)
            excess, why = _excess(attack, reward, paid, floor, reach)
            if excess > 0:
                flawed[name].add(row)
                if name not in worst or excess / reach > worst[name][0]:
                    worst[name] = (excess / reach, attack, reward, paid.gold, why)
    verdicts = []
    for name, what in CLASSES.items():
        if not tried[name]:
            verdicts.append(ClassVerdict(name, what, 0, "not tried"))
            continue
        share = len(flawed[name]) / len(seen_in[name])
        if flawed[name] and share > _SHARES.get(name, 0.0):
            _, attack, reward, gold, why = worst[name]
            verdicts.append(
                ClassVerdict(
                    name,
                    what,
                    tried[name],
                    "flaw",
                    len(flawed[name]),
                    reward,
                    gold,
                    why,
                    shown(attack.text),
                )
            )
        else:
            (_, above), gold = highest[name]
            verdicts.append(ClassVerdict(name, what, tried[name], "sound", 0, gold + above, gold))
    return verdicts


def _excess(
    attack: Attack, reward: float, paid: RowRewards, floor: float, reach: float
) -> tuple[float, str]:
    """Return by how much a reward breaks the attack's bound (not above 0: it keeps it), and why."""
    tolerance = _TOLERANCE * reach
    if reward > paid.gold + tolerance:
        return reward - paid.gold + reach, _WHY["not_above"]
    match attack.bound:
        case "below":
            excess = reward - paid.gold + 2 * tolerance
        case "nothing":
            excess = reward - max(paid.empty, paid.wrong) - _GAIN * reach
        case "form":
            excess = reward - floor - _FORM * reach - tolerance
            if attack.text and reward <= paid.empty + _GAIN * reach:
                excess = 0.0
        case "no_gain":
            excess = reward - paid.wrong - _GAIN * reach
        case "not_above":
            excess = 0.0
        case "same":
            excess = paid.gold - reward - tolerance
    return excess, _WHY[attack.bound]
