"""YAML of unknown origin: bombs are harmless, and plain scalars are those of YAML 1.2."""

import tracemalloc
from typing import Any

import pytest
from helpers.yaml_bombs import ALIAS_BOMB, MERGE_BOMB

from swiftkit.errors import DataError
from swiftkit.files.safe_yaml import DEEPEST, read_yaml


@pytest.mark.parametrize("text", [ALIAS_BOMB, MERGE_BOMB, "a: &a {x: *a}"])
def test_read_yaml_of_a_bomb_takes_little_memory(text: str) -> None:
    """Aliases are shared, and merges hold each key once."""
    tracemalloc.start()
    read_yaml(text.encode(), "here")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_read_yaml_merges_as_yaml_says() -> None:
    """A mapping's own keys win, then the first of the merged ones; merged keys stand first."""
    text = "b: &b {x: 1, y: 1}\nc: &c {y: 2, z: 2, <<: *b}\nd: {z: 3, <<: [*b, *c]}"
    document = read_yaml(text.encode(), "here")
    assert document["c"] == {"x": 1, "y": 2, "z": 2}
    assert document["d"] == {"x": 1, "y": 1, "z": 3}
    assert read_yaml(MERGE_BOMB.encode(), "here")["m11"] == {"x": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[no, on, yes, 2020-01-01, 12:30, 0o17]", ["no", "on", "yes", "2020-01-01", "12:30", "0o17"]),
        ("[true, False, ~, null, 12, 0x1f, 1.5, 1e3, '12']", [True, False, None, None, 12, 31, 1.5, 1000.0, "12"]),
        ("{1: a, true: b, '<<': c}", {"1": "a", "true": "b", "<<": "c"}),
        ("", None),
    ],
)  # fmt: skip
def test_read_yaml_scalars_follow_the_core_schema(text: str, value: Any) -> None:
    """Keys are text always."""
    assert read_yaml(text.encode(), "here") == value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{a: 1, a: 2}", "broken_yaml"),
        ("x: &x {a: 1, a: 2}\ny: {<<: *x}", "broken_yaml"),
        ("{[a]: 1}", "broken_yaml"),
        ("a: 1e999", "broken_yaml"),
        ("a: !!python/object/apply:os.system ['echo']", "broken_yaml"),
        ("[" * (DEEPEST + 1), "too_deep"),
        ("- " * 100_000, "too_deep"),
    ],
)
def test_read_yaml_refuses_by_code(text: str, code: str) -> None:
    """What could be read in two ways, what is no plain data, and what is too deep."""
    with pytest.raises(DataError, match=r"^here") as caught:
        read_yaml(text.encode(), "here")
    assert caught.value.code == code


def test_read_yaml_of_the_greatest_depth() -> None:
    """Nothing else ends there."""
    assert read_yaml(("[" * DEEPEST + "]" * DEEPEST).encode(), "here")
