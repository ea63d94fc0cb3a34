"""A text as it stands in a tutorial, split into commands as a shell would."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from swiftkit.errors import UsageError

ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
# $(...) with two levels of parentheses inside, `...`, ${...}
_SUBSTITUTION = r"\$\((?>[^()]|\((?>[^()]|\([^()]*\))*\))*\) | `[^`]*` | \$\{[^}]*\}"
_TOKEN = re.compile(
    rf"""
    (?P<cut> \\[ \t]+\r? (?: \n | \Z ) )
    | (?P<blank> [ \t\r]+ | \\\r?\n | \#[^\n]* )  # a # inside a word (FILE#500) begins no comment
    | (?P<redirection> [0-9]? (?: &>>? | <{{1,3}} | >{{1,2}} ) [&|]? )
    | (?P<end> [;&|\n()]+ )
    | (?P<word> (?:
        '[^']*' | "(?>\\.|{_SUBSTITUTION}|[^"\\])*" | \\. | {_SUBSTITUTION}
        | \$(?!\() | [^ \t\r\n'"\\;&|<>()`$]
      )+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_PIECE = re.compile(
    rf"""
    \\(?P<escaped>.) | \$\{{(?P<braced>\w+)\}} | \$(?P<name>[A-Za-z_]\w*)
    | (?P<unknown> {_SUBSTITUTION} | \$[@*\#?!$0-9-] ) | (?P<plain>.)
    """,
    re.VERBOSE | re.DOTALL,
)
# What stands before a command: prompts, a notebook's mark, words of loops and conditions.
_MARKS = ("$", "%", "!", "{", "do", "then", "else", "if", "while")


class ShellText(NamedTuple):
    """The words of each command, and how those were written that a shell changes.

    `sources`: word -> as it was written, quotes too. `unknown` are the words that a shell alone
    knows, such as $(date) or *.jsonl; they stand in the commands as they were written.
    """

    commands: list[list[str]]
    sources: dict[str, str]
    unknown: set[str]


def shell_commands(text: str) -> ShellText:
    """Return the words of each command: of each line, and before and after ; & && | || ( ).

    Redirections and comments are left out. Variables are known where the text assigns them. Raises
    UsageError for a quote that is not closed, and for a blank behind a line's last backslash.
    """
    shell = ShellText([[]], {}, set())
    variables: dict[str, str] = {}
    is_file_name = False  # of a redirection
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            rest = " ".join(text[position : position + 30].split())
            raise UsageError(f"a quote or parenthesis is not closed: {rest}")
        if token["cut"]:
            line = text.count("\n", 0, position) + 1
            reason = "a blank stands behind the last backslash, so the command ends there"
            raise UsageError(f"line {line}: {reason} (remove the blank)")
        position = token.end()
        if token["end"]:
            _assign(shell, variables)
            shell.commands.append([])
        elif token["word"] and not is_file_name:
            _add(shell, token["word"], variables)
        if not token["blank"]:
            is_file_name = bool(token["redirection"])
    commands = [words for words in shell.commands if words]
    return shell._replace(commands=commands)


def is_assignment(words: Sequence[str]) -> bool:
    """Return True for `NAME=VALUE ...`, also behind export."""
    rest = words[1:] if words[0] == "export" else words
    return bool(rest) and all(map(ASSIGNMENT.match, rest))


def _add(shell: ShellText, source: str, variables: Mapping[str, str]) -> None:
    """Add a word to the last command."""
    words = shell.commands[-1]
    if not words:
        source = source.removeprefix("!")  # of a notebook
        if source in ("", *_MARKS):
            return
    # What follows --flag= or NAME= is a value of its own.
    name = re.match(r"(?:--?)?[A-Za-z_][\w-]*=", source)
    start = name[0] if name else ""
    value = _value(source[len(start) :], variables)
    if value is None:
        value = source[len(start) :]
        shell.unknown.update((value, start + value))
    for word, written in ((value, source[len(start) :]), (start + value, source)):
        if word != written or value in shell.unknown:
            shell.sources[word] = written
    words.append(start + value)


def _assign(shell: ShellText, variables: dict[str, str]) -> None:
    """Note what the last command assigns."""
    words = shell.commands[-1]
    if words and is_assignment(words):
        for word in words:
            name, equals, value = word.partition("=")
            if value in shell.unknown:
                variables.pop(name, None)
            elif equals:
                variables[name] = value


def _value(source: str, variables: Mapping[str, str]) -> str | None:
    """Return the word that a shell makes of it; None where only the shell knows."""
    value, position, is_quoted = "", 0, False
    while position < len(source):
        character = source[position]
        if character == '"':
            is_quoted = not is_quoted
            position += 1
            continue
        if character == "'" and not is_quoted:
            end = source.index("'", position + 1)
            value += source[position + 1 : end]
            position = end + 1
            continue
        piece = _PIECE.match(source, position)
        if piece is None or piece["unknown"]:
            return None
        position = piece.end()
        name = piece["braced"] or piece["name"]
        if name:
            known = variables.get(name)
            if known is None or (not is_quoted and re.search(r"[\s*?]|^$", known)):
                return None
            value += known
        elif piece["plain"]:
            if not is_quoted and piece["plain"] in "*?":
                return None
            value += piece["plain"]
        elif piece["escaped"] != "\n":  # the line goes on
            is_kept = is_quoted and piece["escaped"] not in '$`"\\'
            value += piece[0] if is_kept else piece["escaped"]
    return value
