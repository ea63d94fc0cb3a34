"""A text as it stands in a tutorial, split into commands as a shell would."""

import re
import shlex

_TOKEN = re.compile(
    r"""
    (?P<blank> [ \t\r]+ | \\\r?\n | \#[^\n]* )  # a # inside a word (FILE#500) begins no comment
    | (?P<redirection> [0-9]? (?: &>>? | <{1,3} | >{1,2} ) [&|]? )
    | (?P<end> [;&|\n]+ )
    | (?P<word> (?: '[^']*' | "(?:\\.|[^"\\])*" | \\. | [^ \t\r\n'"\\;&|<>] )+ )
    """,
    re.VERBOSE | re.DOTALL,
)


def shell_commands(text: str) -> list[list[str]]:
    """Return the words of each command: of each line, and before and after ; & && | ||.

    Redirections and comments are left out. No variable is replaced. Raises ValueError for a quote
    that is not closed.
    """
    commands: list[list[str]] = [[]]
    is_file_name = False  # of a redirection
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise ValueError(f"a quote is not closed: {text[position : position + 20]}")
        position = token.end()
        if token["end"]:
            commands.append([])
        elif token["word"] and not is_file_name:
            commands[-1] += shlex.split(token["word"])
        if not token["blank"]:
            is_file_name = bool(token["redirection"])
    return [words for words in commands if words]
