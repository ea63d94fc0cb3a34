"""What is looked for beside the attacks: faults of a reward that any completion may show."""

import math
import random
import statistics
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from swiftkit.evals.audit.mutations import SIZES, growing, mutations
from swiftkit.evals.audit.report import Fault, Numbers, shown
from swiftkit.evals.audit.reward_process import Item, Result, RewardProcess

GROUP = 8  # completions of a question, as in the recipes
_SAME = 1e-6
_BATCH_SECONDS = 4.0
_SLOW_SECONDS, _SLOW_GROWTH = 0.5, 6.0  # for four times the length: more than linear
LONG_ANSWER = 16_000  # characters that a model does write
_TIED = 0.95  # of the groups, of which no sampled one has a gradient
_GIVEN = (
    "completions", "trainer_state", "messages", "prompt_id", "request_id", "finish_reason",
    "is_truncated", "rollout_infos", "response_token_ids", "trajectory_inputs",
)  # fmt: skip


def look_at_columns(hello: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """Return the columns that the reward wants and does not get, and those that it cannot take."""
    given = {name for row in rows for name in row} | set(_GIVEN)
    missing = [name for name in [*hello["needs"], *hello["reads"]] if name not in given]
    faults = []
    for name in dict.fromkeys(missing):
        detail = f"it needs a column {name}, which the data lacks"
        faults.append(Fault("missing_column", "flaw", detail))
    for name in hello["asks"] + hello["takes"]:
        if name not in given and name not in missing:
            detail = f"it asks for a column {name}, which the data lacks: it gets its default"
            faults.append(Fault("absent_column", "note", detail))
    if not hello["takes_all"]:
        unknown = sorted(given - {*hello["needs"], *hello["takes"], "completions"})[:3]
        detail = f"no **kwargs: ms-swift also gives {', '.join(unknown)}, ..., which raises"
        faults.append(Fault("no_kwargs", "flaw", detail))
    return faults


def look_at_batches(process: RewardProcess, items: Sequence[Item], seconds: float) -> list[Fault]:
    """Call it with a batch twice, backwards, in halves and one by one, and compare the rewards."""
    batch = list(items)
    half = len(batch) // 2
    runs = [batch, batch, batch[::-1], batch[:half], batch[half:], *[[item] for item in batch]]
    results = process.batches(runs, seconds)
    if len(results) < len(runs) or any(result.fault for run in results for result in run):
        return []  # what raises or hangs is told apart
    first, again, turned, left, right, *alone = results
    faults = []
    different = _different(first, again)
    if different is not None:
        faults.append(
            _unequal("not_deterministic", "the same batch twice", batch, first, again, different)
        )
        return faults  # and nothing else can be compared
    for what, others in (
        ("a batch in another order", turned[::-1]),
        ("half of the batch", left + right),
        ("a batch of its own", [run[0] for run in alone]),
    ):
        different = _different(first, others)
        if different is not None:
            faults.append(_unequal("depends_on_batch", what, batch, first, others, different))
            break
    return faults


def compare_processes(
    process: RewardProcess, rows: Sequence[Mapping[str, Any]], batch: Sequence[Item]
) -> list[Fault]:
    """Compare with another process, whose texts hash otherwise, as another rank's may."""
    here = process.evaluate(batch, _BATCH_SECONDS, size=len(batch))
    other = process.another(rows, hash_seed="1")
    try:
        there = other.evaluate(batch, _BATCH_SECONDS, size=len(batch))
    finally:
        other.close()
    if any(result.fault for result in [*here, *there]):
        return []
    different = _different(here, there)
    if different is None:
        return []
    return [_unequal("not_deterministic", "in another process", batch, here, there, different)]


def _different(some: Sequence[Result], others: Sequence[Result]) -> int | None:
    for index, (one, other) in enumerate(zip(some, others, strict=True)):
        a, b = one.number, other.number
        if a is not None and b is not None:
            if not math.isclose(a, b, rel_tol=_SAME, abs_tol=_SAME):
                return index
        elif one.value != other.value:
            return index
    return None


def _unequal(
    name: str, what: str, items: Sequence[Item], some: Sequence[Result],
    others: Sequence[Result], index: int,
) -> Fault:  # fmt: skip
    detail = f"{what}: {_value(some[index].value)} and {_value(others[index].value)}"
    return Fault(name, "flaw", detail, 1, shown(items[index].text))


def _value(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def mutate(
    process: RewardProcess, bases: Sequence[Item], texts: Sequence[str], count: int, seed: int,
    seconds: float,
) -> tuple[list[Item], list[Result]]:  # fmt: skip
    """Give it `count` mutated completions, as far as the time goes."""
    drawn = islice(mutations([(base.row, base.text) for base in bases], texts, seed), count)
    items = [Item(row, text) for row, text in drawn]
    random.Random(seed).shuffle(items)  # noqa: S311 - what is not reached in time is of all kinds
    return items, process.evaluate(items, seconds)


def look_at_values(items: Sequence[Item], results: Sequence[Result]) -> list[Fault]:
    """Return the values that are no finite numbers, and rows with both numbers and None."""
    seen: dict[str, tuple[int, str]] = {}
    numbers: set[int] = set()
    nones: dict[int, str] = {}
    for item, result in zip(items, results, strict=True):
        if result.fault:
            continue
        if isinstance(result.value, str):
            name = "wrong_type" if result.value.startswith("type:") else "not_finite"
            count, example = seen.get(name, (0, item.text))
            seen[name] = (count + 1, example)
        elif result.value is None:
            nones.setdefault(item.row, item.text)
        else:
            numbers.add(item.row)
    details = {
        "wrong_type": "a value that is no number, which raises in ms-swift",
        "not_finite": "nan or inf, which spoils the advantages of its whole group",
    }
    faults = [
        Fault(name, "flaw", details[name], count, shown(example))
        for name, (count, example) in seen.items()
    ]
    mixed = [row for row in nones if row in numbers]
    if mixed:
        detail = "None for some answers to a question and numbers for others: None counts as absent"
        faults.append(Fault("none_for_some", "flaw", detail, len(mixed), shown(nones[mixed[0]])))
    elif nones and not numbers:
        faults.append(Fault("only_none", "flaw", "None for every completion", len(nones)))
    return faults


def look_at_growth(
    process: RewardProcess, gold: Item, texts: Sequence[str], seconds: float
) -> list[Fault]:
    """Time texts of 1,000 to 64,000 characters: twice the length should cost twice the time."""
    families = growing(gold.text, texts)
    items = [Item(gold.row, text) for _, family in families for text in family]
    process.notes_hangs = False
    results = process.evaluate(items, seconds, size=1, hangs=4)
    process.notes_hangs = True
    slowest: tuple[str, float, Fault] | None = None
    for index, (unit, family) in enumerate(families):
        outcomes = results[index * len(SIZES) : (index + 1) * len(SIZES)]
        for number in range(1, len(SIZES)):
            before, outcome, length = outcomes[number - 1], outcomes[number], len(family[number])
            is_late = outcome.fault == "late"
            grown = outcome.cpu > _SLOW_GROWTH * max(before.cpu, 1e-4)
            if not is_late and not (outcome.cpu > _SLOW_SECONDS and grown):
                continue
            level = "flaw" if SIZES[number] <= LONG_ANSWER else "note"
            if slowest and (slowest[0], -slowest[1]) <= (level, -outcome.cpu):
                break
            time = f"{'no end within ' if is_late else ''}{outcome.cpu:.1f} s"
            detail = f"{unit}: {time} for {length:,} characters"
            fault = Fault("super_linear_time", level, detail, 1, shown(family[number]))
            slowest = (level, outcome.cpu, fault)
            break
    return [slowest[2]] if slowest else []


def look_at_observations(process: RewardProcess) -> list[Fault]:
    """Return what the process saw while it was called."""
    details = {
        "hangs": "no end within the time of a call",
        "exits": "it ends the process",
        "wrong_length": "another number of values than of completions",
        "changes_inputs": "it changes the lists that the other rewards get too",
        "changes_state": "",
    }
    faults = []
    for name, seen in process.observations.items():
        level = "note" if name == "prints" else "flaw"
        kind = "raises" if name.startswith("raises ") else name
        detail = (
            seen.detail
            if kind in ("raises", "prints", "changes_state", "wrong_length")
            else (details.get(kind, "") or seen.detail)
        )
        faults.append(Fault(kind, level, detail, seen.count, shown(seen.example)))
    return faults


def groups_of(pools: Mapping[int, Sequence[float]], seed: int) -> tuple[int, int]:
    """Return how many groups of answers to one question were drawn, and how many are tied."""
    draw = random.Random(seed)  # noqa: S311 - groups of a simulation
    groups = tied = 0
    for _, rewards in sorted(pools.items()):
        for _ in range(8):
            group = draw.choices(rewards, k=GROUP) if len(rewards) > GROUP else list(rewards)
            groups += 1
            tied += max(group) - min(group) <= _SAME
            if len(rewards) <= GROUP:
                break
    return groups, tied


def look_at_ties(groups: int, tied: int) -> list[Fault]:
    if groups and tied > _TIED * groups:
        detail = f"{tied} of {groups} groups of answers get one and the same reward: no gradient"
        return [Fault("no_gradient", "flaw", detail)]
    return []


def numbers_of(
    mutated: Sequence[Result], seen: Sequence[Result], groups: tuple[int, int]
) -> Numbers:
    tried = [result for result in mutated if result.fault != "untried"]
    spent = sorted(1000 * result.seconds for result in tried if not result.fault) or [0.0]
    values = [result.number for result in seen if result.number is not None] or [0.0]
    return Numbers(
        statistics.median(spent), spent[int(0.95 * (len(spent) - 1))], spent[-1],
        min(values), max(values), len(set(values)), *groups, len(tried),
    )  # fmt: skip
