"""The command line: options in, one call, print out.

Data and `--json` go to stdout, progress and messages to stderr. A command imports what it needs
when it runs, so that `swiftkit --help` answers at once. A SwiftkitError becomes one message, and so
does an error of the system that names a file.
"""

import errno
import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from swiftkit import __version__
from swiftkit.cli.data import check, convert, show, tools
from swiftkit.cli.evals import compare, curve, evaluate_command, grade_command, score, tau_bench
from swiftkit.cli.machine import doctor, preflight
from swiftkit.cli.parity import parity
from swiftkit.errors import SwiftkitError
from swiftkit.files.stop_signals import StoppedBySignal

# errors of a stdout that leads to a full disk, or nowhere
_UNPRINTABLE = (errno.ENOSPC, errno.EIO, errno.EBADF)

_BUG_STATUS = 4  # not 1, which is that of a failed gate
# what click ends a command with, by itself
_CLICKS_OWN = (click.ClickException, click.exceptions.Exit, click.Abort)


class SwiftkitGroup(click.Group):
    """Turns our own errors into one message on stderr; a bug keeps its traceback, with status 4."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SwiftkitError as error:
            from swiftkit.terminal import say

            say(f"swiftkit: {error}")
            sys.exit(error.exit_status)
        except KeyboardInterrupt:
            click.echo("swiftkit: stopped", err=True)
            sys.exit(130)
        except StoppedBySignal as stop:
            click.echo(f"swiftkit: {stop}; no unfinished file is left", err=True)
            sys.exit(stop.exit_status)
        except _CLICKS_OWN:
            raise
        except BrokenPipeError:  # the reader of stdout has gone; click would end with 1
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(128 + signal.SIGPIPE)
        except Exception as error:
            fault = _fault_of_file(error)
            if fault:
                from swiftkit.terminal import say

                say(f"swiftkit: {fault}")
                sys.exit(2)
            _say_bug(error)
            sys.exit(_BUG_STATUS)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order of a user's work."""
        return list(self.commands)


def _say_bug(error: Exception) -> None:
    import traceback

    from swiftkit.terminal import say

    say("".join(traceback.format_exception(error)).rstrip())
    fix = "report it with the lines above"
    say(f"swiftkit: a bug of swiftkit, no verdict on a model or on data ({fix})")


def _fault_of_file(error: Exception) -> str:
    """Return what is wrong with a file or with stdout, empty for an error that is a bug.

    pathlib raises a RuntimeError for links that lead in a circle, until Python 3.13.
    """
    fault = error.__context__ if isinstance(error, RuntimeError) else error
    if not isinstance(fault, OSError) or (fault is not error and fault.errno != errno.ELOOP):
        return ""
    if fault.filename:
        return f"{fault.filename}: {fault.strerror} (check the path and its permissions)"
    return f"cannot print: {fault.strerror}" if fault.errno in _UNPRINTABLE else ""


_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True}


@click.group(cls=SwiftkitGroup, context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="swiftkit")
def main() -> None:
    """Convert tool-call data, fine-tune on it with ms-swift, serve, and evaluate.

    \b
    swiftkit convert raw.jsonl -o train.jsonl       # raw rows to swift rows
    bash recipes/lora_sft.sh --dataset train.jsonl  # fine-tune (real `swift sft`)
    swiftkit eval tool-call --data eval.jsonl \\
        --base-url http://127.0.0.1:8000/v1         # measure

    Beside the exit statuses that its --help lists, each command ends with 2 for wrong usage and
    files that cannot be used, with 4 for a bug of swiftkit, and with 130 after Ctrl-C.
    """
    dotenv = Path(".env")  # for our own variables that the environment does not set already
    text = dotenv.read_text("utf-8", errors="surrogateescape") if dotenv.is_file() else ""
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and name.startswith(("OPENAI_", "SWIFTKIT_")):
            os.environ.setdefault(name, value.strip().strip("'\""))


for command in (
    *(convert, check, show, tools),
    *(doctor, preflight, parity),
    *(evaluate_command, grade_command, score, compare, curve, tau_bench),
):
    main.add_command(command)
