"""The commands on evaluations: eval, grade, score, audit, compare, curve, tau-bench."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from swiftkit.cli.output import (
    OUTPUT_FILE,
    PATH,
    Number,
    WholeNumber,
    json_option,
    print_and_exit,
)

# By the names of the files: importing the tasks takes too long for --help.
_TASK_FILES = (Path(__file__).parents[1] / "evals" / "tasks").glob("[a-z]*.py")
_TASKS = sorted(file.stem.replace("_", "-") for file in _TASK_FILES)

_gate_option = click.option(
    "--gate",
    "gates",
    multiple=True,
    metavar="'METRIC>=X'",
    help="A bound that sets the exit status, as 0.85 or 85%; may be repeated. METRIC is one of the "
    "task's or of the run: coverage, errors, skipped, cut, filtered, empty, latency.p95, "
    "first_token.p95, tokens_per_s.",
)
_junit_option = click.option(
    "--junit", metavar="FILE", type=OUTPUT_FILE, help="Write the gates as a JUnit suite for CI."
)
_wire_format_option = click.option(
    "--wire-format",
    default="",
    show_default=False,
    metavar="FORMAT|DIR",
    help="Read calls in texts as this format, or the model in this folder, writes them; any: in "
    "whichever format.  [default: the rows' own options]",
)
_moved_data_option = click.option(
    "--data", type=PATH, help="Where the runs' data is now.  [default: where it was]"
)


class Concurrency(WholeNumber):
    """A number from 1, or auto, which is 0."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return 0 if value == "auto" else super().convert(value, param, ctx)


@click.command("eval", short_help="Measure a served model on a task.")
@click.argument("task")
@click.option(
    "--data",
    type=PATH,
    required=True,
    metavar="PATH|NAME[:FILE]",
    help="The task's data: a file, a folder, or a dataset of a hub "
    "(ModelScope; with USE_HF=1 Hugging Face).",
)
@click.option(
    "--base-url",
    "base_urls",
    envvar="OPENAI_BASE_URL",
    multiple=True,
    required=True,
    metavar="URL",
    help="OpenAI-compatible endpoint; several spread the load.  [env: OPENAI_BASE_URL]",
)
@click.option("--model", help="Name of the served model.  [default: the first that is served]")
@click.option("--run", type=PATH, help="Run directory; one that was begun is resumed.")
@click.option(
    "--retry",
    "retries",
    multiple=True,
    metavar="WHAT",
    help="Ask again, in the run: cut, filtered, empty, errors or id:SAMPLE, joined by commas.",
)
@click.option("--limit", type=WholeNumber(1), help="Ask only the first N samples.")
@click.option("--sample", type=WholeNumber(1), help="Ask only N samples, drawn at random.")
@click.option("--seed", type=WholeNumber(0), default=0, help="Seed of --sample and --trials.")
@click.option(
    "--concurrency",
    type=Concurrency(1),
    default=16,
    metavar="N|auto",
    help="Requests in flight; auto: as many as make the endpoint faster.",
)
@click.option("--trials", type=WholeNumber(1, 10_000), default=1, help="Ask each sample K times.")
@click.option("--temperature", type=Number(0), help="[default: the task's]")
@click.option("--max-tokens", type=WholeNumber(1), help="[default: the task's]")
@click.option("--prompt", type=PATH, help="File with the system prompt of each sample.")
@_wire_format_option
@click.option("--timeout", type=Number(0.1), default=300, help="Seconds for a request.")
@click.option("--stream", is_flag=True, help="Stream the answers, to time the first token.")
@click.option(
    "--training-run",
    envvar="SWIFTKIT_TRAINING_RUN",
    type=PATH,
    help="Output folder of the model's training, to whose SwanLab run the metrics are added.  "
    "[env: SWIFTKIT_TRAINING_RUN]",
)
@click.option("--dry-run", is_flag=True, help="Look for what is wrong, and ask nothing.")
@_gate_option
@_junit_option
@json_option("the report")
def evaluate_command(
    task: str,
    base_urls: tuple[str, ...],
    timeout: float,
    concurrency: int,
    stream: bool,
    gates: tuple[str, ...],
    retries: tuple[str, ...],
    training_run: Path | None,
    dry_run: bool,
    junit: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure a served model on TASK: {tasks}.

    docs/evaluating.md describes the tasks. The key is read from OPENAI_API_KEY and written nowhere.
    A run that was stopped goes on with the same command and --run DIR: finished samples are not
    asked again, errors are. --retry asks answers again, such as those that were cut, also with a
    larger --max-tokens; until the new one is there the earlier one counts.

    --dry-run looks at the options, the data and the run directory as a run does before it asks.

    A gate on a metric is passed when the whole 95 % interval keeps the bound, even if every sample
    without a score were wrong; failed when the whole interval breaks it, even if every one were
    right; and otherwise inconclusive: ask more samples, or again for what is missing.

    \b
    Exit status:
      0  good: every gate passed; without a gate, no errors are left
      1  a gate failed; without a gate, errors are left
      2  wrong usage or bad data
      3  a gate is inconclusive
      4  no verdict: the endpoint cannot be used; more than a tenth of the
         samples has no answer for the gates to judge by, or was skipped
         (a gate coverage>=X sets another limit); the disk is full; a bug of
         swiftkit

    \b
    swiftkit eval tool-call --data eval.jsonl \\
        --base-url http://127.0.0.1:8000/v1 --gate 'tool_accuracy>=0.85'
    """
    from swiftkit.client.client import Endpoint
    from swiftkit.evals.ask_again import parse_retry
    from swiftkit.evals.gates import parse_gate
    from swiftkit.evals.report.junit import junit_until_report
    from swiftkit.evals.report.table import print_report
    from swiftkit.evals.run import EvalOptions, evaluate, open_run
    from swiftkit.terminal import say

    with junit_until_report(None if dry_run else junit, task):
        tracked_run = None
        if training_run:  # a wrong folder is reported before anything is asked
            from swiftkit.evals.swanlab import find_tracked_run, log_report

            tracked_run = find_tracked_run(training_run)
        key = os.environ.get("OPENAI_API_KEY", "").strip() or "EMPTY"
        endpoint = Endpoint(
            base_urls[0], key, timeout, concurrency, more=base_urls[1:], stream=stream
        )
        parsed_gates = tuple(map(parse_gate, gates))
        retry = parse_retry(retries)
        run_options = EvalOptions(
            task, endpoint=endpoint, gates=parsed_gates, junit=junit, retry=retry, **options
        )
        if dry_run:
            with open_run(run_options) as runner:
                counts = runner.results.counts
                done, path = counts.done, runner.directory.path
                numbers = f"{counts.total - done} to ask, {done} finished in {path}"
                say(f"data and options are in order: {numbers}")
            return
        report = evaluate(run_options)
    if tracked_run:
        log_report(tracked_run, report)
    print_and_exit(report, as_json, print_report)


evaluate_command.help = str(evaluate_command.help).replace("{tasks}", ", ".join(_TASKS))


@click.command("grade", short_help="Score the answers of a run again, without a model.")
@click.argument("run", metavar="RUN", type=PATH)
@click.option("--data", type=PATH, help="Data file in place of the run's own.")
@click.option("--force", is_flag=True, help="Also replace a report that has more scores.")
@_gate_option
@_junit_option
@json_option("the report")
def grade_command(
    run: Path,
    data: Path | None,
    force: bool,
    gates: tuple[str, ...],
    junit: Path | None,
    as_json: bool,
) -> None:
    """Score the answers in RUN, a folder of `swiftkit eval`, again, and write its report anew.

    No model is asked. An answer counts for the row that asks the same, so the gold may have been
    mended; rows without an answer count as errors. A report is not replaced by one with fewer
    scores, unless --force is given.

    \b
    Exit status:
      0  good: every gate passed; without a gate, no errors are left
      1  a gate failed; without a gate, errors are left
      2  wrong usage or bad data, or the report would have fewer scores
      3  a gate is inconclusive
      4  no verdict: nothing was scored; more than a tenth of the samples
         has no answer for the gates to judge by, or was skipped (a gate
         coverage>=X sets another limit); a bug of swiftkit

    \b
    swiftkit grade runs/eval/tool-call-20260101-120000 \\
        --gate 'tool_accuracy>=0.85'
    """
    from swiftkit.evals.gates import parse_gate
    from swiftkit.evals.grade import grade
    from swiftkit.evals.report.junit import junit_until_report
    from swiftkit.evals.report.table import print_report

    with junit_until_report(junit, "grade"):
        report = grade(run, data, tuple(map(parse_gate, gates)), junit, force=force)
    print_and_exit(report, as_json, print_report)


@click.command(short_help="Score completions that are in a file.")
@click.argument("data", metavar="DATA", type=PATH)
@click.option("--completions", required=True, metavar="FILE", type=PATH, help="JSON Lines.")
@click.option("-o", "--output", type=OUTPUT_FILE, help="Write a score a line.")
@click.option("--explain", metavar="ROW", help="Show only this row: each fault, and its cost.")
@click.option(
    "--mode",
    type=click.Choice(["exact", "bfcl"]),
    help="bfcl: BFCL's own verdicts.  [default: the rows' own options]",
)
@_wire_format_option
@json_option("the report")
def score(
    data: Path,
    completions: Path,
    output: Path | None,
    explain: str | None,
    mode: str | None,
    wire_format: str,
    as_json: bool,
) -> None:
    """Score the tool calls of completions in a file, with the reasons.

    The score is GRPO's reward and the metric of `swiftkit eval tool-call`. DATA is a file of swift
    rows with `expected_calls`, as `swiftkit convert --to grpo` writes it. FILE holds the
    completions with the ids of their rows, as text or as messages or responses of an OpenAI API; or
    it is completions.jsonl of swift's GRPO, a result of `swift infer`, or responses.jsonl of
    `swiftkit eval`. A row may have several completions. docs/scoring.md shows the forms, and how
    the score is computed.

    \b
    Exit status:
      0  all was scored
      1  a completion answers no row, a row has no completion,
         a request had failed, or the scorer failed on one
      2  wrong usage, or a file that cannot be used

    \b
    swiftkit score eval.jsonl --completions answers.jsonl -o scores.jsonl
    swiftkit score grpo.jsonl --completions out/completions.jsonl \\
        --explain w-17
    """
    from swiftkit.evals.print_scores import explanation, print_summary, summary_messages
    from swiftkit.evals.score_file import make_score_report, pair_files, pairs_of_row, write_scores
    from swiftkit.rendering.written_format import wire_format_named
    from swiftkit.terminal import print_json, print_lines, say

    pinned = wire_format_named(wire_format, "--wire-format")
    pairing = pair_files(data, completions, pinned, mode or "")
    report = make_score_report(data, pairing)
    if output:
        write_scores(output, pairing)
    if explain is not None:
        for pair in pairs_of_row(pairing, explain):
            print_lines(explanation(pair))
    elif as_json:
        print_json(report)
    else:
        print_summary(report)
    for line in summary_messages(report, pairing):
        say(line)
    sys.exit(report.exit_status)


class Setting(click.ParamType):  # type: ignore[type-arg]  # generic only for the stubs
    """NAME=VALUE, where the value is a number, true or false, or a text."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from swiftkit.json_text import decode_or_none

        key, equals, text = value.partition("=")
        if not key or not equals:
            self.fail("write NAME=VALUE.", param, ctx)
        decoded = decode_or_none(text)
        return key, text if decoded is None else decoded


@click.command(short_help="Find out how a GRPO reward can be cheated, before it trains.")
@click.argument("reward", metavar="REWARD.py[:NAME]")
@click.option("--data", required=True, type=PATH, metavar="FILE", help="Rows, JSON Lines.")
@click.option("--tools", type=PATH, help="JSON file of tools, for rows without a column tools.")
@click.option("--gold", metavar="COLUMN", default="", help="[default: the one that it reads]")
@click.option(
    "--completions", type=PATH, help="Recorded completions, to count groups without a gradient."
)
@click.option(
    "--set",
    "settings",
    type=Setting(),
    multiple=True,
    help="What the reward finds in its args, over ms-swift's defaults; may be repeated.",
)
@click.option(
    "--auxiliary", is_flag=True, help="It is meant to look at form or length, not at the answer."
)
@click.option("--seed", type=WholeNumber(0), default=0, help="Seed of the rows and the mutations.")
@json_option("the report")
def audit(settings: tuple[tuple[str, Any], ...], as_json: bool, **options: Any) -> None:
    """Audit a reward of ms-swift's GRPO: a class ORM or AsyncORM, or a function.

    REWARD.py is a file as --external_plugins takes it; NAME a class, a function or what it
    registers. A name alone is one that ms-swift or swiftkit registers: accuracy, tool_call.
    The data's own gold is attacked in some 25 ways, each with what a sound reward pays for it;
    10,000 mutated completions look for exceptions; then come order of the batch, time, columns
    and ties. The reward runs in a process of its own. docs/audit.md explains the verdicts.

    \b
    Exit status:
      0  no flaw was found
      1  flaws
      2  wrong usage or bad data
      4  the reward cannot be loaded, or gives no number for any gold

    \b
    swiftkit audit my_reward.py:Accuracy --data grpo.jsonl
    swiftkit audit tool_call --data grpo.jsonl
    swiftkit audit format --auxiliary --data grpo.jsonl
    """
    from swiftkit.evals.audit.audit import AuditOptions
    from swiftkit.evals.audit.audit import audit as audit_reward
    from swiftkit.evals.audit.print_audit import print_audit

    report = audit_reward(AuditOptions(settings=dict(settings), **options))
    print_and_exit(report, as_json, print_audit)


@click.command(short_help="Compare two runs on the same samples, with a verdict.")
@click.argument("run_a", metavar="A", type=PATH)
@click.argument("run_b", metavar="B", type=PATH)
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME", help="Compare only this; may be repeated."
)
@_moved_data_option
@json_option("the comparison")
def compare(
    run_a: Path, run_b: Path, metrics: tuple[str, ...], data: Path | None, as_json: bool
) -> None:
    """Compare the models of runs A and B, paired on the samples that both scored.

    A and B are run folders of `swiftkit eval` with the same task and data. The verdict is on the
    task's headline metric, or the first --metric. p is corrected (Holm) for the number of metrics;
    "could show" is the smallest difference that so many samples show in four of five cases.

    \b
    Exit status:
      0  B is better
      1  B is worse
      2  the runs cannot be compared
      3  no difference was shown

    \b
    swiftkit compare runs/eval/base runs/eval/tuned
    """
    from swiftkit.evals.compare import compare as compare_runs
    from swiftkit.evals.print_comparison import print_comparison

    print_and_exit(compare_runs(run_a, run_b, metrics, data), as_json, print_comparison)


@click.command(short_help="Show several runs, such as checkpoints, as one curve.")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=PATH)
@click.option("--metric", metavar="NAME", help="[default: the task's headline]")
@click.option("-o", "--output", type=OUTPUT_FILE, help="Picture: .svg, .png or .pdf.")
@_moved_data_option
@json_option("the curve")
def curve(
    runs: tuple[Path, ...],
    metric: str | None,
    output: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Show several runs of the same task and data as one curve, such as a training's checkpoints.

    They stand in the order of the number at the end of their names (checkpoint-200). Each is
    compared with the first, paired; p is corrected (Holm) for the number of comparisons.
    recipes/eval_checkpoints.sh makes the runs.

    \b
    Exit status:
      0  the curve is shown, whatever it says
      2  wrong usage, or runs that cannot be compared

    \b
    swiftkit curve runs/curve/checkpoint-* -o curve.svg
    """
    from swiftkit.evals.curve import make_curve
    from swiftkit.evals.print_curve import draw_curve, print_curve
    from swiftkit.terminal import print_json

    runs_curve = make_curve(runs, metric, data)
    if output:
        draw_curve(runs_curve, output)
    if as_json:
        print_json(runs_curve)
    else:
        print_curve(runs_curve)


@click.command("tau-bench", short_help="Report on tau-bench's result files, with pass^k.")
@click.argument("results", metavar="RESULTS...", nargs=-1, required=True, type=PATH)
@json_option("the report")
def tau_bench(results: tuple[Path, ...], as_json: bool) -> None:
    """Show success rate, pass^k and failed tasks of result files of tau-bench and tau2.

    Several files are further trials of their tasks, in one domain. Runs that stopped with an error
    have no score; with them each value has a worst and a best case.

    \b
    Exit status:
      0  good: each run has a score, whatever it is
      1  a run had an error, or a task has fewer trials than others
      2  wrong usage, a file that is no result, one given twice,
         or several domains

    \b
    swiftkit tau-bench results/tool-calling-gpt-oss-20b-airline.json
    """
    from swiftkit.evals.tau_bench_results import print_results, read_results

    print_and_exit(read_results(results), as_json, print_results)
