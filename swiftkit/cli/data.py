"""The commands on data: convert, show, check, tools."""

import sys
from pathlib import Path
from typing import Any

import click

from swiftkit.cli.output import (
    INPUT,
    OUTPUT_FILE,
    PATH,
    NamedPath,
    Number,
    WholeNumber,
    json_option,
    print_and_exit,
)
from swiftkit.errors import UsageError

_format_option = click.option(
    "--from",
    "source_format",
    default="",
    show_default=False,
    metavar="FORMAT",
    help="Force a format, such as openai or bfcl.",
)
_columns_option = click.option(
    "--columns",
    multiple=True,
    metavar="NAME=NEW,...",
    help="Read a record's column NAME as NEW, such as question=prompt; NAME= leaves it out. May be "
    "repeated.",
)


@click.command(short_help="Convert raw data to swift rows; every reject is named.")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=INPUT)
@click.option("-o", "--output", required=True, type=OUTPUT_FILE, help="Rows for swift.")
@_format_option
@_columns_option
@click.option(
    "--to",
    "target",
    type=click.Choice(["sft", "grpo", "preference", "kto"]),
    default="sft",
    help="What the rows are for; preference: DPO, RM, SimPO, ORPO, CPO.",
)
@click.option(
    "--wire-format",
    default="",
    show_default=False,
    metavar="FORMAT|DIR",
    help="With --to grpo: reward calls in this format alone, or in that of the model in this "
    "folder.  [default: the training's own]",
)
@click.option(
    "--template-of",
    metavar="DIR",
    type=PATH,
    help="Rows as the chat template of the model in this folder trains them: a turn that later "
    "messages change gets a row of its own; a row of which the template drops a part is a reject.",
)
@click.option(
    "--thinking",
    type=click.Choice(["on", "off"]),
    help="With --template-of: write this switch into every row.  [default: as published]",
)
@click.option("--each-step", is_flag=True, help="With --to grpo: a row for each answer that calls.")
@click.option(
    "--cut-leading-assistant",
    is_flag=True,
    help="Leave out answers that stand before the first question.",
)
@click.option(
    "--cut-trailing-user",
    is_flag=True,
    help="Leave out what follows the last answer: a question or a tool's result.",
)
@click.option("--rejects", type=OUTPUT_FILE, help="[default: OUT.rejects.jsonl]")
@click.option("--max-rejects", type=WholeNumber(0), default=0, help="Exit 1 above this.")
@click.option("--workers", type=WholeNumber(1, 256), default=1, help="Processes.")
@click.option(
    "--sample-type",
    "sample_types",
    multiple=True,
    metavar="T",
    help="Keep rows whose sample_type is T; may be repeated.",
)
@click.option("--max-samples", type=WholeNumber(1), help="Stop after this many rows.")
@json_option("the counts")
def convert(
    inputs: tuple[Path, ...],
    output: Path,
    target: str,
    each_step: bool,
    wire_format: str,
    template_of: Path | None,
    thinking: str | None,
    columns: tuple[str, ...],
    rejects: Path | None,
    max_rejects: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Convert raw data to swift rows; no row is lost: rows in = accepted + rejected.

    INPUT is a .jsonl, .json, .csv, .tsv, .parquet or .arrow file, also packed (.jsonl.gz,
    .json.zst), a folder of these, or - for JSON on stdin. The format of each row is recognized.
    Each reject is written to the rejects file with its place, code, reason and fix;
    docs/rejects.md lists the codes.

    An answer that the data itself calls bad (a KTO label of false, a tau-bench run that failed) is
    no row of sft or grpo: it is counted as filtered, and --to kto uses it.

    With --template-of the rows suit one model, and one setting of its thinking: give training and
    the server the same.

    \b
    Exit status:
      0  converted
      1  more rejects than --max-rejects
      2  wrong usage, or a file that cannot be read or written;
         then there is no output

    \b
    swiftkit convert raw.jsonl -o train.jsonl
    swiftkit convert BFCL_v4_multiple.json -o eval.jsonl --to grpo
    swiftkit convert raw.jsonl -o train.jsonl --template-of models/Qwen3-8B
    swiftkit convert faq.csv -o train.jsonl --columns ask=prompt,reply=response
    """
    from swiftkit.data.account import summary
    from swiftkit.data.convert import convert_files
    from swiftkit.data.convert_record import ConvertOptions
    from swiftkit.data.renamed_columns import renames_of
    from swiftkit.files.jsonl import encode
    from swiftkit.rendering.written_format import wire_format_named
    from swiftkit.terminal import print_lines, say

    if each_step and target != "grpo":
        raise UsageError("--each-step cuts a conversation into questions: it needs --to grpo")
    if wire_format and target != "grpo":
        raise UsageError("--wire-format says how answers are rewarded: it needs --to grpo")
    if thinking and template_of is None:
        raise UsageError("--thinking is a setting of a chat template: it needs --template-of DIR")
    pinned = wire_format_named(wire_format, "--wire-format")
    target = "grpo_steps" if each_step else target
    how = ConvertOptions(
        target,
        wire_format=pinned,
        template_of="" if template_of is None else str(template_of),
        thinking=None if thinking is None else thinking == "on",
        columns=renames_of(columns),
        **options,
    )
    account = convert_files(inputs, output, rejects, how)
    say(summary(account))
    if as_json:
        print_lines([encode(account).decode()])
    sys.exit(1 if account.rows_rejected > max_rejects else 0)


@click.command(short_help="Show a row as the model sees it, and its trained part.")
@click.argument("data", metavar="DATA", type=PATH)
@click.option("--model", required=True, metavar="DIR", type=PATH, help="The model's folder.")
@click.option(
    "--model-type",
    metavar="T",
    help="swift's name for the model.  [default: read from config.json]",
)
@click.option(
    "--template", metavar="T", help="swift's name for the prompt format.  [default: the model's]"
)
@click.option(
    "--agent-template",
    metavar="T",
    help="swift's name for how tools and calls are written.  [default: the template's]",
)
@click.option(
    "--template-backend",
    type=click.Choice(["jinja", "swift"]),
    help="As in a recipe: jinja is the model's own chat template.  [default: jinja, if it has one]",
)
@click.option(
    "--max-length", type=WholeNumber(1), help="Tokens of a row at most.  [default: the model's]"
)
@click.option("--row", type=WholeNumber(1), metavar="N", help="Only the row on line N, from 1.")
@_format_option
@_columns_option
@click.option(
    "--json", "as_json", is_flag=True, help="Print all rows, or only --row N, as JSON Lines."
)
def show(
    data: Path,
    model: Path,
    row: int | None,
    columns: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Show a row as the model sees it, and which part of it is trained, as ms-swift encodes it.

    DATA is a file that `swiftkit convert` reads, or one that it wrote. Without --json one row is
    printed, the first by default. Its trained part is in colour on a terminal and between ⟦ and ⟧
    elsewhere; control characters of the data, and these brackets, are then written \\uXXXX.
    --json is exact: `trained` holds spans [start, end) of the Unicode characters of `text`.

    A row with more tokens than max_length is "truncated": swift deletes it, or stops under
    --strict.

    \b
    Exit status:
      0  good
      1  a row cannot be encoded
      2  wrong usage

    \b
    swiftkit show train.jsonl --model models/Qwen3-8B \\
        --template qwen3_nothinking --row 3
    """
    from swiftkit.data.encode import ShowSettings
    from swiftkit.data.renamed_columns import renames_of
    from swiftkit.data.show import chosen_backend, print_json, print_row

    folder = model.expanduser()
    backend = options.pop("template_backend") or chosen_backend(folder)
    settings = ShowSettings(
        folder, template_backend=backend, columns=renames_of(columns), **options
    )
    sys.exit((print_json if as_json else print_row)(data, row, settings))


@click.command(short_help="Look for faults in training data before it costs GPU hours.")
@click.argument("data", metavar="DATA", type=PATH)
@click.option(
    "--tokenizer",
    metavar="DIR",
    type=PATH,
    help="A model's folder: lengths in tokens; its control tokens, and its chat template.",
)
@click.option("--max-length", type=WholeNumber(1), metavar="N", help="Tokens of a row at most.")
@click.option(
    "--against", metavar="TRAIN", type=PATH, help="Training data that DATA must not share."
)
@click.option("--sample", type=WholeNumber(0), default=0, metavar="N", help="Print N rows, too.")
@click.option("--seed", type=WholeNumber(0), default=0, help="Draws the rows of --sample.")
@json_option("the report")
def check(data: Path, as_json: bool, **options: Any) -> None:
    """Look for faults in DATA, a file of swift rows as `swiftkit convert` writes it.

    Lengths, exact and near duplicates, empty questions and answers, calls that their tools do not
    allow or that are written as text, control tokens in texts, answers that stand in the prompt,
    and with --against questions that the training data holds. With a model's folder, also the
    reasoning that its chat template leaves out. --sample shows rows as people read them, spread
    over the file.
    Lengths are those of the texts of messages and tools; the exact count, with what the template
    adds, is `swiftkit show --json`.

    \b
    Exit status:
      0  good, also with warnings
      1  something is an error
      2  wrong usage, or a file without rows

    \b
    swiftkit check train.jsonl --tokenizer models/Qwen3-8B --max-length 8192
    swiftkit check eval.jsonl --against train.jsonl
    swiftkit check train.jsonl --sample 20 | less
    """
    from swiftkit.data.checks.check import CheckOptions, check_file
    from swiftkit.data.checks.print_report import print_tables

    print_and_exit(check_file(data, CheckOptions(**options)), as_json, print_tables)


class ToolSource(NamedPath):
    """A path, or the address of a server, as text."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if str(value).startswith(("http://", "https://")):
            return value
        return super().convert(value, param, ctx)


@click.command(short_help="Make tool definitions of an API's document or of MCP servers.")
@click.argument("source", metavar="SOURCE", type=ToolSource())
@click.option("-o", "--output", required=True, type=OUTPUT_FILE, help="The tools, as JSON.")
@click.option(
    "--server",
    "servers",
    multiple=True,
    metavar="NAME",
    help="Ask this server of an mcp.json; may be repeated.  [default: all]",
)
@click.option(
    "--max-chars",
    type=WholeNumber(1),
    metavar="N",
    default=10_000,
    help="Name each tool that takes more characters of a prompt.",
)
@click.option(
    "--timeout",
    type=Number(0, min_open=True),
    metavar="SECONDS",
    default=30.0,
    help="For each answer of a server.",
)
@json_option("the counts")
def tools(source: str, output: Path, as_json: bool, **options: Any) -> None:
    """Make tool definitions of SOURCE: a document, or MCP servers.

    \b
    SOURCE is one of
      an OpenAPI 3.0, 3.1 or 3.2 or Swagger 2.0 document, in YAML or JSON
      an MCP server's answer to tools/list, or its list of tools
      an mcp.json as Claude and VS Code have it: its servers are started and asked
      the http(s) address of an MCP server (streamable HTTP)

    The output is a list in OpenAI's form, whose schemas need no references. Each operation becomes
    a tool or is named with the reason why not. --json also says to which place of the request, or
    to which server, each tool and parameter belongs. Live servers need swiftkit[mcp].

    \b
    Exit status:
      0  good; notes name what OpenAI or a prompt may not take
      1  an operation or a server was skipped
      2  wrong usage, or a document without tools
      4  no server answered

    \b
    swiftkit tools openapi.yaml -o tools.json
    swiftkit tools .vscode/mcp.json --server github -o tools.json
    """
    from swiftkit.files.jsonl import encode
    from swiftkit.openapi.tool_source import ToolsOptions, write_tools
    from swiftkit.openapi.tools_report import summary
    from swiftkit.terminal import print_lines, say

    account = write_tools(source, output, ToolsOptions(**options))
    say(summary(account))
    if as_json:
        print_lines([encode(account).decode()])
    sys.exit(int(bool(account.skipped)))
