"""Take out what must not be written down: keys, tokens, passwords, addresses that hold them.

A secret is known by the name of its variable or flag, by its place in an address, or because its
value is that of a variable or flag so named. What is taken out reads REDACTED, which is a plain
word to YAML and to a shell.
"""

import re
from collections.abc import Iterable, Mapping

from swiftkit.recipe.recipe import Recipe

HIDDEN = "REDACTED"
# A shorter value (EMPTY, 0) is hidden where its name stands, but not looked for elsewhere.
_SHORTEST = 6
_WORDS = ("token secret password passwd passphrase credential credentials apikey webhook").split()
_BEFORE_KEY = "api access secret private auth account license".split()  # as in api_key
# Bounded: texts may be long.
_NAMES = r"(?<![\w.-])[\w.-]{0,64}(?:" + "|".join([*_WORDS, "key"]) + r")[\w.-]{0,64}"
_LOGIN = re.compile(r"(?<![\w+.-])([A-Za-z][\w+.-]{0,30}://)[^/\s\"']{1,500}@")
_PAIR = re.compile(rf"(?i)({_NAMES})([\"']?\s*[:=]\s*)(\"[^\"\n]*\"|'[^'\n]*'|[^\s\"',;&{{}}]+)")


def is_secret(name: str) -> bool:
    """Return True if a variable or flag of this name holds a secret.

    api_key, HF_TOKEN and swanlab_webhook_url do; max_new_tokens and reft_layer_key do not.
    """
    words = re.split(r"[\W_]+", name.strip("-_").lower())
    for before, word in zip(["", *words], words, strict=False):
        if word in _WORDS:
            return True
        if word == "key" and (before in _BEFORE_KEY or name.isupper()):
            return True
    return False


def recipe_secrets(recipe: Recipe) -> list[str]:
    """Return the values of the secret variables and settings that a run gets."""
    settings = {flag: " ".join(values) for flag, values in recipe.settings.items()}
    return secret_values(recipe.environment, recipe.file_environment, settings)


def secret_values(*mappings: Mapping[str, str]) -> list[str]:
    """Return the values of all secret names, the longest first: one may begin another."""
    values = set()
    for mapping in mappings:
        for name, value in mapping.items():
            if is_secret(name) and len(value) >= _SHORTEST:
                values.add(value)
    return sorted(values, key=len, reverse=True)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text without `secrets`, logins in addresses, and values of secret names.

    The latter in `name=value` and `name: value`.
    """
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = _LOGIN.sub(rf"\1{HIDDEN}@", text)
    return _PAIR.sub(_redacted_pair, text)


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
