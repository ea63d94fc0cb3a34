"""Words as one line of shell, which can be pasted and gives the very same words."""

import os
import shlex
from collections.abc import Mapping, Sequence


def shell_line(variables: Mapping[str, str], words: Sequence[str]) -> str:
    """Return `NAME=value ... word word ...`; a line break in a word does not break the line."""
    pairs = [f"{name}={quote(value)}" for name, value in variables.items()]
    program, *arguments = map(quote, words)
    if "=" in program and program == words[0]:  # the shell would set a variable
        program = f"'{program}'"
    return " ".join([*pairs, program, *arguments])


def quote(word: str) -> str:
    """Return one word for a shell; bash's $'...' where a terminal or the line would suffer."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = ""
    for character in word:
        if character in "'\\":
            escaped += f"\\{character}"
        elif character.isprintable():
            escaped += character
        else:  # control characters, and bytes of a name that are not UTF-8
            escaped += "".join(f"\\{byte:03o}" for byte in os.fsencode(character))
    return f"$'{escaped}'"
