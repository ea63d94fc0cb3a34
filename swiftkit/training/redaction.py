"""Take out what must not be written down: keys, tokens, passwords, addresses that hold them.

A secret is known by the name of its variable or flag, by its place in an address, or because its
value is that of a variable or flag so named (sandbox/secret_values.py). It reads REDACTED then.
"""

import re
from collections.abc import Iterable, Mapping

from swiftkit.recipe.recipe import Recipe
from swiftkit.sandbox.secret_values import (
    HIDDEN,
    SECRET_WORDS,
    hide_secrets,
    is_secret,
    secret_values,
)

# Bounded: texts may be long.
_NAMES = r"(?<![\w.-])[\w.-]{0,64}(?:" + "|".join([*SECRET_WORDS, "key"]) + r")[\w.-]{0,64}"
_PAIR = re.compile(rf"(?i)({_NAMES})([\"']?\s*[:=]\s*)(\"[^\"\n]*\"|'[^'\n]*'|[^\s\"',;&{{}}]+)")


def recipe_secrets(recipe: Recipe) -> list[str]:
    """Return the values of the secret variables and settings that a run gets."""
    settings = {flag: " ".join(values) for flag, values in recipe.settings.items()}
    return secret_values(recipe.environment, recipe.file_environment, settings)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text without `secrets`, logins in addresses, and values of secret names.

    The latter in `name=value` and `name: value`.
    """
    return _PAIR.sub(_redacted_pair, hide_secrets(text, secrets))


def _redacted_pair(match: re.Match[str]) -> str:
    name, separator, _ = match.groups()
    return name + separator + HIDDEN if is_secret(name) else match[0]


def redacted_mapping(mapping: Mapping[str, str], secrets: Iterable[str] = ()) -> dict[str, str]:
    """Return the mapping without the values of secret names, and without secrets in the others."""
    result = {}
    for name, value in mapping.items():
        is_hidden = is_secret(name) and value
        result[name] = HIDDEN if is_hidden else redacted(value, secrets)
    return result


def redacted_words(words: Iterable[str], secrets: Iterable[str] = ()) -> list[str]:
    """Return a command's words, as many as before.

    What follows a secret flag is hidden up to the next flag, also after `=`.
    """
    result: list[str] = []
    is_hidden = False
    for word in words:
        flag, equals, _ = word.partition("=")
        if word.startswith("--"):
            is_hidden = is_secret(flag) and not equals
            if equals and is_secret(flag):
                result.append(f"{flag}={HIDDEN}")
            else:
                result.append(redacted(word, secrets))
        else:
            result.append(HIDDEN if is_hidden else redacted(word, secrets))
    return result


def redacted_settings(recipe: Recipe, secrets: Iterable[str]) -> dict[str, list[str]]:
    """Return a recipe's settings, sorted by flag."""
    settings = {}
    for flag, values in sorted(recipe.settings.items()):
        settings[flag] = redacted_words([f"--{flag}", *values], secrets)[1:]
    return settings
