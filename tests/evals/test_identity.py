"""Names of samples: of what they ask, whatever the folder, the path's spelling, the line, the
gold."""

import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.errors import DataError
from swiftkit.evals.identity import SampleNames, name_samples, question_hash
from swiftkit.evals.task import load_task
from swiftkit.records import Sample

Row = dict[str, Any]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def tool_row(question: str, gold: int) -> Row:
    calls = [{"name": "f", "arguments": {"a": gold}}]
    messages = [{"role": "user", "content": question}]
    return {"messages": messages, "tools": json.dumps([TOOL]), "expected_calls": json.dumps(calls)}


def training_row(question: str, gold: int) -> Row:
    """Two turns that call; only the last turn's gold may be mended without asking another thing."""
    messages = []
    for turn, value in enumerate((1, gold), 1):
        call = json.dumps({"name": "f", "arguments": {"a": value}})
        messages += [
            {"role": "user", "content": f"{question} {turn}"},
            {"role": "tool_call", "content": call},
            {"role": "tool_response", "content": "done"},
        ]
    return {"messages": messages, "tools": json.dumps([TOOL])}


MAKERS: dict[str, tuple[str, Callable[[str, int], Row]]] = {
    "gsm8k": ("gsm8k", lambda question, gold: {"question": question, "answer": str(gold)}),
    "jsonl": ("jsonl", lambda question, gold: {"prompt": question, "check": {"number": gold}}),
    "tool-call": ("tool-call", tool_row),
    "turns": ("tool-call", training_row),
    "tool-chain": ("tool-chain", training_row),
}


def write(path: Path, rows: Sequence[Row]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def names(task: str, path: Path) -> dict[str, list[str]]:
    """The names of the samples that ask each question, in no order: equal ones may change places."""
    found: dict[str, list[str]] = defaultdict(list)
    for sample in load_task(task).samples(path, ""):
        found[json.dumps(sample.messages)].append(sample.id)
    return {question: sorted(ids) for question, ids in found.items()}


@pytest.mark.parametrize("kind", MAKERS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_names_outlive_all_that_is_no_question(kind: str, data: st.DataObject) -> None:
    """Any spelling of the path, a moved folder, a copy under another name, mended gold, an inserted
    row, another order, other spaces and another order of the keys."""
    task, make = MAKERS[kind]
    rows = data.draw(
        st.lists(
            st.tuples(st.integers(0, 5), st.integers(1, 9), st.booleans()), min_size=1, max_size=8
        )
    )

    def row(position: int, gold: int) -> Row:
        question, _, has_id = rows[position]
        made = make(f"q{question}", gold)
        return {"id": f"own-{position}"} | made if has_id else made

    with TemporaryDirectory() as folder:
        base = Path(folder)
        first = [row(position, gold) for position, (_, gold, _) in enumerate(rows)]
        before = names(task, write(base / "a_b/data.jsonl", first))
        assert names(task, base / "a_b/../a_b/./data.jsonl") == before
        assert names(task, base / "a_b") == before
        shutil.move(base / "a_b", base / "c/d_e")
        assert names(task, base / "c/d_e/data.jsonl") == before
        order = data.draw(st.permutations(range(len(rows))))
        mended = [row(position, data.draw(st.integers(1, 9))) for position in order]
        mended = [dict(reversed(each.items())) for each in mended]
        mended.insert(data.draw(st.integers(0, len(mended))), make("new", 3))
        after = names(task, write(base / "copy_of_it.jsonl", mended))
        for question, ids in before.items():
            assert after[question] == ids


def test_a_name_says_what_is_asked() -> None:
    """Other words, other tools, another history or another world are another question; the order
    of keys is not."""
    question = Sample("x", [{"role": "user", "content": "q"}], [TOOL], None)
    turned = Sample("x", [{"content": "q", "role": "user"}], [dict(reversed(TOOL.items()))], 5)
    others = [
        Sample("x", [{"role": "user", "content": "q "}], [TOOL], None),
        Sample("x", [{"role": "user", "content": "q"}], [], None),
        Sample("x", [{"role": "system", "content": "q"}], [TOOL], None),
        Sample("x", [{"role": "user", "content": "q"}], [TOOL], None, beside={"stock": 3}),
    ]
    assert question_hash(question) == question_hash(turned)
    assert len({question_hash(sample) for sample in [question, *others]}) == 5


def test_a_made_name_is_never_one_that_a_row_gives(tmp_path: Path) -> None:
    """Whichever row comes first; a second of the same question has ~2, and several of a row have
    what the task adds."""
    plain = MAKERS["gsm8k"][1]("q", 1)
    (made,) = load_task("gsm8k").samples(write(tmp_path / "a.jsonl", [plain]), "")
    assert len(made.id) == len("q-") + 12
    thief = MAKERS["gsm8k"][1]("other", 1) | {"id": made.id}
    for rows in ([thief, plain, plain], [plain, plain, thief]):
        samples = load_task("gsm8k").samples(write(tmp_path / "a.jsonl", rows), "")
        assert {sample.id for sample in samples} == {made.id, f"{made.id}~2", f"{made.id}~3"}
        assert next(sample for sample in samples if sample.asked != made.asked).id == made.id
    turns = load_task("tool-call").samples(
        write(tmp_path / "b.jsonl", [training_row("q", 2)] * 2), ""
    )
    assert [sample.id[14:] for sample in turns] == ["#1", "#2", "#1~2", "#2~2"]
    assert [sample.meta["turns"] for sample in turns] == ["2"] * 4
    assert [sample.meta["chain"] for sample in turns] == [turns[0].id] * 2 + [turns[2].id] * 2


def test_an_id_is_one_as_number_and_as_text(tmp_path: Path) -> None:
    """7 and "7" name one sample, so both in one file are refused; null and "" are no id."""
    make = MAKERS["gsm8k"][1]
    (number,) = load_task("gsm8k").samples(
        write(tmp_path / "a.jsonl", [make("q", 1) | {"id": 7}]), ""
    )
    assert number.id == "7"
    both = [make("q", 1) | {"id": 7}, make("r", 1) | {"id": "7"}]
    with pytest.raises(DataError, match="id '7' is already used"):
        load_task("gsm8k").samples(write(tmp_path / "b.jsonl", both), "")
    none = [make("q", 1) | {"id": None}, make("r", 1) | {"id": ""}]
    samples = load_task("gsm8k").samples(write(tmp_path / "c.jsonl", none), "")
    assert all(sample.id.startswith("q-") for sample in samples)


def test_of_a_chain_the_longest_counts_in_any_order(tmp_path: Path) -> None:
    """Rows of one chain that ask the same have one name, whichever stands first."""
    short = training_row("q", 2)
    long = training_row("q", 2)
    short["messages"] = short["messages"][:3]
    long["messages"] = [*long["messages"][:3], *long["messages"][4:]]
    found = []
    for rows in ([short, long], [long, short]):
        rows = [row | {"chain": "c"} for row in rows]
        found.append(names("tool-chain", write(tmp_path / "a.jsonl", rows)))
    assert found[0] == found[1]
    assert [len(ids) for ids in found[0].values()] == [1]


def samples_at(*places: str) -> list[Sample]:
    """Samples whose rows, without ids, stand at these places."""
    samples = []
    for number, place in enumerate(places):
        where = place.partition("#")[0]
        question = [{"role": "user", "content": f"q{number}"}]
        samples.append(Sample(place.replace("/", "_"), question, [], None, {"where": where}))
    unnamed = {sample.id: sample.meta["where"].replace("/", "_") for sample in samples}
    return name_samples(samples, unnamed)


@pytest.mark.parametrize("old", ["d_x_y.jsonl:12", ".._d_x_y.jsonl:12", "_abs_d_other.jsonl:12"])
def test_an_old_name_is_found_by_its_line(old: str, tmp_path: Path) -> None:
    """Whatever the path was then; only where the data is known to be the same; with what the task
    added."""
    file = tmp_path / "x_y.jsonl"
    one, two, three = samples_at(f"{file}:1", f"{file}:12", f"{file}:12#2")
    questions = SampleNames([one, two, three], file, knows_places=True)
    assert questions.name_of(old, "") == two.id
    assert questions.name_of(f"{old}#2", "") == three.id
    assert questions.name_of("someone:12", "") is None
    assert questions.name_of(old, one.asked) == one.id
    assert SampleNames([one, two], file, knows_places=False).name_of(old, "") is None


def test_an_old_name_in_a_folder_is_found_by_file_and_line(tmp_path: Path) -> None:
    """The longest path in the folder would be a guess where two fit: then none is."""
    names = ("a.jsonl:3", "b_a.jsonl:3", "sub/a.jsonl:4")
    samples = samples_at(*(f"{tmp_path}/{name}" for name in names))
    questions = SampleNames(samples, tmp_path, knows_places=True)
    assert questions.name_of("data_a.jsonl:3", "") == samples[0].id
    assert questions.name_of("data_sub_a.jsonl:4", "") == samples[2].id
    assert questions.name_of("data_b_a.jsonl:3", "") is None
    assert questions.name_of("data_a.jsonl:9", "") is None
