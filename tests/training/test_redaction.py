"""A record without secrets: whatever names itself one, wherever its value stands."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.sandbox.secret_values import HIDDEN, is_secret, secret_values
from swiftkit.training.redaction import (
    redacted,
    redacted_mapping,
    redacted_words,
)

# Values that no name and no other part of a command holds by chance.
SECRETS = st.text(string.ascii_letters + string.digits + "-._~+/=", min_size=8, max_size=40).map(
    "Zq7#".__add__
)
NAMES = st.sampled_from(
    "SWANLAB_API_KEY HF_TOKEN MY_KEY MODELSCOPE_API_TOKEN AWS_SECRET_ACCESS_KEY DB_PASSWORD".split()
)
FLAGS = st.sampled_from(
    "--api_key --hub_token --swanlab-token --swanlab_secret --swanlab_webhook_url".split()
)


@settings(max_examples=100, deadline=None)
@given(NAMES, FLAGS, SECRETS, SECRETS, st.lists(st.text(max_size=8), max_size=4))
def test_redacted_words_and_mapping_hold_no_secret(
    name: str, flag: str, secret: str, other: str, words: list[str]
) -> None:
    """In the environment, after a flag, after `=`, in an address, and under another name."""
    environment = {
        name: secret,
        "HTTPS_PROXY": f"http://me:{other.replace('/', '')}@proxy:80/x",
        "COPY": f"a{secret}b",
    }
    secrets = secret_values(environment)
    command = [
        *words,
        flag,
        secret,
        "--model",
        f"m-{secret}",
        f"{flag}={other}",
        flag,
        other,
        other,
    ]
    shown = "\n".join(
        [*redacted_words(command, secrets), *redacted_mapping(environment, secrets).values()]
    )
    assert secret not in shown
    assert other.replace("/", "") not in shown
    assert len(redacted_words(command, secrets)) == len(command)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(string.ascii_lowercase + "/._-0123456789 中", max_size=12), max_size=6))
def test_redacted_words_without_secrets_stay(words: list[str]) -> None:
    """A command without secrets is kept to the letter."""
    command = [f"--{word}" if number % 2 else word for number, word in enumerate(words)]
    kept = [word for word in command if not is_secret(word)]
    assert redacted_words(kept) == kept


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("swanlab_token: abc123 # mine", f"swanlab_token: {HIDDEN} # mine"),
        ('{"api_key": "a b", "n": 1}', f'{{"api_key": {HIDDEN}, "n": 1}}'),
        ("git+https://user:p%40ss@host/x.git@main", f"git+https://{HIDDEN}@host/x.git@main"),
        ("https://host/hook?access_token=abc&x=1", f"https://host/hook?access_token={HIDDEN}&x=1"),
        ("max_new_tokens: 2048", "max_new_tokens: 2048"),
        ("https://host/a@b", "https://host/a@b"),
    ],
)
def test_redacted_text_keeps_all_but_the_secret(text: str, shown: str) -> None:
    """A YAML's lines, JSON in a flag, and addresses keep all but the secret."""
    assert redacted(text) == shown


def test_redacted_long_text_stays() -> None:
    """A text of a million letters costs no quadratic search."""
    text = "key" * 300_000
    assert redacted(text) == text
