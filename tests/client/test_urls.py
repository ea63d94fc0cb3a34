"""Base URLs: the forms that people type."""

import pytest

from swiftkit.client.urls import base_url
from swiftkit.errors import UsageError


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("http://h:8000", "http://h:8000/v1"),
        ("http://h:8000/", "http://h:8000/v1"),
        ("h:8000", "http://h:8000/v1"),
        (" http://h:8000/v1/ ", "http://h:8000/v1"),
        ("http://h:8000/v1/chat/completions", "http://h:8000/v1"),
        ("http://h:8000/chat/completions/", "http://h:8000/v1"),
        ("http://h:8000/v1/models", "http://h:8000/v1"),
        ("api.example.com/v1", "https://api.example.com/v1"),
        ("127.0.0.1/v1", "http://127.0.0.1/v1"),
        ("https://h/api/paas/v4", "https://h/api/paas/v4"),
    ],
)
def test_base_url_common_forms_are_understood(typed: str, meant: str) -> None:
    """Each common way to write an endpoint means its base URL."""
    assert base_url(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ftp://h",
        "http://",
        "http://h:80x/v1",
        "http://user:secret@h/v1",
        "https://:secret@h",
        "https://secret@h",
        "http:/user:secret@h",
        "http:user:secret@h",
        "http://user:80/secret@h",
        "user:secret@h:8000",
        "http://user%3Asecret%40h/v1",
        "http://h/v1?key=secret",
        "http://h/v1/?secret",
        "http://h/v1#secret",
        "http://h/v1%3Fapi_key%3Dsecret",
        "http://h/v1;key=secret",
        "ftp://user:secret@h",
        "[::1",
        "http:/h/v1",
        "http://h:/v1",
        "http://h/a b",
        "http://h/v1\nX-Header",
    ],
)
def test_base_url_unusable_is_refused_without_its_secrets(typed: str) -> None:
    """A wrong address is wrong usage; a secret in it is not repeated."""
    with pytest.raises(UsageError) as caught:
        base_url(typed)
    assert "secret" not in str(caught.value)


def test_base_url_refused_says_where_its_own_key_belongs() -> None:
    """The judge's is not the endpoint's."""
    with pytest.raises(UsageError, match="SWIFTKIT_JUDGE_API_KEY in the environment"):
        base_url("http://h/v1?key=secret", "SWIFTKIT_JUDGE_BASE_URL")
