"""The command that compares what is trained with what is served: parity."""

import os
from pathlib import Path
from typing import Any

import click

from swiftkit.cli.output import PATH, WholeNumber, json_option, print_and_exit


@click.command(short_help="Compare what is trained with what is served, row by row.")
@click.argument("model", metavar="MODEL", type=PATH)
@click.argument("data", metavar="DATA", type=PATH)
@click.option(
    "--template",
    default="",
    show_default=False,
    metavar="NAME|auto",
    help="Compare ms-swift's own template too; auto: the one that it chooses.",
)
@click.option("--model-type", metavar="NAME", help="swift's model type, for --template.")
@click.option(
    "--base-url",
    default="",
    show_default=False,
    metavar="URL",
    help="Ask a live server for the prompts that it sees.",
)
@click.option(
    "--served-model",
    default="",
    show_default=False,
    metavar="NAME",
    help="Name of the served model.  [default: the first that is served]",
)
@click.option(
    "--allow", multiple=True, metavar="CAUSE", help="A difference that is meant; may be repeated."
)
@click.option("--limit", type=WholeNumber(1), metavar="N", help="Only the first N rows.")
@json_option("the report")
def parity(model: Path, data: Path, as_json: bool, **options: Any) -> None:
    """Compare, for each row of DATA, what the chat template in the folder MODEL makes of it with
    what ms-swift's template makes of it and with what a live server says that it sees.

    Each difference is shown in its line, with its cause: docs/parity.md lists them, and which are
    meant. Which turns can be trained is said too. The folder is looked at: a chat template other
    than the recorded one, stop tokens, two templates that disagree. The key is read from
    OPENAI_API_KEY and written nowhere.

    \b
    Exit status:
      0  equal, or every difference is meant or allowed
      1  a difference, or a turn that cannot be trained, that nobody allowed
      2  wrong usage, no chat template, or a file without rows
      4  the endpoint cannot be used

    \b
    swiftkit parity models/Qwen3-8B train.jsonl --template auto
    swiftkit parity runs/lora_sft/merged eval.jsonl --limit 200 \\
        --base-url http://127.0.0.1:8000/v1
    """
    from swiftkit.preflight.parity.compare import ParityOptions, compare_file
    from swiftkit.preflight.parity.print_report import print_report

    key = os.environ.get("OPENAI_API_KEY", "").strip() or "EMPTY"
    settings = ParityOptions(key=key, **options)
    print_and_exit(compare_file(model.expanduser(), data, settings), as_json, print_report)
