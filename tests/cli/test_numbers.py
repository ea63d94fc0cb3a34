"""Numbers that people type: what is no number of the range is refused, with the range."""

import click
import pytest
from click.testing import CliRunner

from swiftkit.cli.main import main
from swiftkit.cli.output import Number, WholeNumber

OPTIONS = [
    (name, option)
    for name, command in sorted(main.commands.items())
    for option in command.params
    if isinstance(option.type, click.types.IntParamType | click.types.FloatParamType)
]


def test_there_are_numbers() -> None:
    assert len(OPTIONS) > 12


@pytest.mark.parametrize(
    ("command", "option"), OPTIONS, ids=[f"{name} {option.opts[0]}" for name, option in OPTIONS]
)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "1e400", "9" * 30, ""])
def test_number_out_of_range_is_refused(command: str, option: click.Option, value: str) -> None:
    assert isinstance(option.type, Number | WholeNumber)
    if isinstance(option.type, Number) and value == "9" * 30:
        return
    result = CliRunner().invoke(main, [command, f"{option.opts[0]}={value}"])
    assert result.exit_code == 2
    assert f"'{option.opts[0]}'" in result.stderr or "Missing argument" in result.stderr
    with pytest.raises(click.BadParameter):
        option.type.convert(value, option, None)
