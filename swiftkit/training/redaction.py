"""What must not be written down: keys, tokens, passwords, and web addresses that hold them.

A secret is known by the name of its variable or flag, by its place in an address, or because its
value is that of a variable or flag so named. What is taken out reads REDACTED, which is a plain
word to YAML and to a shell.
"""

import re
from collections.abc import Iterable, Mapping

HIDDEN = "REDACTED"
# characters; a shorter value (EMPTY, 0) is hidden where its name stands, but not looked for
# elsewhere
_SHORTEST = 6
_WORDS = (
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "credential",
    "credentials",
    "apikey",
    "webhook",
)
# what stands before `key` in a flag
_KEYS = ("api", "access", "secret", "private", "auth", "account", "license")
# bounded: texts may be long
_NAMES = r"(?<![\w.-])[\w.-]{0,64}(?:" + "|".join((*_WORDS, "key")) + r")[\w.-]{0,64}"
_LOGIN = re.compile(r"(?<![\w+.-])([A-Za-z][\w+.-]{0,30}://)[^/\s\"']{1,500}@")
_PAIR = re.compile(rf"(?i)({_NAMES})([\"']?\s*[:=]\s*)(\"[^\"\n]*\"|'[^'\n]*'|[^\s\"',;&{{}}]+)")


def is_secret(name: str) -> bool:
    """Whether a variable's or flag's value is one, by its name: api_key, HF_TOKEN,
    swanlab_webhook_url; not max_new_tokens or reft_layer_key."""
    words = re.split(r"[\W_]+", name.strip("-_").lower())
    if any(word in _WORDS for word in words):
        return True
    pairs = zip(["", *words], words, strict=False)
    return any(word == "key" and (before in _KEYS or name.isupper()) for before, word in pairs)


def secret_values(*named: Mapping[str, str]) -> list[str]:
    """The values of all that is_secret, the longest first: one may be the beginning of another."""
    found = {
        value
        for names in named
        for name, value in names.items()
        if is_secret(name) and len(value) >= _SHORTEST
    }
    return sorted(found, key=len, reverse=True)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Without `secrets`, logins in addresses, and the values of secret names in `name=value` and
    `name: value`."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = _LOGIN.sub(rf"\1{HIDDEN}@", text)
    return _PAIR.sub(
        lambda found: found[1] + found[2] + HIDDEN if is_secret(found[1]) else found[0], text
    )


def redacted_mapping(named: Mapping[str, str], secrets: Iterable[str] = ()) -> dict[str, str]:
    return {
        name: HIDDEN if is_secret(name) and value else redacted(value, secrets)
        for name, value in named.items()
    }


def redacted_words(words: Iterable[str], secrets: Iterable[str] = ()) -> list[str]:
    """A command's words, as many: what follows a secret flag is hidden up to the next flag, also
    after `=`."""
    found: list[str] = []
    hiding = False
    for word in words:
        if word.startswith("--"):
            flag, equals, _ = word.partition("=")
            hiding = is_secret(flag) and not equals
            found.append(
                f"{flag}={HIDDEN}" if equals and is_secret(flag) else redacted(word, secrets)
            )
        else:
            found.append(HIDDEN if hiding else redacted(word, secrets))
    return found
