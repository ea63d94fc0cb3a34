"""A system text without the format of calls that it prescribes, whoever's it is, and its tools.

Two prescriptions contradict each other, and the chat template writes its own.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from swiftkit.data.dialects import glaive, hermes, json_prompt, react, toolace
from swiftkit.data.dialects.markup import check_no_markup
from swiftkit.toolcall.alternatives import any_of
from swiftkit.toolcall.wire_format import load_all

_WithoutPrompt = Callable[[str, str], tuple[str, list[Any]]]
_DIALECTS: tuple[tuple[tuple[str, ...], _WithoutPrompt], ...] = (
    (toolace.MARKS, toolace.without_prompt),
    (("<tools>", hermes.OPEN), hermes.without_prompt),
    ((glaive.ANNOUNCEMENT,), glaive.without_prompt),
    ((react.APIS, "Action"), react.without_prompt),
)
_NAME = r"[\"']name[\"']\s*:\s*[\"']?(?:<|func)"  # "name": <function-name>
_ARGUMENTS = r"[\"'](?:arguments|parameters|args|params|kwargs|input)[\"']\s*:"
_PLACEHOLDER = rf"{_NAME}[^{{}}]{{0,80}}?{_ARGUMENTS}|{_ARGUMENTS}[^:]{{0,80}}?{_NAME}"
_SIGN = re.compile(r"[<\[{✿【|]|Action|to=functions")
_OF_CALLS = re.compile("tool|func|call|invoke|plugin|python_tag|action", re.IGNORECASE)


def without_call_format(text: str, where: str) -> tuple[str, list[Any]]:
    """Return what is left of a system text, and the tools in it; mostly the text as it is.

    Raises DataError: format_in_prompt for a format that cannot be taken out, bad_tools.
    """
    if not _SIGN.search(text):
        return text, []
    rest, tools = text, []
    for marks, without_prompt in _DIALECTS:
        if any(mark in rest for mark in marks):
            rest, found = without_prompt(rest, where)
            tools += found
    if json_prompt.may_hold_tools(rest):
        rest, found = json_prompt.without_prompt(rest, where)
        tools += found
    if mark := _marks().search(rest):
        check_no_markup(rest, [mark[0]])
    return (rest.strip() if tools or rest != text else text), tools


@cache
def _marks() -> re.Pattern[str]:
    """Return what shows that a text prescribes a format: the marks that calls are known by."""
    marks = {hermes.OPEN, glaive.CALL, "Action Input:", "functools["}
    for form in load_all().values():
        # the others are tokens of any message
        marks.update(mark for mark in form.SIGNS.opening if _OF_CALLS.search(mark))
    return re.compile(f"{any_of(marks)}|{_PLACEHOLDER}")
