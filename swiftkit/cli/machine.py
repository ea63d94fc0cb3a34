"""The commands on recipes and machines: preflight, doctor."""

import sys
from pathlib import Path

import click

from swiftkit.cli.output import print_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(as_json: bool) -> None:
    """Say what this machine lacks for training, serving and evaluating, one line a finding, with
    the fix.

    Exit status: 0, or 1 if something is missing that training needs.
    """
    from swiftkit.findings import failed
    from swiftkit.preflight.doctor import examine

    findings = examine()
    if as_json:
        print_json(findings)
    else:
        click.echo("\n".join(map(str, findings)))
    sys.exit(int(failed(findings)))


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("recipe", type=click.Path(path_type=Path))
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--verb",
    help="sft, rlhf, deploy, ...  [default: the one that the recipe's script or its keys tell]",
)
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
    from swiftkit.terminal import printable

    file, flags, named = split_command(recipe, flags)
    read, findings = examine(file, flags, verb=verb or named)
    if as_json:
        print_json(findings)
    for finding in findings:
        click.echo(printable(str(finding)), err=True)
    if file is None and not as_json and (command := corrected(read, findings)):
        click.echo(printable(command))
    sys.exit(2 if failed(list(findings)) else 0)
