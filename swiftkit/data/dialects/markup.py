"""What must not be left of a system text that prescribes a format of calls."""

from collections.abc import Iterable

from swiftkit.errors import DataError


def check_no_markup(system: str, marks: Iterable[str]) -> str:
    """Return the stripped system text. Raises DataError (format_in_prompt) if it holds a mark."""
    for mark in marks:
        if mark in system:
            reason = f"the system text prescribes a format of calls: {mark!r}"
            fix = "take the sentences about the format of calls out"
            raise DataError(reason, "format_in_prompt", f"{fix}: the chat template writes its own")
    return system.strip()
