"""Secrets in the environment and in texts: known by their names, hidden wherever they stand."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swiftkit.sandbox.secret_values import hide_secrets, is_secret, secret_values


@pytest.mark.parametrize(
    "name",
    "HF_TOKEN WANDB_API_KEY X_KEY --api_key hub_token swanlab_webhook_url apiKey x-api-key".split(),
)
def test_is_secret_knows_keys_tokens_and_webhooks(name: str) -> None:
    """Variables that end in KEY or TOKEN, and the flags of swift that take a key, a token or a
    webhook."""
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    "max_new_tokens TOKENIZERS_PARALLELISM reft_layer_key teacher_tag_key ssl_keyfile".split(),
)
def test_is_secret_is_false_for_names_that_only_sound_like_it(name: str) -> None:
    """Swift's own flags that only sound like it keep their values, or a run could not be
    repeated."""
    assert not is_secret(name)


def test_hide_secrets_hides_values_of_secret_names_and_logins() -> None:
    """The longer value first, which the shorter begins; one that is too short may be anything."""
    environment = {"A_TOKEN": "abcdef", "B_TOKEN": "abcdefgh", "C_TOKEN": "abc", "HOME": "/home/me"}
    secrets = secret_values(environment)
    assert secrets == ["abcdefgh", "abcdef"]
    text = "abcdefgh abcdef abc /home/me at postgres://me:word@host/x"
    assert hide_secrets(text, secrets) == (
        "REDACTED REDACTED abc /home/me at postgres://REDACTED@host/x"
    )


SECRETS = st.text("aZ7\\'\"/\n\té晴\x00", min_size=6, max_size=12).map(str.strip)


@pytest.mark.parametrize(
    "write",
    [
        str,
        repr,
        json.dumps,
        lambda text: json.dumps({"key": [text]}, ensure_ascii=False),
        lambda text: str(KeyError({"key": text})),
        lambda text: repr(json.dumps(text)),
        lambda text: json.dumps(repr(text)),
        lambda text: repr(ValueError(f"no {text!r}")),
    ],
)
@given(secret=SECRETS, around=st.sampled_from(["", "'", '"', "\"'"]))
def test_hide_secrets_knows_a_value_however_it_is_escaped(
    write: Callable[[str], str], secret: str, around: str
) -> None:
    """As Python and JSON write it, and write that again; a line end at its own end is left out."""
    secrets = secret_values({"A_TOKEN": f"{secret}\n"})
    if len(secret) >= 6:
        assert "<REDACTED>" in hide_secrets(write(f"{around}<{secret}>{around}"), secrets)
