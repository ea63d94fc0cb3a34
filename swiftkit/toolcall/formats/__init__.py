"""The wire formats of tool calls, one a file; the file's name is the format's name.

A file with parse, render and SIGNS, as toolcall/wire_format.py describes them, is a format: it is
found by its folder, and nothing has to name it. What formats share stands in scanners/.

A file's docstring shows an example and says who writes the format (`Written by:`), what else is
read (`Read too:`), what it cannot carry (`Limits:`) and which parsers of vLLM 0.33 and SGLang
0.5.23 read it (`Engines:`): docs/wire-formats.md has a table of it. `Source:` names the parsers'
files too, of vllm/tool_parsers, vllm/parser and sglang/srt/function_call.
"""

import pkgutil
from functools import cache


def names() -> list[str]:
    """Return the names of all formats, sorted. Cheap: none of them is imported."""
    return _names_in(*__path__)


@cache
def _names_in(*folders: str) -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(folders))
