"""Secrets in the environment, and in any text: which they are, and the text without them.

A secret is known by the name of its variable or flag, or by its place in an address.
"""

import json
import re
from collections.abc import Iterable, Mapping

HIDDEN = "REDACTED"  # a plain word to YAML and to a shell
SECRET_WORDS = (
    "token secret password passwd passphrase credential credentials apikey webhook"
).split()
_BEFORE_KEY = "api access secret private auth account license".split()  # as in api_key
# A shorter value (EMPTY, 0) is hidden where its name stands, but not looked for elsewhere.
_SHORTEST = 6
# Bounded: texts may be long.
_LOGIN = re.compile(r"(?<![\w+.-])([A-Za-z][\w+.-]{0,30}://)[^/\s\"']{1,500}@")


def is_secret(name: str) -> bool:
    """Return True if a variable or flag of this name holds a secret.

    api_key, HF_TOKEN and swanlab_webhook_url do; max_new_tokens and reft_layer_key do not.
    """
    words = re.split(r"[\W_]+", name.strip("-_").lower())
    for before, word in zip(["", *words], words, strict=False):
        if word in SECRET_WORDS:
            return True
        if word == "key" and (before in _BEFORE_KEY or name.isupper()):
            return True
    return False


def secret_values(*mappings: Mapping[str, str]) -> list[str]:
    """Return the values of all secret names, and how else they are written.

    The longest first: one may begin another.
    """
    values = set()
    for mapping in mappings:
        for name, value in mapping.items():
            value = value.strip()  # as it is used: a file's line end comes along
            if is_secret(name) and len(value) >= _SHORTEST:
                values |= _with_escapes(value)
    return sorted(values, key=len, reverse=True)


def _with_escapes(value: str) -> set[str]:
    """Return the value as it is, as repr and JSON escape it, and as they escape that once more.

    An exception's text may quote a text in which the value is quoted.
    """
    forms = {value}
    for _ in range(2):
        for form in tuple(forms):
            # repr escapes the one quote or not, after what else stands in the text.
            pieces = [repr(piece)[1:-1] for piece in form.split("'")]
            forms |= {"'".join(pieces), r"\'".join(pieces)}
            forms |= {json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1]}
    return forms


def hide_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text without `secrets` and without logins in addresses."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return _LOGIN.sub(rf"\1{HIDDEN}@", text)
