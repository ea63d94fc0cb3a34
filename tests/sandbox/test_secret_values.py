"""Secrets in the environment and in texts: known by their names, hidden wherever they stand."""

import pytest

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
