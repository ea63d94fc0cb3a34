"""A run and its data, moved or mended: eval, grade, compare, curve and score agree on whose answer
an answer is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.eval_runs import journal, report_of
from helpers.paths import SHARED_CASES
from helpers.servers import Reply, Server, message, serve

from swiftkit.cli.main import main
from swiftkit.evals.run_directory import data_sha256

Row = dict[str, Any]


def answer(body: dict[str, Any]) -> Reply:
    """As the shared cases name it (mode=...); a number is answered by itself."""
    text = body["messages"][-1]["content"]
    if "mode=good1" in text:
        return message("", [("f", {"a": 1})])
    return message("#### 41" if "mode=wrong" in text else text.split()[-1].replace("mode=ok", "42"))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.chdir(tmp_path)
    with serve(answer) as scripted:
        monkeypatch.setenv("OPENAI_BASE_URL", scripted.url)
        yield scripted


def swiftkit(*arguments: str | Path) -> Result:
    done = CliRunner().invoke(main, [str(each) for each in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def row(number: int, gold: int | None = None, name: str = "") -> Row:
    made = {"prompt": f"say {number}", "check": {"number": number if gold is None else gold}}
    return {"id": name} | made if name else made


def write(path: Path | str, rows: list[Row]) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    return file


def files_of(run: str) -> dict[str, bytes]:
    names = ("report.json", "report.md", "scores.jsonl")
    return {name: (Path(run) / name).read_bytes() for name in names}


def scored_names(run: str) -> list[str]:
    """The ids of scores.jsonl, in the order of the data."""
    lines = Path(run, "scores.jsonl").read_bytes().splitlines()
    return [json.loads(line)["id"] for line in lines]


@pytest.mark.parametrize(("task", "letter"), [("gsm8k", "g"), ("jsonl", "j"), ("tool-call", "t")])
def test_rows_without_ids_are_one_by_any_path(task: str, letter: str, server: Server) -> None:
    """40 pairs, the same report, nothing asked twice: by a relative path, an absolute one, a
    detour, a copy; the run's folder by two spellings."""
    case = SHARED_CASES / f"eval/no_ids_{letter}.jsonl"
    if not case.is_file():
        pytest.skip("the shared cases are not here")
    data = Path("data/rows.jsonl")
    data.parent.mkdir()
    data.write_bytes(case.read_bytes())
    assert swiftkit("eval", task, "--data", data, "--run", "a").exit_code == 0
    assert swiftkit("eval", task, "--data", data.absolute(), "--run", "b").exit_code == 0
    assert len(server.questions) == 80
    compared = swiftkit("compare", "a", "b", "--json")
    assert (compared.exit_code, json.loads(compared.stdout)["paired"]) == (3, 40)
    before = report_of(Path("a"))
    assert swiftkit("grade", "a").exit_code == 0
    assert report_of(Path("a")) | {"elapsed_s": 0, "resumed": 0} == before | {
        "elapsed_s": 0,
        "resumed": 0,
    }
    data.rename("copy_of_rows.jsonl")
    for spelling, run in (
        ("copy_of_rows.jsonl", "a"),
        ("data/../copy_of_rows.jsonl", "./data/../a"),
    ):
        done = swiftkit("eval", task, "--data", spelling, "--run", run)
        assert (done.exit_code, "nothing is asked" in done.stderr) == (0, True)
    assert swiftkit("grade", "a").exit_code == 0
    assert len(server.questions) == 80
    assert report_of(Path("a"))["metrics"] == before["metrics"]


@pytest.mark.parametrize("named", [False, True])
def test_mended_gold_keeps_every_answer(named: bool, server: Server) -> None:
    """In `grade`, by the data in place or by --data, and in `eval` again; said in one note."""
    rows = [row(number, name=f"r{number}" if named else "") for number in range(6)]
    data = write("rows.jsonl", rows)
    swiftkit("eval", "jsonl", "--data", data, "--run", "a")
    write(data, [row(number, 0, each.get("id", "")) for number, each in enumerate(rows)])
    mended = write("mended.jsonl", [row(0, 9, each.get("id", "")) for each in rows[:1]] + rows[1:])
    for extra, right in (((), 1 / 6), (("--data", str(mended)), 5 / 6)):
        done = swiftkit("grade", "a", *extra)
        assert (done.exit_code, done.stderr.count("note: ")) == (0, 1)
        assert "has changed since a was asked: answers that are kept: 6\n" in done.stderr
        report = report_of(Path("a"))
        assert report["metrics"]["accuracy"]["value"] == pytest.approx(right)
    assert (report["data"], report["data_sha256"]) == (str(mended.absolute()), data_sha256(mended))
    done = swiftkit("eval", "jsonl", "--data", data, "--run", "a")
    assert (done.exit_code, done.stderr.count("note: ")) == (0, 1)
    assert report_of(Path("a"))["metrics"]["accuracy"]["value"] == pytest.approx(1 / 6)
    assert len(server.questions) == 6
    assert "note" not in swiftkit("grade", "a").stderr  # config.json has the new data by now


def test_questions_that_changed_are_never_scored_with_the_old_answer(server: Server) -> None:
    """Also under an id of their own: eval asks them, with numbers; what went stays in the journal,
    and counts again when its question is back."""
    rows = [row(number, name=f"r{number}") for number in range(8)]
    data = write("rows.jsonl", rows)
    swiftkit("eval", "jsonl", "--data", data, "--run", "a")
    changed = [row(20, 0, "r0"), *rows[1:7], row(30), row(31)]
    write(data, changed)
    done = swiftkit("grade", "a", "--json")
    before = files_of("a")
    assert done.exit_code == 2
    assert "6 answers are scored now, its report has 8: nothing is written" in done.stderr
    numbers = "kept: 6, to questions that have changed: 1, to questions that are gone: 1 "
    numbers += "(they stay in responses.jsonl), questions without an answer yet: 3"
    assert numbers in done.stderr
    assert files_of("a") == before
    dry = swiftkit("eval", "jsonl", "--data", data, "--run", "a", "--dry-run")
    assert "3 to ask, 6 finished" in dry.stderr
    done = swiftkit("eval", "jsonl", "--data", data, "--run", "a")
    assert numbers in done.stderr
    assert sorted(server.questions[8:]) == ["say 20", "say 30", "say 31"]
    assert report_of(Path("a"))["scored"] == 9
    assert report_of(Path("a"))["metrics"]["accuracy"]["value"] == pytest.approx(8 / 9)
    assert len(journal(Path("a"))) == 11
    write(data, rows)
    assert swiftkit("eval", "jsonl", "--data", data, "--run", "a").exit_code == 0
    assert len(server.questions) == 11
    assert report_of(Path("a"))["metrics"]["accuracy"]["value"] == 1.0


def test_an_answer_follows_its_question_to_another_id(server: Server) -> None:
    """Ids that count the rows, after one was inserted; ids given to rows that had none."""
    numbers = [5, 3, 8, 1]
    data = write("rows.jsonl", [row(each, name=str(place)) for place, each in enumerate(numbers)])
    swiftkit("eval", "jsonl", "--data", data, "--run", "a")
    numbers.insert(1, 7)
    write(data, [row(each, name=str(place)) for place, each in enumerate(numbers)])
    swiftkit("eval", "jsonl", "--data", data, "--run", "a")
    assert server.questions[4:] == ["say 7"]
    assert report_of(Path("a"))["metrics"]["accuracy"]["value"] == 1.0
    write(data, [row(each) for each in numbers])
    assert "answers that are kept: 5" in swiftkit("grade", "a").stderr
    assert report_of(Path("a"))["metrics"]["accuracy"]["value"] == 1.0


def test_eval_refuses_the_run_of_other_data(server: Server) -> None:
    """A run most of whose answers have no question here is another one, named by mistake."""
    data = write("rows.jsonl", [row(number) for number in range(4)])
    swiftkit("eval", "jsonl", "--data", data, "--run", "a")
    other = write("other.jsonl", [row(number) for number in (0, 1, 8, 9)])
    done = swiftkit("eval", "jsonl", "--data", other, "--run", "a")
    assert (done.exit_code, "was begun with other data than" in done.stderr) == (2, True)
    assert len(server.questions) == 4


def test_grade_replaces_a_larger_report_only_by_force(server: Server) -> None:
    """Also with nothing to score at all; a report that nobody can read is no obstacle."""
    data = write("rows.jsonl", [row(number) for number in range(4)])
    swiftkit("eval", "jsonl", "--data", data, "--run", "a")
    before = files_of("a")
    lines = Path("a/responses.jsonl").read_bytes()
    for kept in (b"", b"".join(lines.splitlines(keepends=True)[:1])):
        Path("a/responses.jsonl").write_bytes(kept)
        done = swiftkit("grade", "a")
        assert (done.exit_code, files_of("a") == before) == (2, True)
        assert f"{len(kept.splitlines())} answers are scored now, its report has 4" in done.stderr
    assert swiftkit("grade", "a", "--force").exit_code == 1
    assert report_of(Path("a"))["scored"] == 1
    Path("a/report.json").write_text("{")
    assert swiftkit("grade", "a").exit_code == 1
    assert len(server.questions) == 4


def as_earlier(run: str, places: dict[str, str]) -> None:
    """Make of a run what the version before wrote: names of places, and not what was asked."""
    lines = []
    for entry in journal(Path(run)):
        del entry["asked"]
        lines.append(entry | {"sample_id": places.get(entry["sample_id"], entry["sample_id"])})
    Path(run, "responses.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = report_of(Path(run))
    del report["data_sha256"]
    Path(run, "report.json").write_text(json.dumps(report))


@pytest.mark.parametrize("typed", ["d_rows.jsonl", ".._x_d_rows.jsonl", "_abs_d_rows.jsonl"])
def test_runs_of_an_earlier_version_go_on(typed: str, server: Server) -> None:
    """Resumed, graded and compared with nothing asked again, however their data was typed; with
    changed data they are refused as before, because they do not say what was asked."""
    rows = [row(0), row(1, name="own"), row(2), row(2)]
    data = write("d/rows.jsonl", rows)
    swiftkit("eval", "jsonl", "--data", data, "--run", "a")
    swiftkit("eval", "jsonl", "--data", data, "--run", "b")
    made = scored_names("a")
    as_earlier("a", {made[place]: f"{typed}:{place + 1}" for place in (0, 2, 3)})
    old = Path("a/responses.jsonl").read_bytes()
    compared = swiftkit("compare", "a", "b", "--json")
    assert json.loads(compared.stdout)["paired"] == 4
    assert swiftkit("grade", "a").exit_code == 0
    done = swiftkit("eval", "jsonl", "--data", data.absolute(), "--run", "./a")
    assert done.stderr.count("begun by an earlier swiftkit: 3 answers belong to rows by their") == 1
    assert (report_of(Path("a"))["scored"], len(server.questions)) == (4, 8)
    # cut short and resumed, old and new lines stand side by side
    Path("a/responses.jsonl").write_bytes(b"".join(old.splitlines(keepends=True)[:2]))
    renamed = data.rename("d/new_name.jsonl")
    assert swiftkit("eval", "jsonl", "--data", renamed, "--run", "a").exit_code == 0
    assert (swiftkit("grade", "a").exit_code, len(server.questions)) == (0, 10)
    write(renamed, [row(0, 7), *rows[1:]])
    done = swiftkit("eval", "jsonl", "--data", renamed, "--run", "a")
    assert (done.exit_code, "which does not say what it asked" in done.stderr) == (2, True)
    done = swiftkit("grade", "a")
    assert (done.exit_code, "give it as --data, if the questions are still" in done.stderr) == (
        2,
        True,
    )
    assert swiftkit("grade", "a", "--data", renamed).exit_code == 0
    assert report_of(Path("a"))["metrics"]["accuracy"]["value"] == 0.75


def test_compare_scores_both_by_one_gold_and_says_which(server: Server) -> None:
    """Data that differ in gold; what only one was asked is left out; an id that asks two things is
    no common sample; runs of other questions are refused."""
    rows = [row(number, name=f"r{number}") for number in range(6)]
    write("a.jsonl", rows)
    write("b.jsonl", [row(0, 9, "r0"), row(77, name="r1"), *rows[2:]])
    write("c.jsonl", [row(number, name=f"r{number - 50}") for number in range(50, 56)])
    for name in ("a", "b", "c"):
        swiftkit("eval", "jsonl", "--data", f"{name}.jsonl", "--run", name)
    found = json.loads(swiftkit("compare", "a", "b", "--json").stdout)
    assert (found["paired"], found["metrics"]["accuracy"]["a"]) == (5, 0.8)
    assert "both are scored by the gold of" in found["note"]
    assert "b.jsonl; answers of A to other questions do not count: 1" in found["note"]
    found = json.loads(swiftkit("compare", "a", "b", "--data", "a.jsonl", "--json").stdout)
    assert found["metrics"]["accuracy"]["a"] == found["metrics"]["accuracy"]["b"] == 1.0
    assert (
        "a.jsonl; answers of B to other questions do not count: 1"
        in swiftkit("compare", "a", "b", "--data", "a.jsonl").stdout
    )
    done = swiftkit("compare", "a", "c")
    assert (done.exit_code, "different data" in done.stderr) == (2, True)
    done = swiftkit("curve", "a", "b")
    assert (done.exit_code, "were scored by different data (swiftkit grade" in done.stderr) == (
        2,
        True,
    )
    swiftkit("grade", "a", "--data", "b.jsonl", "--force")
    done = swiftkit("curve", "a", "b")
    assert (done.exit_code, done.stderr.count("both are scored by the gold of")) == (0, 1)
    assert len(server.questions) == 18


def test_compare_and_curve_after_grade_by_other_gold_never_mix_the_two(server: Server) -> None:
    """The reports' gold is the curve's; `compare` takes the runs' own and says so."""
    data = write("a.jsonl", [row(number) for number in range(4)])
    mended = write("mended.jsonl", [row(number, 9) for number in range(4)])
    for name in ("s-1", "s-2"):
        swiftkit("eval", "jsonl", "--data", data, "--run", name)
        swiftkit("grade", name, "--data", mended)
    last = json.loads(swiftkit("curve", "s-1", "s-2", "--json").stdout)["points"][1]
    assert last["found"]["value"] == last["against_first"]["b"] == 0
    done = swiftkit("curve", "s-1", "s-2", "--data", data)
    assert (done.exit_code, "swiftkit grade RUN --data" in done.stderr) == (2, True)
    found = json.loads(swiftkit("compare", "s-1", "s-2", "--json").stdout)
    assert found["metrics"]["accuracy"]["a"] == 1
    assert "the report of s-1 was scored by" in found["note"]
    assert "mended.jsonl; here both are scored by the gold of" in found["note"]
    assert len(server.questions) == 8


def test_score_knows_the_rows_of_a_journal(server: Server) -> None:
    """By what was asked: mended gold is scored, a changed question is named; so are old names
    beside their config.json."""
    tools = json.dumps([{"type": "function", "function": {"name": "f"}}])
    gold = json.dumps([{"name": "f", "arguments": {"a": 1}}])
    rows = []
    for number in range(3):
        question = [{"role": "user", "content": f"{number} mode=good1"}]
        rows.append({"messages": question, "tools": tools, "expected_calls": gold})
    data = write("rows.jsonl", rows)
    swiftkit("eval", "tool-call", "--data", data, "--run", "a")
    moved = write("elsewhere/mended.jsonl", [rows[0] | {"expected_calls": "[]"}, *rows[1:]])
    done = swiftkit("score", moved, "--completions", "a/responses.jsonl", "--json")
    assert (done.exit_code, json.loads(done.stdout)["exact"]) == (0, pytest.approx(2 / 3))
    other = [{"role": "user", "content": "other"}]
    write(moved, [rows[0] | {"messages": other}, *rows[1:]])
    done = swiftkit("score", moved, "--completions", "a/responses.jsonl", "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["scored"], len(found["unanswered_rows"])) == (1, 2, 1)
    made = scored_names("a")
    as_earlier("a", {name: f"x_rows.jsonl:{line}" for line, name in enumerate(made, 1)})
    with Path("a/responses.jsonl").open("ab") as file:
        file.write(b'{"sample_id": "cut off by a ki')
    assert swiftkit("score", data, "--completions", "a/responses.jsonl").exit_code == 0
    assert swiftkit("score", moved, "--completions", "a/responses.jsonl").exit_code == 2
    assert len(server.questions) == 3


def test_broken_lines_cost_their_sample_and_nothing_else(server: Server) -> None:
    """In the middle (an older version, a network disk, zeros after a power failure) they are named
    and asked again; at the end they are what a kill leaves; a whole line is kept."""
    data = write("rows.jsonl", [row(number) for number in range(6)])
    swiftkit("eval", "jsonl", "--data", data, "--run", "a")
    file = Path("a/responses.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    glued = lines[1][:30] + lines[2]
    file.write_bytes(lines[0] + glued + lines[3] + b"\0" * 50 + b"\n" + lines[4] + lines[5][:-1])
    done = swiftkit("grade", "a", "--force")
    assert done.stderr.count("broken lines do not count") == 1
    assert "a/responses.jsonl:2: not valid JSON" in done.stderr
    assert "and so are 1 more lines" in done.stderr
    assert (report_of(Path("a"))["scored"], len(server.questions)) == (4, 6)
    for tail in (b"", b'{"sample_id": "q-', b"\0" * 4096):
        whole = file.read_bytes()
        file.write_bytes(whole + b"\n" * bool(tail) * (not whole.endswith(b"\n")) + tail)
        assert swiftkit("eval", "jsonl", "--data", data, "--run", "a").exit_code == 0
        assert (report_of(Path("a"))["scored"], len(server.questions)) == (6, 8)
        assert swiftkit("grade", "a").exit_code == 0
