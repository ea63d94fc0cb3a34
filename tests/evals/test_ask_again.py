"""`eval --retry`: which answers are asked again, and that none is lost by asking."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.eval_runs import evaluate, journal, number, report_of, right, write_rows
from helpers.servers import Reply, error, message, serve

from swiftkit.client.client import Endpoint
from swiftkit.errors import UsageError
from swiftkit.evals.ask_again import Retry, parse_retry
from swiftkit.evals.run import EvalOptions
from swiftkit.evals.run import evaluate as run_evaluation


def ending(finish: str, body: dict[str, Any], text: str = "") -> Reply:
    reply = right(body) if finish != "content_filter" and not text else message(text)
    reply.body["choices"][0]["finish_reason"] = finish
    return reply


def badly_ended(body: dict[str, Any]) -> Reply:
    """Questions 0 to 4: cut, cut without a word about it, filtered, empty, an error."""
    match number(body):
        case 0:
            return ending("length", body, text="I th")
        case 1:
            reply = message("I th")
            reply.body["usage"]["completion_tokens"] = body["max_tokens"]
            return reply
        case 2:
            return ending("content_filter", body)
        case 3:
            return message(None)
        case 4:
            return error(422)
    return right(body)


def test_badly_ended_answers_are_counted_and_listed(tmp_path: Path) -> None:
    """In the table, both reports and scores.jsonl, with the next step; they are scored as well."""
    data = write_rows(tmp_path / "rows.jsonl", 8)
    run = tmp_path / "run"
    with serve(badly_ended) as server:
        status, out, err = evaluate(data, server.url, run)
    report = report_of(run)
    assert (status, report["scored"], report["errors"]) == (1, 7, 1)
    assert (report["cut"], report["filtered"], report["empty"]) == (2, 1, 1)
    scores = [json.loads(line) for line in (run / "scores.jsonl").read_bytes().splitlines()]
    ended = {line["id"]: line["ended"] for line in scores if line["ended"]}
    assert ended == {"r0": "cut", "r1": "cut", "r2": "filtered", "r3": "empty"}
    assert "1 errors, 2 cut, 1 filtered, 1 empty" in err
    for page in (out, (run / "report.md").read_text(encoding="utf-8")):
        assert "2 answers were cut at the limit" in page
        assert "more than --max-tokens 512" in page
        assert "1 answers were filtered" in page
        assert "1 answers were empty" in page


def test_retry_asks_what_is_named_and_takes_a_larger_limit(tmp_path: Path) -> None:
    """Only that, and the errors; the new answers count, and the run has the new limit."""
    data = write_rows(tmp_path / "rows.jsonl", 8)
    run = tmp_path / "run"
    with serve(badly_ended) as server:
        evaluate(data, server.url, run)
    with serve(right) as server:
        status, _, err = evaluate(data, server.url, run, "--max-tokens", "2048")
        assert status == 2
        assert "--retry cut takes a larger one" in err
        flags = ("--retry", "cut,id:r7", "--max-tokens", "2048")
        status, _, err = evaluate(data, server.url, run, *flags, "--dry-run")
        assert "4 to ask, 4 finished" in err
        status, _, err = evaluate(data, server.url, run, *flags)
        assert sorted(server.questions) == ["q 0", "q 1", "q 4", "q 7"]
        assert "3 are asked again" in err
    report = report_of(run)
    assert (report["scored"], report["errors"]) == (8, 0)
    assert (report["cut"], report["filtered"], report["empty"]) == (0, 1, 1)
    assert (report["max_tokens"], report["resumed"]) == (2048, 4)
    assert json.loads((run / "config.json").read_bytes())["max_tokens"] == 2048
    with serve(right) as server:
        evaluate(
            data, server.url, run, "--retry", "filtered", "--retry", "empty", "--max-tokens", "2048"
        )
        assert sorted(server.questions) == ["q 2", "q 3"]
    report = report_of(run)
    assert report["metrics"]["tool_accuracy"]["value"] == 1.0


def test_retry_in_vain_keeps_the_earlier_answer(tmp_path: Path) -> None:
    """An error behind an answer is in the journal, is said, and counts for nothing."""
    data = write_rows(tmp_path / "rows.jsonl", 4)
    run = tmp_path / "run"
    with serve(right) as server:
        evaluate(data, server.url, run)
    before = (run / "scores.jsonl").read_bytes()
    with serve(lambda body: error(422, "no") if number(body) == 2 else message("")) as server:
        status, _, err = evaluate(data, server.url, run, "--retry", "id:r2")
        assert server.questions == ["q 2"]
    assert status == 0
    assert "1 samples had no new answer, and keep the earlier one (the first, r2: HTTP 422" in err
    assert [entry["sample_id"] for entry in journal(run) if entry["error"]] == ["r2"]
    assert (run / "scores.jsonl").read_bytes() == before
    with serve(right) as server:
        assert "nothing is asked" in evaluate(data, server.url, run)[2]


def test_conversation_is_cut_where_one_of_its_answers_was(tmp_path: Path) -> None:
    """Also an earlier one; the last says stop."""
    data = write_rows(tmp_path / "rows.jsonl", 3)

    def chain(body: dict[str, Any]) -> Reply:
        if body["messages"][-1]["role"] == "tool":
            return message("Done.")
        index = int(body["messages"][0]["content"].split()[1])
        reply = message("", [("f", {"x": index})])
        reply.body["choices"][0]["finish_reason"] = "length" if index == 1 else "stop"
        return reply

    with serve(chain) as server:
        endpoint = Endpoint(server.url, concurrency=1)
        report = run_evaluation(EvalOptions("tool-chain", data, endpoint, run=tmp_path / "run"))
    assert (report.scored, report.cut, report.empty) == (3, 1, 0)
    endings = {entry["sample_id"]: entry["ended"] for entry in journal(tmp_path / "run")}
    assert endings == {"r0": "", "r1": "cut", "r2": ""}


def test_retry_reads_words_and_ids() -> None:
    """Lists, repeated, an id with a comma; a word that is none is refused with those there are."""
    assert parse_retry(()) == Retry()
    retry = parse_retry(("cut, errors,id:w-17", "id:a,b"))
    assert retry == Retry(frozenset({"cut", "errors"}), frozenset({"w-17", "a,b"}))
    for wrong in ("short", "", "cut,", "id:", "w-17"):
        with pytest.raises(UsageError, match="cut, filtered, empty, errors or id:SAMPLE"):
            parse_retry((wrong,))


def test_retry_without_a_run_or_with_an_unknown_id_asks_nothing(tmp_path: Path) -> None:
    """It is wrong usage, and names what there is."""
    data = write_rows(tmp_path / "rows.jsonl", 2)
    run = tmp_path / "run"
    with serve(right) as server:
        evaluate(data, server.url, run)
        asked = len(server.questions)
        status, _, err = evaluate(data, server.url, run, "--retry", "id:r9")
        assert (status, len(server.questions)) == (2, asked)
        assert "no sample of that id (it asks r0, r1" in err
