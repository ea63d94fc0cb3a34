"""Two runs of one task on the same data: is B better than A? Paired on the samples that both have a
score for.

Both are scored again from their journals, by the same scorer, so that a verdict never comes from
two versions of it. The verdict is on the task's headline metric; Holm's correction covers every
metric that is tested. Breakdowns and pass^k are not tested: a dozen tests more would only blunt the
others.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.errors import DataError, UsageError
from swiftkit.evals.dataset import select
from swiftkit.evals.lazy_samples import chosen
from swiftkit.evals.paired import Difference, difference, holm
from swiftkit.evals.results import Job, jobs_of, results_of
from swiftkit.evals.run_directory import Config, RunDir, sha256
from swiftkit.evals.stats import Mean
from swiftkit.evals.task import Task, load_task
from swiftkit.records import Sample, Score

Key = tuple[str, int]  # sample id, trial
_FREE = {"data", "swiftkit", "limit", "sample"}
_MOST_SHOWN = 10
BETTER, WORSE, NEITHER = "better", "worse", "no difference shown"


class Changed(msgspec.Struct, frozen=True):
    """A sample that one run has right more often; the reason is the loser's."""

    id: str
    where: str
    a: float
    b: float
    reason: str


class Comparison(msgspec.Struct, frozen=True):
    """`paired`: sample-trials scored in both; `only_a` and `only_b`: in one alone. `verdict` is
    about B."""

    task: str
    a: str
    b: str
    headline: str
    verdict: str
    sentence: str
    paired: int
    samples: int
    only_a: int
    only_b: int
    differs: dict[str, tuple[Any, Any]]
    metrics: dict[str, Difference]
    wins: list[Changed]
    losses: list[Changed]

    @property
    def exit_status(self) -> int:
        """0 B is better; 1 it is worse; 3 no difference was shown."""
        return {BETTER: 0, WORSE: 1}.get(self.verdict, 3)


class _Run:
    """A run, scored again."""

    def __init__(self, path: Path) -> None:
        self.directory = RunDir(path)
        config = self.directory.recorded()
        if config is None:
            raise UsageError(f"{path} is no run (give two folders that `swiftkit eval` wrote)")
        self.config: Config = config

    def scores(self, task: Task, samples: Sequence[Sample]) -> dict[Key, Score]:
        places = {sample.id: place for place, sample in enumerate(samples)}
        return {
            (response.sample_id, response.trial): task.score(
                samples[places[response.sample_id]], response
            )
            for response in self.directory.responses()
            if not response.error
            and response.sample_id in places
            and response.trial < self.config.trials
        }


def compare(
    path_a: Path, path_b: Path, names: Sequence[str] = (), data: Path | None = None
) -> Comparison:
    """Compare two runs on `names` (all metrics, if none is given). Raises UsageError for runs that
    have no common ground, DataError where their data is not at hand any more."""
    a, b = _Run(path_a), _Run(path_b)
    _check_comparable(a.config, b.config, path_a, path_b)
    task, samples = _task_and_samples(a.config, b.config, data)
    scores_a, scores_b = a.scores(task, samples), b.scores(task, samples)
    common = scores_a.keys() & scores_b.keys()
    if not common:
        raise UsageError(
            f"{path_a} and {path_b} have no scored sample in common (finish them: the same command resumes)"
        )
    found = _differences(task, samples, common, scores_a, scores_b, names)
    headline = task.headline if task.headline in found else next(iter(found))
    changed = _changed(samples, common, scores_a, scores_b)
    verdict = _verdict(found[headline])
    return Comparison(
        task=a.config.task, a=str(path_a), b=str(path_b), headline=headline, verdict=verdict,
        sentence=_sentence(headline, found, verdict), paired=len(common), samples=len({key[0] for key in common}),
        only_a=len(scores_a.keys() - common), only_b=len(scores_b.keys() - common),
        differs=_differs(a.config, b.config), metrics=found, wins=[each for each in changed if each.b > each.a],
        losses=[each for each in changed if each.b < each.a],
    )  # fmt: skip


def _check_comparable(a: Config, b: Config, path_a: Path, path_b: Path) -> None:
    for name, what in (("task", "tasks"), ("data_sha256", "data")):
        if getattr(a, name) != getattr(b, name):
            said = (
                f"{a.task} and {b.task}"
                if name == "task"
                else f"{a.data} and {b.data}, whose contents differ"
            )
            raise UsageError(
                f"{path_a} and {path_b} are runs of different {what}: {said} (evaluate both on the same file: "
                "their scores say nothing about each other)"
            )


def _task_and_samples(a: Config, b: Config, moved: Path | None) -> tuple[Task, Sequence[Sample]]:
    """The task, and the samples of the run that asked fewer: half a chain is no chain."""
    task = load_task(a.task)
    data = moved or next(
        (Path(each.data) for each in (a, b) if Path(each.data).exists()), Path(a.data)
    )
    if not data.exists() or sha256(data) != a.data_sha256:
        fix = "give its place by --data; both runs are scored again, by the same scorer"
        raise DataError(
            f"{data}: not there, or not what the runs were made with", "unreadable_file", fix
        )
    samples = task.load(data)
    asked = [
        {sample.id for sample in select(samples, each.limit, each.sample, each.seed)}
        for each in (a, b)
    ]
    both = [place for place, sample in enumerate(samples) if all(sample.id in ids for ids in asked)]
    return task, chosen(samples, both)


def _differences(
    task: Task, samples: Sequence[Sample], common: set[Key], a: dict[Key, Score], b: dict[Key, Score],
    names: Sequence[str],
) -> dict[str, Difference]:  # fmt: skip
    """The metrics that are tested, on the pairs alone."""
    trials = 1 + max(trial for _, trial in common)
    jobs = jobs_of(samples, trials)

    def paired(job: Job, scores: dict[Key, Score]) -> Score | None:
        key = job.sample.id, job.trial
        return scores[key] if key in common else None

    counted = [task.metrics(results_of(jobs, partial(paired, scores=each))) for each in (a, b)]
    main = [name for name in counted[0] if "[" not in name and not name.startswith("pass")]
    if unknown := [name for name in names if name not in counted[0]]:
        raise UsageError(
            f"--metric {unknown[0]}: no such metric (these runs have {', '.join(counted[0])})"
        )
    found: dict[str, Difference] = {}
    for name in names or main:
        side_a, side_b = (each.get(name, []) for each in counted)
        if isinstance(side_a, Mean) or isinstance(side_b, Mean):
            continue
        if each := difference(side_a, side_b):
            found[name] = each
    if not found:
        raise UsageError("none of the metrics can be compared (give another --metric)")
    return holm(found)


def _verdict(found: Difference) -> str:
    if not found.shown:
        return NEITHER
    return BETTER if found.difference > 0 else WORSE


def _sentence(name: str, metrics: dict[str, Difference], verdict: str) -> str:
    found = metrics[name]
    low, high = (f"{100 * bound:+.1f}" for bound in found.ci95)
    p = "p < 0.001" if found.p_holm < 0.001 else f"p = {found.p_holm:.3f}"
    among = f" after Holm's correction for {len(metrics)} metrics" if len(metrics) > 1 else ""
    facts = (
        f"{name} {100 * found.a:.1f} % against {100 * found.b:.1f} %, {100 * found.difference:+.1f} points "
        f"(95 % interval {low} to {high}; {p}{among})"
    )
    if verdict != NEITHER:
        return f"B is {verdict} than A: {facts}."
    return (
        f"No difference between A and B was shown: {facts}; so many samples show one of "
        f"{100 * found.smallest:.1f} points or more in four of five cases."
    )


def _differs(a: Config, b: Config) -> dict[str, tuple[Any, Any]]:
    pairs = {
        name: (getattr(a, name), getattr(b, name))
        for name in Config.__struct_fields__
        if name not in _FREE
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _changed(
    samples: Sequence[Sample], common: set[Key], a: dict[Key, Score], b: dict[Key, Score]
) -> list[Changed]:
    """The samples whose share of exact trials differs, in the order of the data."""
    trials: dict[str, list[int]] = {}
    for name, trial in sorted(common):
        trials.setdefault(name, []).append(trial)
    found = []
    for sample in samples:
        keys = [(sample.id, trial) for trial in trials.get(sample.id, [])]
        shares = (
            [sum(each[key].exact for key in keys) / len(keys) for each in (a, b)]
            if keys
            else [0, 0]
        )
        if shares[0] != shares[1]:
            loser = a if shares[0] < shares[1] else b
            reason = next(loser[key].reason for key in keys if not loser[key].exact)
            found.append(
                Changed(sample.id, sample.meta.get("where", ""), shares[0], shares[1], reason)
            )
    return found


def print_comparison(found: Comparison) -> None:
    """The verdict, the table of metrics, wins and losses, on stdout."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from swiftkit.terminal import printable

    table = Table(
        "metric", "A", "B", "B - A", "95 % interval", "p (Holm)", "could show", title_justify="left"
    )
    table.columns[0].no_wrap = True
    for name, each in found.metrics.items():
        cells = [f"{100 * each.a:.1f} %", f"{100 * each.b:.1f} %", f"{100 * each.difference:+.1f}"]
        cells += [
            " to ".join(f"{100 * bound:+.1f}" for bound in each.ci95),
            "< 0.001" if each.p_holm < 0.001 else f"{each.p_holm:.3f}",
        ]
        table.add_row(Text(printable(name)), *cells, f"{100 * each.smallest:.1f}")
    console = Console(highlight=False)
    lines = [f"A {found.a}", f"B {found.b}"]
    lines += [
        f"differ in {name}: {pair[0]!r}, {pair[1]!r}"[:200] for name, pair in found.differs.items()
    ]
    lines += [
        f"{found.paired} pairs of {found.samples} samples; scored in A alone {found.only_a}, in B alone {found.only_b}"
    ]
    for line in lines:
        console.print(printable(line), markup=False, soft_wrap=True)
    console.print(table)
    for title, changed in (("won", found.wins), ("lost", found.losses)):
        shown = changed[:_MOST_SHOWN]
        console.print(
            f"{title} by B: {len(changed)}{', the first are' if len(changed) > len(shown) else ''}"
        )
        for one in shown:
            line = f"  {one.id} ({one.where}): {' '.join(one.reason.split())[:200]}"
            console.print(printable(line), markup=False, soft_wrap=True)
    console.print(printable(found.sentence), markup=False, soft_wrap=True)
