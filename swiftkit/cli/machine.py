"""The commands on recipes and machines: doctor, preflight."""

import os
import sys
from pathlib import Path

import click

from swiftkit.cli.output import PATH, json_option


@click.command(short_help="Say what this machine, or a served model, lacks.")
@click.option("--model", type=PATH, help="The folder of a model that is served at --base-url.")
@click.option("--base-url", metavar="URL", help="Look at a server instead of this machine.")
@json_option("the findings")
def doctor(model: Path | None, base_url: str | None, as_json: bool) -> None:
    """Say what this machine lacks for training, serving and evaluating, one line a finding, with
    the fix.

    With --model and --base-url it looks at a deployment instead: whether the server sees of some
    built-in conversations what the model's own chat template writes (docs/parity.md). The key is
    read from OPENAI_API_KEY.

    \b
    Exit status:
      0  good
      1  training lacks something, or the server sees other prompts
      4  the endpoint cannot be used

    \b
    swiftkit doctor
    swiftkit doctor --model runs/lora_sft/merged \\
        --base-url http://127.0.0.1:8000/v1
    """
    from swiftkit.findings import failed
    from swiftkit.preflight.doctor import examine
    from swiftkit.terminal import print_json, print_lines

    if (model is None) != (base_url is None):
        raise click.UsageError("a deployment is looked at with both --model and --base-url")
    if model and base_url:
        from swiftkit.preflight.parity.compare import ParityOptions
        from swiftkit.preflight.parity.deployment import examine_deployment

        key = os.environ.get("OPENAI_API_KEY", "").strip() or "EMPTY"
        options = ParityOptions(base_url=base_url, key=key)
        findings = examine_deployment(model.expanduser(), options)
    else:
        findings = examine()
    if as_json:
        print_json(findings)
    else:
        print_lines(map(str, findings))
    sys.exit(int(failed(findings)))


@click.command(
    short_help="Check a recipe or a swift command before it runs.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("recipe", type=PATH)
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--verb", help="sft, rlhf, deploy, ...  [default: read from the recipe's script or its keys]"
)
@json_option("the findings")
def preflight(recipe: Path, flags: tuple[str, ...], verb: str | None, as_json: bool) -> None:
    """Check RECIPE.yaml with its FLAGS before swift is imported: files, names, values,
    contradictions, data, memory.

    One line a finding on stderr: its place, what is wrong, and the fix; docs/preflight.md lists the
    rules. The memory is an estimate, not measured. Instead of a file a whole command can be given,
    with what starts it (torchrun, nohup, ...), or as one quoted text; its corrected form goes to
    stdout.

    \b
    Exit status:
      0  good, also with warnings
      2  something would stop the run or spoil it

    \b
    swiftkit preflight recipes/lora_sft.yaml --dataset train.jsonl
    swiftkit preflight swift sft --model Qwen/Qwen3-8B \\
        --train_type lora --dataset train.jsonl
    swiftkit preflight NPROC_PER_NODE=4 swift sft --model ... --deepspeed zero3
    """
    from swiftkit.findings import failed
    from swiftkit.preflight.command import corrected, split_command
    from swiftkit.preflight.examine import examine
    from swiftkit.terminal import print_json, print_lines, say

    command = split_command(recipe, flags)
    environment = os.environ | command.environment
    read, findings = examine(
        command.file,
        command.flags,
        environment,
        verb=verb or command.verb,
        unknown=command.unknown,
    )
    if as_json:
        print_json(findings)
    for finding in findings:
        say(str(finding))
    if read.verb == "megatron":
        say("swiftkit: names and values of the flags were not checked: Megatron's are not known")
    if command.file is None and not as_json:
        better = corrected(read, findings, command)
        if better:
            print_lines(better.split("\n"))
    sys.exit(2 if failed(findings) else 0)
