"""Compare two runs of one task on the same data, paired on the samples that both have a score for.

Both are scored again from their journals, by the same scorer, never by two versions of it, and by
one gold (evals/common_data.py). A row's id that asks one thing in A and another in B is no sample
that both have. The verdict is on the task's headline metric; Holm's correction covers every metric
that is tested. Breakdowns and pass^k are not: a dozen tests more would blunt the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.errors import UsageError
from swiftkit.evals.answers import JournalAnswers
from swiftkit.evals.common_data import (
    answers_to,
    asked_ids,
    common_file,
    gold_note,
    not_comparable,
    report_note,
)
from swiftkit.evals.paired import Difference, difference, holm
from swiftkit.evals.percent import p_value, percent, points
from swiftkit.evals.report.report import is_breakdown
from swiftkit.evals.results import Job, Key, RunResults, jobs_of, results_of
from swiftkit.evals.run_directory import RunConfig, RunDirectory
from swiftkit.evals.stats import Mean
from swiftkit.evals.task import Task, load_task
from swiftkit.records import Sample, Score
from swiftkit.terminal import say

_MAY_DIFFER = ("data", "data_sha256", "swiftkit", "limit", "sample")
BETTER, WORSE, NEITHER = "better", "worse", "no difference shown"


class ChangedSample(msgspec.Struct, frozen=True):
    """A sample that one run has right more often; the reason is the loser's."""

    id: str
    where: str
    a: float
    b: float
    reason: str


class Comparison(msgspec.Struct, frozen=True):
    """`paired`: sample-trials scored in both; `only_a`, `only_b`: in one; `verdict` is about B.
    `data_sha256` is of the file by whose gold both are scored; `note` says which one, where the
    runs' data differ or a report has another."""

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
    wins: list[ChangedSample]
    losses: list[ChangedSample]
    note: str = ""
    data_sha256: str = ""

    @property
    def exit_status(self) -> int:
        """0 B is better; 1 it is worse; 3 no difference was shown."""
        return {BETTER: 0, WORSE: 1}.get(self.verdict, 3)


def compare(
    path_a: Path, path_b: Path, names: Sequence[str] = (), data: Path | None = None
) -> Comparison:
    """Compare two runs on the metrics of these names, or on all.

    Raises UsageError for runs without common ground, DataError where their data is not at hand.
    """
    config_a, config_b = _read_config(path_a), _read_config(path_b)
    if config_a.task != config_b.task:
        tasks = f"tasks: {config_a.task} and {config_b.task}"
        raise not_comparable(path_a, path_b, tasks)
    task = load_task(config_a.task)
    file, sha256 = common_file(config_a, config_b, data)
    samples = task.samples(file, config_a.wire_format)
    answers_a = answers_to(path_a, config_a, samples, file, sha256)
    answers_b = answers_to(path_b, config_b, samples, file, sha256)
    note = gold_note(answers_a, answers_b, config_a, config_b, file, sha256)
    note = note or report_note((path_a, path_b), file, sha256)
    # A chain of which one run asked only a part has too few turns here, so it does not count.
    ids = asked_ids(answers_a, config_a, samples, sha256)
    ids &= asked_ids(answers_b, config_b, samples, sha256)
    samples = [sample for sample in samples if sample.id in ids]
    samples_b = samples
    if config_a.wire_format != config_b.wire_format:  # each run is read as it was
        loaded = task.samples(file, config_b.wire_format)
        samples_b = [sample for sample in loaded if sample.id in ids]
    jobs_a, jobs_b = jobs_of(samples, config_a.trials), jobs_of(samples_b, config_b.trials)
    scores_a, scores_b = _scores(task, jobs_a, answers_a), _scores(task, jobs_b, answers_b)
    common = scores_a.keys() & scores_b.keys()
    if not common:
        fix = "finish them: the same command resumes"
        raise UsageError(f"{path_a} and {path_b} have no scored sample in common ({fix})")
    paired_a = {key: scores_a[key] for key in common}
    paired_b = {key: scores_b[key] for key in common}
    metrics = _differences(task, samples, paired_a, paired_b, names)
    headline = task.headline if task.headline in metrics else next(iter(metrics))
    verdict = NEITHER
    if metrics[headline].is_shown:
        verdict = BETTER if metrics[headline].difference > 0 else WORSE
    changed = _changed_samples(samples, paired_a, paired_b)
    return Comparison(
        task=config_a.task,
        a=str(path_a),
        b=str(path_b),
        headline=headline,
        verdict=verdict,
        sentence=_sentence(headline, metrics, verdict),
        paired=len(common),
        samples=len({sample_id for sample_id, _ in common}),
        only_a=len(scores_a) - len(common),
        only_b=len(scores_b) - len(common),
        differs=_differing_settings(config_a, config_b),
        metrics=metrics,
        wins=[sample for sample in changed if sample.b > sample.a],
        losses=[sample for sample in changed if sample.b < sample.a],
        note=note,
        data_sha256=sha256,
    )


def _scores(task: Task, jobs: Sequence[Job], answers: JournalAnswers) -> dict[Key, Score]:
    """Score a run's answers; how many the scorer failed on is said."""
    results = RunResults(task, jobs, answers.responses())
    if number := results.counts.scorer_errors:
        say(f"{number} answers of {answers.directory.path} have no score: the scorer failed")
    return results.scores


def _read_config(path: Path) -> RunConfig:
    config = RunDirectory(path).read_config()
    if config is None:
        raise UsageError(f"{path} is no run (give two folders that `swiftkit eval` wrote)")
    return config


def _differences(
    task: Task,
    samples: Iterable[Sample],
    scores_a: Mapping[Key, Score],
    scores_b: Mapping[Key, Score],
    names: Sequence[str],
) -> dict[str, Difference]:
    """Return the differences of the metrics that are tested, corrected for their number."""
    jobs = jobs_of(samples, 1 + max(trial for _, trial in scores_a))
    metrics_a = task.metrics(results_of(jobs, scores_a))
    metrics_b = task.metrics(results_of(jobs, scores_b))
    for name in names:
        if name not in metrics_a:
            known = ", ".join(metrics_a)
            raise UsageError(f"--metric {name}: no such metric (these runs have {known})")
    tested = names or [
        name for name in metrics_a if not is_breakdown(name) and not name.startswith("pass")
    ]
    differences: dict[str, Difference] = {}
    for name in tested:
        tallies_a, tallies_b = metrics_a[name], metrics_b[name]
        if not isinstance(tallies_a, Mean) and not isinstance(tallies_b, Mean):
            metric = difference(tallies_a, tallies_b)
            if metric is not None:
                differences[name] = metric
    if not differences:
        raise UsageError("none of the metrics can be compared (give another --metric)")
    return holm(differences)


def _sentence(name: str, metrics: Mapping[str, Difference], verdict: str) -> str:
    """Return the verdict on the headline metric with its figures, for people."""
    metric = metrics[name]
    low, high = metric.ci95
    p = p_value(metric.p_holm)
    p = f"p {p}" if p.startswith("<") else f"p = {p}"
    if len(metrics) > 1:
        p += f" after Holm's correction for {len(metrics)} metrics"
    values = f"{name} {percent(metric.a)} against {percent(metric.b)}"
    interval = f"95 % interval {points(low)} to {points(high)}; {p}"
    figures = f"{values}, {points(metric.difference)} points ({interval})"
    if verdict != NEITHER:
        return f"B is {verdict} than A: {figures}."
    verdict = f"No difference between A and B was shown: {figures}"
    smallest = f"{100 * metric.smallest:.1f} points or more in four of five cases"
    return f"{verdict}; so many samples show one of {smallest}."


def _differing_settings(a: RunConfig, b: RunConfig) -> dict[str, tuple[Any, Any]]:
    settings = {}
    for name in RunConfig.__struct_fields__:
        setting_a, setting_b = getattr(a, name), getattr(b, name)
        if name not in _MAY_DIFFER and setting_a != setting_b:
            settings[name] = setting_a, setting_b
    return settings


def _changed_samples(
    samples: Iterable[Sample], scores_a: Mapping[Key, Score], scores_b: Mapping[Key, Score]
) -> list[ChangedSample]:
    """Return the samples whose share of exact trials differs, in the order of the data."""
    keys_by_sample: dict[str, list[Key]] = {}
    for key in sorted(scores_a):
        keys_by_sample.setdefault(key[0], []).append(key)
    changed = []
    for sample in samples:
        keys = keys_by_sample.get(sample.id, [])
        exact_a = sum(scores_a[key].exact for key in keys)
        exact_b = sum(scores_b[key].exact for key in keys)
        if exact_a == exact_b:
            continue
        loser = scores_a if exact_a < exact_b else scores_b
        reason = next(loser[key].reason for key in keys if not loser[key].exact)
        where, trials = sample.meta.get("where", ""), len(keys)
        changed.append(ChangedSample(sample.id, where, exact_a / trials, exact_b / trials, reason))
    return changed
