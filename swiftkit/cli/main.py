"""The command line: options in, one call, print out.

Data and `--json` go to stdout, progress and messages to stderr. A command imports what it needs
when it runs, so that `swiftkit --help` answers at once. A SwiftkitError becomes one message, and so
does an error of the system that names a file.
"""

import errno
import sys
from typing import Any

import click

from swiftkit import __version__
from swiftkit.cli.data import check, convert, show, tools
from swiftkit.cli.dotenv import read_dotenv
from swiftkit.cli.evals import (
    audit,
    compare,
    curve,
    evaluate_command,
    grade_command,
    score,
    tau_bench,
)
from swiftkit.cli.machine import doctor, preflight
from swiftkit.cli.parity import parity
from swiftkit.errors import SwiftkitError
from swiftkit.files import stdout
from swiftkit.files.stop_signals import StoppedBySignal
from swiftkit.terminal import say

# errors of a stdout that leads to a full disk, or nowhere
_UNPRINTABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)

_BUG_STATUS = 4  # not 1, which is that of a failed gate
# what click ends a command with, by itself
_CLICKS_OWN = (click.ClickException, click.exceptions.Exit, click.Abort)


class SwiftkitGroup(click.Group):
    """Turns our own errors into one message on stderr; a bug keeps its traceback, with status 4."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run a command, to the last line that it prints: also --help may meet a full disk."""
        stdout.set_up()
        try:
            try:
                return super().main(*args, **settings)
            finally:
                sys.stdout.flush()
        except OSError as error:
            if not _is_of_stdout(error):
                raise
            stdout.discard()
            say(f"swiftkit: cannot print: {error.strerror} (free some space, and repeat it)")
            sys.exit(4)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SwiftkitError as error:
            say(f"swiftkit: {error}")
            sys.exit(error.exit_status)
        except KeyboardInterrupt:
            say("swiftkit: stopped")
            sys.exit(130)
        except StoppedBySignal as stop:
            say(f"swiftkit: {stop}; no unfinished file is left")
            sys.exit(stop.exit_status)
        except _CLICKS_OWN:
            raise
        except Exception as error:
            fault = _fault_of_file(error)
            if fault:
                say(f"swiftkit: {fault}")
                sys.exit(2)
            if _is_of_stdout(error):
                raise
            _say_bug(error)
            sys.exit(_BUG_STATUS)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order of a user's work."""
        return list(self.commands)


def _say_bug(error: Exception) -> None:
    import traceback

    say("".join(traceback.format_exception(error)).rstrip())
    fix = "report it with the lines above"
    say(f"swiftkit: a bug of swiftkit, no verdict on a model or on data ({fix})")


def _is_of_stdout(error: Exception) -> bool:
    return isinstance(error, OSError) and not error.filename and error.errno in _UNPRINTABLE


def _fault_of_file(error: Exception) -> str:
    """Return what is wrong with a file, empty for an error that is a bug, or that of stdout.

    pathlib raises a RuntimeError for links that lead in a circle, until Python 3.13.
    """
    fault = error.__context__ if isinstance(error, RuntimeError) else error
    if not isinstance(fault, OSError) or (fault is not error and fault.errno != errno.ELOOP):
        return ""
    if fault.filename:
        return f"{fault.filename}: {fault.strerror} (check the path and its permissions)"
    return ""


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
    read_dotenv()


for command in (
    *(convert, check, show, tools),
    *(doctor, preflight, parity),
    *(evaluate_command, grade_command, score, audit, compare, curve, tau_bench),
):
    main.add_command(command)
