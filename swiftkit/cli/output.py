"""The options and the ending that commands share."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

import click

_LARGEST = (1 << 53) - 1


class NamedPath(click.Path):
    """A path; not the empty name of a shell's unset variable, which pathlib takes for `.`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("the name is empty; give a path.", param, ctx)
        return super().convert(value, param, ctx)


class WholeNumber(click.IntRange):
    """A whole number in a range; not one that JSON's readers cannot hold."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if abs(number) > _LARGEST:
            self.fail(f"{number} is larger than {_LARGEST}.", param, ctx)
        return number


class Number(click.FloatRange):
    """A number in a range; neither `nan`, which passes every comparison, nor `inf`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is not in the range {self._describe_range()}.", param, ctx)
        return number


PATH = NamedPath(path_type=Path)
INPUT = NamedPath(readable=False, path_type=Path)
OUTPUT_FILE = NamedPath(path_type=Path, dir_okay=False)


class ReportWithStatus(Protocol):
    """The result of a command, which says with which status the command exits."""

    @property
    def exit_status(self) -> int: ...


Report = TypeVar("Report", bound=ReportWithStatus)
Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(result: str) -> Callable[[Command], Command]:
    """Return the option --json of a command with such a result."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {result} as JSON.")


def print_and_exit(
    report: Report, as_json: bool, print_report: Callable[[Report], None]
) -> NoReturn:
    """Print a report as JSON or as text, and exit with its status."""
    from swiftkit.terminal import print_json

    if as_json:
        print_json(report)
    else:
        print_report(report)
    sys.exit(report.exit_status)
