"""The commands on evaluations: eval, grade, score, compare, curve, tau-bench."""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click

from swiftkit.cli.output import print_json


class _Concurrency(click.IntRange):
    """A number from 1, or auto, which is 0."""

    name = "number"

    def __init__(self) -> None:
        super().__init__(1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return 0 if value == "auto" else super().convert(value, param, ctx)


@click.command("eval")
@click.argument("task")
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, metavar="PATH|NAME[:FILE]",
    help="The task's data: a file, a folder, or a data set of a hub (ModelScope; with USE_HF=1 Hugging Face).",
)  # fmt: skip
@click.option(
    "--base-url", "base_urls", envvar="OPENAI_BASE_URL", multiple=True, required=True, metavar="URL",
    help="OpenAI-compatible endpoint; several spread the load. [OPENAI_BASE_URL]",
)  # fmt: skip
@click.option(
    "--model", help="Name of the served model.  [default: the first that the endpoint lists]"
)
@click.option(
    "--run", type=click.Path(path_type=Path), help="Run directory; one that was begun is resumed."
)
@click.option("--limit", type=click.IntRange(1), help="Only the first N samples.")
@click.option(
    "--sample", type=click.IntRange(1), help="Only N samples drawn at random with --seed."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--concurrency", type=_Concurrency(), default=16, show_default=True, metavar="N|auto",
    help="Requests in flight; auto: as many as make the endpoint faster.",
)  # fmt: skip
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Ask each sample K times.",
)
@click.option("--temperature", type=click.FloatRange(0), help="[default: the task's]")
@click.option("--max-tokens", type=click.IntRange(1), help="[default: the task's]")
@click.option(
    "--prompt",
    type=click.Path(path_type=Path),
    help="File whose text is the system prompt of each sample.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1),
    default=300,
    show_default=True,
    help="Seconds for a request.",
)
@click.option(
    "--stream", is_flag=True, help="Stream the answers: time to the first token, tokens a second."
)
@click.option(
    "--training-run", envvar="SWIFTKIT_TRAINING_RUN", type=click.Path(path_type=Path),
    help="Output folder of the model's training: the metrics go to its SwanLab run.  [SWIFTKIT_TRAINING_RUN]",
)  # fmt: skip
@click.option(
    "--gate", "gates", multiple=True, metavar="'METRIC>=X'", help="Bound that sets the exit status."
)
@click.option("--json", "as_json", is_flag=True, help="Print report.json instead of the table.")
def evaluate_command(
    task: str, base_urls: tuple[str, ...], timeout: float, concurrency: int, stream: bool, gates: tuple[str, ...],
    training_run: Path | None, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Measure a served model on TASK: tool-call, tool-chain, bfcl, gsm8k or jsonl (docs/evaluating.md).

    The key is read from OPENAI_API_KEY and written nowhere. A run that was stopped goes on with the same command and
    --run DIR: what is finished is not asked again.

    \b
    Exit status: 0 good; 1 a gate failed, or without a gate errors are left; 2 wrong usage or bad data; 3 a gate is
    inconclusive; 4 the endpoint cannot be used, or more than a tenth of the samples has no answer to judge by. A gate
    is passed when the whole 95 % interval keeps the bound, failed when the whole interval breaks it, and otherwise
    inconclusive: ask more samples. Errors count as if they could be right or wrong.

    \b
    swiftkit eval tool-call --data eval.jsonl --base-url http://127.0.0.1:8000/v1 --gate 'tool_accuracy>=0.85'
    """
    from swiftkit.client.client import Endpoint
    from swiftkit.evals.gates import parse_gate
    from swiftkit.evals.run import Options, evaluate

    key = os.environ.get("OPENAI_API_KEY", "").strip() or "EMPTY"
    endpoint = Endpoint(base_urls[0], key, timeout, concurrency, more=base_urls[1:], stream=stream)
    log = _logger_of(training_run) if training_run else None
    report = evaluate(
        Options(task, endpoint=endpoint, gates=tuple(map(parse_gate, gates)), **options)
    )
    if log:
        log(report)
    _end(report, as_json)


def _logger_of(training_run: Path) -> Callable[[Any], None]:
    """What puts a report into the SwanLab run of that training; a wrong folder is said before
    anything is asked."""
    from swiftkit.evals.swanlab import find, log

    return partial(log, find(training_run))


@click.command("grade")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--data", type=click.Path(path_type=Path), help="Data file in place of the run's own."
)
@click.option(
    "--gate", "gates", multiple=True, metavar="'METRIC>=X'", help="Bound that sets the exit status."
)
@click.option("--json", "as_json", is_flag=True, help="Print report.json instead of the table.")
def grade_command(run: Path, data: Path | None, gates: tuple[str, ...], as_json: bool) -> None:
    """Score the answers in RUN, a folder of `swiftkit eval`, again, without a model, and write its report anew.

    Exit status: that of `swiftkit eval`; samples that were never asked count as errors.

    \b
    swiftkit grade runs/eval/tool-call-20260101-120000 --gate 'tool_accuracy>=0.85'
    """
    from swiftkit.evals.gates import parse_gate
    from swiftkit.evals.grade import grade

    _end(grade(run, data, tuple(map(parse_gate, gates))), as_json)


@click.command()
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option(
    "--completions",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="JSON Lines.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write a score a line."
)
@click.option(
    "--explain",
    metavar="ROW",
    help="Only the row with this id: what was expected, came, and cost what.",
)
@click.option(
    "--mode",
    type=click.Choice(["exact", "bfcl"]),
    help="bfcl: BFCL's own verdicts.  [default: the rows' own options]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def score(
    data: Path,
    completions: Path,
    output: Path | None,
    explain: str | None,
    mode: str | None,
    as_json: bool,
) -> None:
    """Score the tool calls of completions in a file, with the reasons: GRPO's reward and `swiftkit eval`'s metric.

    DATA is a file of swift rows with `expected_calls`, as `swiftkit convert --to grpo` writes it. FILE holds the
    completions with the ids of their rows, as text or as messages or responses of an OpenAI API; or it is
    completions.jsonl of swift's GRPO, a result of `swift infer`, or responses.jsonl of `swiftkit eval`. A row may have
    several completions. docs/scoring.md tells the forms, and how the score is made.

    Exit status: 0; 1 if a completion answers no row, a row has no completion, or a request had failed; 2 wrong usage,
    or a file that cannot be used.

    \b
    swiftkit score eval.jsonl --completions answers.jsonl -o scores.jsonl
    swiftkit score grpo.jsonl --completions out/completions.jsonl --explain w-17
    """
    from swiftkit.evals.print_scores import messages, print_explained, print_json, print_summary
    from swiftkit.evals.score_file import explained, pair_files, report_of, write_scores
    from swiftkit.terminal import printable

    pairing = pair_files(data, completions, mode or "")
    report = report_of(data, pairing)
    if output:
        write_scores(output, pairing)
    if explain is not None:
        print_explained(explained(pairing, explain))
    elif as_json:
        print_json(report)
    else:
        print_summary(report)
    for line in messages(report, pairing):
        click.echo(printable(line), err=True)
    sys.exit(report.exit_status)


@click.command()
@click.argument("run_a", metavar="A", type=click.Path(path_type=Path))
@click.argument("run_b", metavar="B", type=click.Path(path_type=Path))
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME", help="Compare only this; may be repeated."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Where the runs' data is now.  [default: where it was]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(
    run_a: Path, run_b: Path, metrics: tuple[str, ...], data: Path | None, as_json: bool
) -> None:
    """Is the model of run B better than that of run A? Paired on the samples that both scored.

    A and B are run folders of `swiftkit eval` with the same task and data. The verdict is on the task's headline
    metric, or the first --metric. p is corrected (Holm) for the number of metrics; "could show" is the smallest
    difference that so many samples show in four of five cases.

    Exit status: 0 B is better; 1 B is worse; 3 no difference was shown; 2 the runs cannot be compared.

    \b
    swiftkit compare runs/eval/base runs/eval/tuned
    """
    from swiftkit.evals.compare import compare as compare_runs
    from swiftkit.evals.compare import print_comparison

    found = compare_runs(run_a, run_b, metrics, data)
    if as_json:
        print_json(found)
    else:
        print_comparison(found)
    sys.exit(found.exit_status)


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--metric", metavar="NAME", help="[default: the task's headline]")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Picture: .svg, .png or .pdf.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Where the runs' data is now.  [default: where it was]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the curve as JSON.")
def curve(
    runs: tuple[Path, ...],
    metric: str | None,
    output: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """One curve of several runs of the same task and data, such as the checkpoints of a training.

    They stand in the order of the number at the end of their names (checkpoint-200). Each is compared with the first,
    paired; p is corrected (Holm) for the number of comparisons. recipes/eval_checkpoints.sh makes the runs.

    \b
    swiftkit curve runs/curve/checkpoint-* -o curve.svg
    """
    from swiftkit.evals.curve import curve as curve_of
    from swiftkit.evals.curve import draw, print_curve

    found = curve_of(runs, metric, data)
    if output:
        draw(found, output)
    if as_json:
        print_json(found)
    else:
        print_curve(found)


@click.command("tau-bench")
@click.argument(
    "results", metavar="RESULTS...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def tau_bench(results: tuple[Path, ...], as_json: bool) -> None:
    """Success rate and pass^k of tau-bench's result files, with intervals, and the tasks that failed.

    Several files are further trials of their tasks. Runs that stopped with an error are counted apart.

    Exit status: 0; 1 if a run had an error; 2 wrong usage, or a file that is no result.

    \b
    swiftkit tau-bench results/tool-calling-gpt-oss-20b-airline.json
    """
    from swiftkit.evals.tau_bench_results import read_results, summary
    from swiftkit.terminal import printable

    report = read_results(results)
    if as_json:
        print_json(report)
    else:
        click.echo(printable(summary(report)))
    sys.exit(report.exit_status)


def _end(report: Any, as_json: bool) -> NoReturn:
    """Print a report of an evaluation, and leave with its status."""
    if as_json:
        print_json(report)
    else:
        from swiftkit.evals.report.report import print_table

        print_table(report)
    sys.exit(report.exit_status)
