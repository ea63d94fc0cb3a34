"""Hostile records of every format: whatever is done to a golden row, it becomes rows that pass the
check, or a reject.

Bounded: the number of examples is set, and hypothesis keeps what failed for the next run.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import GOLDEN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swiftkit.data.check_row import check_row, is_plain_text
from swiftkit.data.convert import convert_files
from swiftkit.data.convert_record import ConvertOptions, ConvertOutcome, convert_chunk
from swiftkit.data.detect_format import names
from swiftkit.data.targets import TARGETS
from swiftkit.files.inputs import Chunk

RECORDS: dict[str, list[dict[str, Any]]] = {
    name: [case["in"] for case in json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))]
    for name in names()
}
GOOD = b'{"instruction": "Hi.", "output": "Hello."}'
DEEP = "@@deep@@"  # stands for what json.dumps cannot write
DEEP_JSON = b"[" * 3000 + b"]" * 3000

keys = st.sampled_from(
    "role content name arguments tool_calls function type text from value id parameters messages tools null".split()
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(
        [
            DEEP,
            "",
            "{}",
            "[]",
            '{"name": "f"}',
            "[[[",
            "</think>",
            "<think>",
            "\ud800",
            10**400,
            "null",
            "f(a=1)",
        ]
    )
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | keys, inner, max_size=3)
    ),
    max_leaves=6,
)


def drop(inside: Any, key: Any, _: st.DataObject) -> None:
    del inside[key]


def replace(inside: Any, key: Any, data: st.DataObject) -> None:
    inside[key] = data.draw(values)


def nest(inside: Any, key: Any, data: st.DataObject) -> None:
    inside[key] = data.draw(
        st.sampled_from([[inside[key]], {"content": inside[key]}, [[], inside[key]]])
    )


def flatten(inside: Any, key: Any, _: st.DataObject) -> None:
    inside[key] = json.dumps(inside[key])


def cut(inside: Any, key: Any, data: st.DataObject) -> None:
    if isinstance(inside[key], str | list):
        inside[key] = inside[key][: data.draw(st.integers(0, len(inside[key])))]


def double(inside: Any, key: Any, _: st.DataObject) -> None:
    if isinstance(inside, list):
        inside.append(copy.deepcopy(inside[key]))


def transplant(inside: Any, key: Any, data: st.DataObject) -> None:
    """What stands somewhere in a row of any format."""
    donor = copy.deepcopy(data.draw(st.sampled_from(RECORDS[data.draw(st.sampled_from(names()))])))
    inside[key] = donor.get(key, donor) if isinstance(key, str) else donor


def rename(inside: Any, key: Any, data: st.DataObject) -> None:
    if isinstance(inside, dict):
        inside[data.draw(keys)] = inside.pop(key)


DAMAGES: list[Callable[[Any, Any, st.DataObject], None]] = [
    drop, replace, replace, nest, flatten, cut, double, transplant, rename,
]  # fmt: skip


def damaged(record: dict[str, Any], data: st.DataObject) -> bytes:
    """The record as a line of JSON, after one to four changes at random depths."""
    record = copy.deepcopy(record)
    for _ in range(data.draw(st.integers(1, 4))):
        damage(record, data)
    return json.dumps(record).encode().replace(b'"@@deep@@"', DEEP_JSON)


def damage(inside: Any, data: st.DataObject) -> None:
    while inside:
        key = data.draw(
            st.sampled_from(sorted(inside) if isinstance(inside, dict) else range(len(inside)))
        )
        if (
            not isinstance(inside[key], dict | list)
            or not inside[key]
            or data.draw(st.integers(0, 3)) == 0
        ):
            data.draw(st.sampled_from(DAMAGES))(inside, key, data)
            return
        inside = inside[key]


def check(outcome: ConvertOutcome, target: str) -> None:
    if outcome.reject:
        assert not outcome.rows
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", outcome.reject.code)
        assert outcome.reject.reason
        assert outcome.reject.fix
    for encoded in outcome.rows:
        row = json.loads(encoded)
        if row.get("label") is False:
            # as before the target wrote it for swift: a bad answer may call what is not there
            row["label"] = "false"
        # of a record in a file of many, also its place there
        assert re.fullmatch(r"raw\.jsonl:1(:\w+\[\d+\])?", row["source"])
        # the target whole is for looking at rows, and leaves the label out; a text is for swift pt
        if target != "whole" and not is_plain_text(row):
            check_row(row)


@pytest.mark.parametrize("name", names())
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_any_damage_gives_rows_or_a_reject(name: str, data: st.DataObject) -> None:
    """For every target, with the format recognized, with it forced, and with a wrong one forced."""
    line = damaged(data.draw(st.sampled_from(RECORDS[name])), data)
    for target in TARGETS:
        for forced in ("", name, data.draw(st.sampled_from(names()))):
            outcomes = convert_chunk(
                Chunk(Path("raw.jsonl"), [(1, line)]), ConvertOptions(target, forced)
            )
            assert outcomes  # several where the line is a whole file
            for outcome in outcomes:
                check(outcome, target)


@pytest.mark.parametrize("name", names())
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_value_is_lost_under_a_key_that_is_there_twice(name: str, data: st.DataObject) -> None:
    """At any depth, before or after the other value, in any style of JSON."""
    record = copy.deepcopy(data.draw(st.sampled_from(RECORDS[name])))
    inside = data.draw(st.sampled_from(list(objects_in(record))))
    key = data.draw(st.sampled_from(sorted(inside)))
    items, twin = (
        list(inside.items()),
        ("@@twin@@", data.draw(st.sampled_from(["other", 0.123, [{"a": "b:c"}]]))),
    )
    inside.clear()
    inside.update([twin, *items] if data.draw(st.booleans()) else [*items, twin])
    style: Any = {
        "ensure_ascii": data.draw(st.booleans()),
        "separators": data.draw(st.sampled_from([None, (",", ":")])),
    }
    line = json.dumps(record, **style).replace('"@@twin@@"', json.dumps(key, **style)).encode()
    [outcome] = convert_chunk(Chunk(Path("raw.jsonl"), [(1, line)]), ConvertOptions())
    assert outcome.reject
    assert outcome.reject.code == "duplicate_key"


@pytest.mark.parametrize("length", range(80))
def test_a_lost_value_of_any_length_is_seen(length: int) -> None:
    """Also where it happens to be as long as the spaces that another style of JSON, or a mixture of
    two, would have."""
    messages = [{"role": "user", "content": "a: b"}, {"role": "assistant", "content": "c"}] * 3
    for style in ({"separators": (",", ":")}, {"indent": None}):
        body = json.dumps({"messages": messages, "category": "x", "id": "new"}, **style)  # type: ignore[arg-type]
        first = [b'{"id":%b"%b",' % (space, b"x" * length) for space in (b"", b" ")]
        lines = [body.encode(), *(twin + body[1:].encode() for twin in first)]
        good, *bad = convert_chunk(
            Chunk(Path("raw.jsonl"), list(enumerate(lines, 1))), ConvertOptions()
        )
        assert (len(good.rows), good.reject) == (1, None)
        assert [outcome.reject and outcome.reject.code for outcome in bad] == ["duplicate_key"] * 2


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict) and value:
        yield value
    for inner in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    ):
        yield from objects_in(inner)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_file_balances(tmp_path: Path, data: st.DataObject) -> None:
    """Damaged rows of all formats in one file: in = accepted + rejected, and each reject is written
    down."""
    chosen = data.draw(st.lists(st.sampled_from(names()), min_size=1, max_size=8))
    lines = [damaged(data.draw(st.sampled_from(RECORDS[name])), data) for name in chosen]
    raw, good, out = (tmp_path / name for name in ("raw.jsonl", "good.jsonl", "out.jsonl"))
    raw.write_bytes(b"\n".join(lines))
    good.write_bytes(GOOD)
    report = convert_files([raw, good], out, None, ConvertOptions())
    rejects = out.with_suffix(".rejects.jsonl")
    assert report.rows_in == report.rows_accepted + report.rows_rejected
    # a line of some formats is a whole file of records
    assert report.rows_in + report.rows_filtered >= len(lines) + 1
    # an answer that a log has several choices of is several rows
    assert report.rows_out == len(out.read_bytes().splitlines()) >= report.rows_accepted
    assert report.rows_rejected == (
        len(rejects.read_bytes().splitlines()) if rejects.exists() else 0
    )
