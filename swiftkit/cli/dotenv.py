r"""The settings in `.env`, of the folder that a command runs in: OPENAI_... and SWIFTKIT_...

    # a comment
    export OPENAI_API_KEY="sk-..."   # another one

What the environment sets already stays. Nothing is expanded ($NAME stays as it is). A `#` begins a
comment behind a blank, outside of quotes. Double quotes take \" and \\. A line that cannot be used
is named on stderr, without its value; what other programs have in the file is not looked at.
"""

import codecs
import os
import re
from collections.abc import Iterator
from pathlib import Path

from swiftkit.terminal import say

_LARGEST = 1 << 20  # bytes
_LINE = re.compile(r"\s*(?:export\s+)?((?:OPENAI|SWIFTKIT)_\w+)\s*=\s*(.*)", re.ASCII)
_QUOTED = re.compile(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")\s*(?:\s#.*)?""")
_COMMENT = re.compile(r"(?:^|\s)#.*")


def read_dotenv(path: Path = Path(".env")) -> None:
    """Set what the file sets of our own names, as far as the environment does not."""
    given = set(os.environ)
    read: set[str] = set()
    for name, value in _settings(path):
        if name in read:
            say(f"note: {path} sets {name} more than once; the last one counts")
        read.add(name)
        if name not in given:
            os.environ[name] = value


def _settings(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of each line of ours."""
    for number, line in enumerate(re.split(r"\r\n|\r|\n", _text(path)), 1):
        match = _LINE.fullmatch(line)
        if not match:
            continue
        name, value = match.groups()
        problem = ""
        if value.startswith(("'", '"')):
            quoted = _QUOTED.fullmatch(value)
            if quoted is None:
                problem = "the quote does not end, or something follows it"
            elif quoted[1] is not None:
                value = quoted[1]
            else:
                value = re.sub(r"\\([\"\\])", r"\1", quoted[2])
        else:
            value = _COMMENT.sub("", value).strip()
        if "\0" in value:
            problem = "it holds a zero byte"
        try:
            os.fsencode(value)
        except UnicodeEncodeError:
            problem = "this system's encoding has no such characters"
        if problem:
            say(f"note: {path}:{number}: {name} is left out: {problem}")
        else:
            yield name, value


def _text(path: Path) -> str:
    """Return the file's text; "" without a file (a folder .env is a virtual environment)."""
    problem = ""
    try:
        if path.is_file():
            with path.open("rb") as file:
                raw = file.read(_LARGEST + 1)
            if len(raw) <= _LARGEST:
                return _decoded(raw)
            problem = f"larger than {_LARGEST >> 20} MiB"
        elif path.exists() and not path.is_dir():
            problem = "no file, but a pipe or a device"  # to read it could wait for ever
    except OSError as error:
        problem = str(error.strerror)
    if problem:
        say(f"note: {path} is not read: {problem}")
    return ""


def _decoded(raw: bytes) -> str:
    """Return the text. In other encodings than UTF-16 our names and keys are ASCII, and what
    stands beside them stays as it is."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", "replace")
    if raw[1:4:2] == b"\0\0":
        return raw.decode("utf-16-le", "replace")
    if raw[0:4:2] == b"\0\0":
        return raw.decode("utf-16-be", "replace")
    return raw.decode("utf-8-sig", "surrogateescape")
