"""Careful access to values of outside JSON, which may be of any type."""

from typing import Any

import msgspec


def field(value: Any, key: str) -> Any:
    """Return what an object holds under a key; None for no such key, and for what is no object."""
    return value.get(key) if isinstance(value, dict) else None


def items(value: Any) -> list[Any]:
    """Return a list itself; none for anything else."""
    return value if isinstance(value, list) else []


def listed(value: Any) -> list[Any]:
    """Return a list itself, and anything else as the one item of a list."""
    return value if isinstance(value, list) else [value]


def as_text(value: Any) -> str:
    """Return a text itself, and anything else as JSON text."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
