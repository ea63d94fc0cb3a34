"""Texts of a server without the key that it was sent: some servers repeat it in an error.

It is found as it is, percent-encoded, as JSON escapes it, and in base64; also where only its
beginning is left, as at the end of a text that was cut. A key of fewer than 8 characters may be a
part of other words: from 4 on it is hidden where it stands alone, a shorter one only behind
`Bearer`, `key` or `token`. Logins in addresses (a proxy's) are hidden too.
"""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from functools import lru_cache
from urllib.parse import quote

from swiftkit.sandbox.secret_values import hide_secrets

NO_KEY = ("", "EMPTY")
_MASK = "***"
_LONG = 8  # characters: no word of a message by chance
_SHORT = 4
_TELLING = 16  # a server that masks a key itself leaves fewer
_CODE = re.compile("%[0-9a-f]{2}", re.IGNORECASE)
_NAMED = r"(?i:(?:bearer|key|token)\W{1,4}(?:(?:provided|is|was)\W{1,4})?)"


def hide_key(text: str, key: str) -> str:
    """Return the text without the key and without logins in addresses."""
    if key not in NO_KEY:
        if len(key) < _LONG:
            before = "" if len(key) >= _SHORT else _NAMED
            pattern = rf"({before})(?<!\w){re.escape(key)}(?!\w)"
            text = re.sub(pattern, rf"\1{_MASK}", text)
        else:
            text = _CODE.sub(lambda code: code[0].upper(), text)
            for form in _forms(key):
                text = text.replace(form, _MASK)
            for form in _forms(key):
                text = _without_beginning(text, form)
    return hide_secrets(text)


def hide_key_in_answer(body: bytes, key: str) -> bytes:
    """Return the body of an answer without the key, should the server repeat it there. A shorter
    key may be a word of the model's own."""
    return body.replace(key.encode(), _MASK.encode()) if len(key) >= _TELLING else body


def _without_beginning(text: str, form: str) -> str:
    """Return the text without what the form begins with, as far as it goes."""
    least = min(max(_LONG, len(form) // 2), _TELLING)
    start = text.find(form[:least])
    while start >= 0:
        end = start + least
        while end < len(text) and form.startswith(text[start : end + 1]):
            end += 1
        text = f"{text[:start]}{_MASK}{text[end:]}"
        start = text.find(form[:least], start + len(_MASK))
    return text


@lru_cache
def _forms(key: str) -> tuple[str, ...]:
    """Return the ways in which the key may be written, the longest first."""
    forms = {key, quote(key), quote(key, safe="")}
    forms |= {json.dumps(key)[1:-1], json.dumps(key)[1:-1].replace("/", "\\/")}
    for shift in range(3):  # base64 of a longer text, such as `user:key`, by where the key begins
        for encode in (b64encode, urlsafe_b64encode):
            coded = encode(bytes(shift) + key.encode())[(0, 2, 3)[shift] :]
            forms.add(coded.rstrip(b"=").decode())
    return tuple(sorted(forms, key=len, reverse=True))
