"""The command line: options in, one call, print out.

Data and `--json` go to stdout, progress and messages to stderr. Each command imports what it needs when it runs,
so that `swiftkit --help` answers at once. A SwiftkitError becomes one clean message and its exit status.
"""

import errno
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click

from swiftkit import __version__
from swiftkit.errors import SwiftkitError, UsageError

_UNPRINTABLE = (errno.ENOSPC, errno.EIO, errno.EBADF)  # what stdout says where it leads to a full disk, or nowhere


class _Group(click.Group):
    """Turns our own errors into one message on stderr; anything else is a bug and keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SwiftkitError as error:
            click.echo(f"swiftkit: {error}", err=True)
            sys.exit(error.exit_status)
        except KeyboardInterrupt:
            click.echo("swiftkit: stopped", err=True)
            sys.exit(130)
        except OSError as error:
            if error.errno not in _UNPRINTABLE or error.filename:
                raise
            click.echo(f"swiftkit: cannot print: {error.strerror}", err=True)
            sys.exit(2)


class _Concurrency(click.IntRange):
    """A number from 1, or auto, which is 0."""

    name = "number"

    def __init__(self) -> None:
        super().__init__(1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return 0 if value == "auto" else super().convert(value, param, ctx)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="swiftkit")
def main() -> None:
    """From raw tool-call data to a fine-tuned, served and measured model, on ms-swift.

    \b
    swiftkit convert raw.jsonl -o train.jsonl             raw rows to swift rows, every reject accounted for
    bash recipes/lora_sft.sh --dataset train.jsonl        fine-tune (real `swift sft`)
    swiftkit eval tool-call --data eval.jsonl --base-url http://127.0.0.1:8000/v1
    """
    _read_dotenv(Path(".env"))


@main.command()
@click.argument(
    "inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(readable=False, path_type=Path)
)  # fmt: skip
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Rows for swift.")
@click.option("--from", "source_format", default="", metavar="FORMAT", help="Force a format, such as openai or bfcl.")
@click.option(
    "--to", "target", type=click.Choice(["sft", "grpo", "preference", "kto"]), default="sft", show_default=True,
    help="What the rows are for; preference: DPO, RM, SimPO, ORPO, CPO.",
)  # fmt: skip
@click.option("--each-step", is_flag=True, help="With --to grpo: a row for each answer that calls a tool.")
@click.option("--rejects", type=click.Path(path_type=Path, dir_okay=False), help="Default: OUT.rejects.jsonl.")
@click.option("--max-rejects", type=click.IntRange(0), default=0, show_default=True, help="Exit 1 above this.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--sample-type", "sample_types", multiple=True, metavar="T", help="Keep rows whose sample_type is T.")
@click.option("--max-samples", type=click.IntRange(1), help="Stop after this many rows.")
@click.option("--json", "as_json", is_flag=True, help="Print the account as JSON.")
def convert(
    inputs: tuple[Path, ...], output: Path, target: str, each_step: bool, rejects: Path | None, max_rejects: int,
    as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Convert raw data to swift rows; no row is lost: rows in = accepted + rejected.

    INPUT is a .jsonl, .json, .csv or .parquet file, also packed (.jsonl.gz, .json.zst), a folder of these, or - for
    JSON on stdin. The format of each row is recognized. Each reject is written to the rejects file with its place,
    code, reason and fix; docs/rejects.md lists the codes.

    An answer that the data itself calls bad (a KTO label of false, a tau-bench run that failed) is no row of sft or
    grpo: it is counted as filtered, and --to kto uses it.

    Exit status: 0; 1 if there are more rejects than --max-rejects; 2 wrong usage, or a file that cannot be read or
    written, and then there is no output.

    \b
    swiftkit convert raw.jsonl -o train.jsonl
    swiftkit convert BFCL_v4_multiple.json -o eval.jsonl --to grpo
    """
    from swiftkit.convert import convert_files, summary
    from swiftkit.formats import Options
    from swiftkit.jsonl import encode

    if each_step and target != "grpo":
        raise UsageError("--each-step cuts a conversation into questions: it needs --to grpo")
    how = Options("grpo_steps" if each_step else target, **options)
    account = convert_files(inputs, output, rejects, how)
    click.echo(summary(account), err=True)
    if as_json:
        click.echo(encode(account))
    sys.exit(1 if account.rows_rejected > max_rejects else 0)


@main.command()
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option("--model", required=True, metavar="DIR", type=click.Path(path_type=Path), help="The model's folder.")
@click.option("--model-type", metavar="T", help="swift's name for the model.  [default: told by the folder]")
@click.option("--template", metavar="T", help="swift's name for the prompt format.  [default: the model's]")
@click.option("--max-length", type=click.IntRange(1), help="Tokens of a row at most.  [default: the model's]")
@click.option("--row", type=click.IntRange(1), metavar="N", help="Only the row on line N, from 1.")
@click.option("--from", "source_format", default="", metavar="FORMAT", help="Force a format, such as openai or bfcl.")
@click.option("--json", "as_json", is_flag=True, help="Print all rows, or only --row N, as JSON Lines.")
def show(data: Path, model: Path, row: int | None, as_json: bool, **options: Any) -> None:
    """Show what the model will see of a row, and which part of it is trained, as ms-swift encodes it.

    DATA is a file that `swiftkit convert` reads, or one that it wrote. Without --json one row is printed, the first
    by default. Its trained part is in colour on a terminal and between ⟦ and ⟧ elsewhere; control characters of the
    data, and these brackets, are then written \\uXXXX. --json is exact: `trained` holds spans [start, end) of the
    Unicode characters of `text`.

    A row with more tokens than max_length is "truncated": swift deletes it, or stops under --strict.
    Exit status: 0; 1 if a row cannot be encoded; 2 wrong usage.

    \b
    swiftkit show train.jsonl --model models/Qwen3-8B --template qwen3_nothinking --row 3
    """
    from swiftkit.encoder import Settings
    from swiftkit.show import print_json, print_row

    settings = Settings(model.expanduser(), **options)
    sys.exit((print_json if as_json else print_row)(data, row, settings))


@main.command()
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option(
    "--tokenizer", metavar="DIR", type=click.Path(path_type=Path), help="A model's folder: lengths in tokens."
)
@click.option("--max-length", type=click.IntRange(1), metavar="N", help="Tokens of a row at most.")
@click.option(
    "--against", metavar="TRAIN", type=click.Path(path_type=Path), help="Training data that DATA must not share."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def check(data: Path, as_json: bool, **options: Any) -> None:
    """Look for faults in DATA, a file of swift rows as `swiftkit convert` writes it, before it costs GPU hours.

    Lengths, exact and near duplicates, empty answers, calls that their tools do not allow, answers that stand in the
    prompt, scripts, and with --against questions that the training data holds. Lengths are those of the texts of
    messages and tools; the exact count, with what the template adds, is `swiftkit show --json`.

    Exit status: 0, also with warnings; 1 if something is an error; 2 wrong usage, or a file without rows.

    \b
    swiftkit check train.jsonl --tokenizer models/Qwen3-8B --max-length 8192
    swiftkit check eval.jsonl --against train.jsonl
    """
    from swiftkit.check import Options, check_file
    from swiftkit.check_report import print_json, print_tables

    report = check_file(data, Options(**options))
    (print_json if as_json else print_tables)(report)
    sys.exit(report.exit_status)


@main.command()
@click.argument("openapi", metavar="OPENAPI", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The tools, as JSON."
)
@click.option("--json", "as_json", is_flag=True, help="Print the account as JSON.")
def tools(openapi: Path, output: Path, as_json: bool) -> None:
    """Make tool definitions of the operations in OPENAPI, an OpenAPI 3.0 or 3.1 document in YAML or JSON.

    The output is a list in OpenAI's form, whose schemas need no references. Each operation becomes a tool or is named
    with the reason why not. --json also says to which place of the request each parameter belongs.

    Exit status: 0; 1 if an operation was skipped; 2 wrong usage, or no OpenAPI document.

    \b
    swiftkit tools openapi.yaml -o tools.json
    """
    from swiftkit.jsonl import encode
    from swiftkit.openapi import summary, write_tools
    from swiftkit.show import printable

    account = write_tools(openapi, output)
    click.echo(printable(summary(account)), err=True)
    if as_json:
        click.echo(printable(encode(account).decode()))
    sys.exit(int(bool(account.skipped)))


@main.command("eval")
@click.argument("task")
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, metavar="PATH|NAME[:FILE]",
    help="The task's data: a file, a folder, or a data set of a hub (ModelScope; with USE_HF=1 Hugging Face).",
)  # fmt: skip
@click.option(
    "--base-url", "base_urls", envvar="OPENAI_BASE_URL", multiple=True, required=True, metavar="URL",
    help="OpenAI-compatible endpoint; several spread the load. [OPENAI_BASE_URL]",
)  # fmt: skip
@click.option("--model", help="Name of the served model.  [default: the first that the endpoint lists]")
@click.option("--run", type=click.Path(path_type=Path), help="Run directory; one that was begun is resumed.")
@click.option("--limit", type=click.IntRange(1), help="Only the first N samples.")
@click.option("--sample", type=click.IntRange(1), help="Only N samples drawn at random with --seed.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--concurrency", type=_Concurrency(), default=16, show_default=True, metavar="N|auto",
    help="Requests in flight; auto: as many as make the endpoint faster.",
)  # fmt: skip
@click.option("--trials", type=click.IntRange(1), default=1, show_default=True, help="Ask each sample K times.")
@click.option("--temperature", type=click.FloatRange(0), help="[default: the task's]")
@click.option("--max-tokens", type=click.IntRange(1), help="[default: the task's]")
@click.option("--prompt", type=click.Path(path_type=Path), help="File whose text is the system prompt of each sample.")
@click.option("--timeout", type=click.FloatRange(0.1), default=300, show_default=True, help="Seconds for a request.")
@click.option("--stream", is_flag=True, help="Stream the answers: time to the first token, tokens a second.")
@click.option(
    "--training-run", envvar="SWIFTKIT_TRAINING_RUN", type=click.Path(path_type=Path),
    help="Output folder of the model's training: the metrics go to its SwanLab run.  [SWIFTKIT_TRAINING_RUN]",
)  # fmt: skip
@click.option("--gate", "gates", multiple=True, metavar="'METRIC>=X'", help="Bound that sets the exit status.")
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
    from swiftkit.client import Endpoint
    from swiftkit.evaluate import Options, evaluate
    from swiftkit.gate import parse_gate

    key = os.environ.get("OPENAI_API_KEY", "").strip() or "EMPTY"
    endpoint = Endpoint(base_urls[0], key, timeout, concurrency, more=base_urls[1:], stream=stream)
    log = _logger_of(training_run) if training_run else None
    report = evaluate(Options(task, endpoint=endpoint, gates=tuple(map(parse_gate, gates)), **options))
    if log:
        log(report)
    _end(report, as_json)


def _logger_of(training_run: Path) -> Callable[[Any], None]:
    """What puts a report into the SwanLab run of that training; a wrong folder is said before anything is asked."""
    from swiftkit.tracked_run import find, log

    return partial(log, find(training_run))


@main.command("grade")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Data file in place of the run's own.")
@click.option("--gate", "gates", multiple=True, metavar="'METRIC>=X'", help="Bound that sets the exit status.")
@click.option("--json", "as_json", is_flag=True, help="Print report.json instead of the table.")
def grade_command(run: Path, data: Path | None, gates: tuple[str, ...], as_json: bool) -> None:
    """Score the answers in RUN, a folder of `swiftkit eval`, again, without a model, and write its report anew.

    Exit status: that of `swiftkit eval`; samples that were never asked count as errors.

    \b
    swiftkit grade runs/eval/tool-call-20260101-120000 --gate 'tool_accuracy>=0.85'
    """
    from swiftkit.gate import parse_gate
    from swiftkit.grade import grade

    _end(grade(run, data, tuple(map(parse_gate, gates))), as_json)


@main.command()
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option("--completions", required=True, metavar="FILE", type=click.Path(path_type=Path), help="JSON Lines.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write a score a line.")
@click.option("--explain", metavar="ROW", help="Only the row with this id: what was expected, came, and cost what.")
@click.option(
    "--mode", type=click.Choice(["exact", "bfcl"]), help="bfcl: BFCL's own verdicts.  [default: the rows' own options]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def score(
    data: Path, completions: Path, output: Path | None, explain: str | None, mode: str | None, as_json: bool
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
    from swiftkit.score import explained, pair_files, report_of, write_scores
    from swiftkit.score_report import messages, print_explained, print_json, print_summary
    from swiftkit.show import printable

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


@main.command()
@click.argument("run_a", metavar="A", type=click.Path(path_type=Path))
@click.argument("run_b", metavar="B", type=click.Path(path_type=Path))
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Compare only this; may be repeated.")
@click.option("--data", type=click.Path(path_type=Path), help="Where the runs' data is now.  [default: where it was]")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(run_a: Path, run_b: Path, metrics: tuple[str, ...], data: Path | None, as_json: bool) -> None:
    """Is the model of run B better than that of run A? Paired on the samples that both scored.

    A and B are run folders of `swiftkit eval` with the same task and data. The verdict is on the task's headline
    metric, or the first --metric. p is corrected (Holm) for the number of metrics; "could show" is the smallest
    difference that so many samples show in four of five cases.

    Exit status: 0 B is better; 1 B is worse; 3 no difference was shown; 2 the runs cannot be compared.

    \b
    swiftkit compare runs/eval/base runs/eval/tuned
    """
    from swiftkit.compare import compare as compare_runs
    from swiftkit.compare import print_comparison

    found = compare_runs(run_a, run_b, metrics, data)
    if as_json:
        _print_json(found)
    else:
        print_comparison(found)
    sys.exit(found.exit_status)


@main.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--metric", metavar="NAME", help="[default: the task's headline]")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Picture: .svg, .png or .pdf.")
@click.option("--data", type=click.Path(path_type=Path), help="Where the runs' data is now.  [default: where it was]")
@click.option("--json", "as_json", is_flag=True, help="Print the curve as JSON.")
def curve(runs: tuple[Path, ...], metric: str | None, output: Path | None, data: Path | None, as_json: bool) -> None:
    """One curve of several runs of the same task and data, such as the checkpoints of a training.

    They stand in the order of the number at the end of their names (checkpoint-200). Each is compared with the first,
    paired; p is corrected (Holm) for the number of comparisons. recipes/eval_checkpoints.sh makes the runs.

    \b
    swiftkit curve runs/curve/checkpoint-* -o curve.svg
    """
    from swiftkit.curve import curve as curve_of
    from swiftkit.curve import draw, print_curve

    found = curve_of(runs, metric, data)
    if output:
        draw(found, output)
    if as_json:
        _print_json(found)
    else:
        print_curve(found)


@main.command("tau-bench")
@click.argument("results", metavar="RESULTS...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def tau_bench(results: tuple[Path, ...], as_json: bool) -> None:
    """Success rate and pass^k of tau-bench's result files, with intervals, and the tasks that failed.

    Several files are further trials of their tasks. Runs that stopped with an error are counted apart.

    Exit status: 0; 1 if a run had an error; 2 wrong usage, or a file that is no result.

    \b
    swiftkit tau-bench results/tool-calling-gpt-oss-20b-airline.json
    """
    from swiftkit.show import printable
    from swiftkit.tau_bench import read_results, summary

    report = read_results(results)
    if as_json:
        _print_json(report)
    else:
        click.echo(printable(summary(report)))
    sys.exit(report.exit_status)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(as_json: bool) -> None:
    """Say what this machine lacks for training, serving and evaluating, one line a finding, with the fix.

    Exit status: 0, or 1 if something is missing that training needs.
    """
    from swiftkit.doctor import examine
    from swiftkit.findings import failed

    findings = examine()
    if as_json:
        _print_json(findings)
    else:
        click.echo("\n".join(map(str, findings)))
    sys.exit(int(failed(findings)))


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("recipe", type=click.Path(path_type=Path))
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
@click.option("--verb", help="sft, rlhf, deploy, ...  [default: the one that the recipe's script or its keys tell]")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def preflight(recipe: Path, flags: tuple[str, ...], verb: str | None, as_json: bool) -> None:
    """Check RECIPE.yaml with its FLAGS before swift is imported: files, names, values, contradictions, data, memory.

    One line a finding on stderr: its place, what is wrong, and the fix; docs/preflight.md lists the rules. The memory
    is an estimate, not measured. Instead of a file a whole command can be given; its corrected form goes to stdout.

    Exit status: 0 when it is good, also with warnings; 2 when something would stop the run or spoil it.

    \b
    swiftkit preflight recipes/lora_sft.yaml --dataset train.jsonl
    swiftkit preflight swift sft --model Qwen/Qwen3-8B --train_type lora --dataset train.jsonl
    """
    from swiftkit.findings import failed
    from swiftkit.preflight import corrected, examine, split_command
    from swiftkit.show import printable

    file, flags, named = split_command(recipe, flags)
    read, findings = examine(file, flags, verb=verb or named)
    if as_json:
        _print_json(findings)
    for finding in findings:
        click.echo(printable(str(finding)), err=True)
    if file is None and not as_json and (command := corrected(read, findings)):
        click.echo(printable(command))
    sys.exit(2 if failed(list(findings)) else 0)


def _end(report: Any, as_json: bool) -> NoReturn:
    """Print a report of an evaluation, and leave with its status."""
    if as_json:
        _print_json(report)
    else:
        from swiftkit.report import print_table

        print_table(report)
    sys.exit(report.exit_status)


def _read_dotenv(file: Path) -> None:
    """Set what `.env` says about us, where the environment does not say it already."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    for line in lines:
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and name.startswith(("OPENAI_", "SWIFTKIT_")):
            os.environ.setdefault(name, value.strip().strip("'\""))


def _print_json(value: Any) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))
