"""The wire formats of tool calls, one a file; the file's name is the format's name.

A file with parse, render and SIGNS, as toolcall/wire_format.py describes them, is a format: it is
found by its folder, and nothing has to name it. What formats share stands in scanners/.
"""

import pkgutil
from functools import cache


def names() -> list[str]:
    """Return the names of all formats, sorted. Cheap: none of them is imported."""
    return _names_in(*__path__)


@cache
def _names_in(*folders: str) -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(folders))
