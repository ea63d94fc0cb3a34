"""`swiftkit eval` as a person runs it: a real process, a real local server, and whatever may happen
on the way."""

import json
import resource
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from helpers.eval_runs import (
    CANARY,
    TOOL,
    evaluate,
    journal,
    number,
    report_of,
    right,
    start,
    wait_for,
    write_rows,
)
from helpers.servers import Reply, error, message, serve

from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.wire_format import load


def test_eval_writes_every_file_and_the_numbers_add_up(tmp_path: Path) -> None:
    """Every file is there, the numbers add up, --json prints the report and nothing else, the key
    appears nowhere."""
    data = write_rows(tmp_path / "rows.jsonl", 40)
    with serve(lambda body: right(body) if number(body) % 4 else message("no")) as server:
        status, out, err = evaluate(
            data, server.url, tmp_path / "run", "--json", "--concurrency", "8"
        )
    report = json.loads(out)
    assert status == 0
    assert report == report_of(tmp_path / "run")
    assert (report["n"], report["scored"], report["skipped"], report["errors"]) == (40, 40, 0, 0)
    accuracy = report["metrics"]["tool_accuracy"]
    assert accuracy["value"] == 0.75
    assert accuracy["ci95"][0] < 0.75 < accuracy["ci95"][1]
    assert accuracy["stderr"] > 0
    assert report["usage"] == {"prompt_tokens": 280, "completion_tokens": 120, "total_tokens": 400}
    assert report["model"] == "tiny"
    assert report["latency"]["max"] >= report["latency"]["p50"] > 0
    assert report["elapsed_s"] > 0
    files = {file.name: file.read_text(encoding="utf-8") for file in (tmp_path / "run").iterdir()}
    assert {
        "config.json",
        "responses.jsonl",
        "scores.jsonl",
        "report.json",
        "report.md",
    } <= files.keys()
    assert len(files["scores.jsonl"].splitlines()) == 40
    assert "| tool_accuracy | 75.0 % |" in files["report.md"]
    assert "5 of 10 that went wrong" in files["report.md"]
    assert all(CANARY not in text for text in [*files.values(), out, err])
    assert server.headers[0]["Authorization"] == f"Bearer {CANARY}"


def test_eval_requests_hold_sampling_tools_prompt_and_seed(tmp_path: Path) -> None:
    """Sampling, tools, the system prompt of --prompt, and a seed a trial."""
    data = write_rows(tmp_path / "rows.jsonl", 1)
    (tmp_path / "prompt.txt").write_text("Be brief. 简短。\n", encoding="utf-8")
    flags = (
        "--trials",
        "2",
        "--temperature",
        "0.5",
        "--max-tokens",
        "9",
        "--prompt",
        str(tmp_path / "prompt.txt"),
    )
    with serve(right, ("a", "b")) as server:
        status, out, _ = evaluate(data, server.url, tmp_path / "run", *flags, "--model", "b")
        first, second = (body for body in server.requests if body["max_tokens"] == 9)
    assert status == 0
    assert "tool_accuracy" in out
    assert first["messages"][0] == {"role": "system", "content": "Be brief. 简短。"}
    assert (first["model"], first["temperature"], first["tools"]) == ("b", 0.5, [TOOL])
    assert sorted([first["seed"], second["seed"]]) == [0, 1]
    assert report_of(tmp_path / "run")["n"] == 2


def test_eval_faults_are_counted_apart_and_asked_again(tmp_path: Path) -> None:
    """402 leaves the denominator, a final error is no score, an innocent 400 is asked once more,
    alone; then resume."""
    data = write_rows(tmp_path / "rows.jsonl", 20)
    seen: Counter[int] = Counter()

    def faulty(body: dict[str, Any]) -> Reply:
        seen[index := number(body)] += 1
        if index == 3:
            return error(402, "pay")
        if index == 4 or (index == 5 and seen[index] == 1):
            return error(400, "bad batch")
        if index == 6 and seen[index] == 1:
            return error(429, Retry_After="0")
        return right(body)

    with serve(faulty) as server:
        status, _, err = evaluate(data, server.url, tmp_path / "run")
        report = report_of(tmp_path / "run")
    assert status == 1
    assert (report["n"], report["scored"], report["skipped"], report["errors"]) == (20, 18, 1, 1)
    assert report["metrics"]["tool_accuracy"]["value"] == 1.0
    assert (seen[3], seen[4], seen[5], seen[6], seen[7]) == (1, 2, 2, 2, 1)
    assert "1 errors, 1 skipped" in err
    with serve(right) as server:
        status, _, err = evaluate(data, server.url, tmp_path / "run")
        assert sorted(server.questions) == ["q 3", "q 4"]
    assert status == 0
    assert "18 of 20 are finished" in err
    report = report_of(tmp_path / "run")
    assert (report["scored"], report["resumed"]) == (20, 18)


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_eval_stopped_run_goes_on_where_it_was(tmp_path: Path, blow: signal.Signals) -> None:
    """After a kill, Ctrl-C or SIGTERM no sample is lost, none is scored twice, and none finished is
    asked again."""
    data = write_rows(tmp_path / "rows.jsonl", 60)
    run = tmp_path / "run"
    with serve(lambda body: right(body, delay=0.05)) as server:
        with start(data, server.url, run, "--concurrency", "4") as process:
            wait_for(lambda: (run / "responses.jsonl").exists() and len(journal(run)) >= 10)
            process.send_signal(blow)
            _, err = process.communicate(timeout=20)
        finished = {entry["sample_id"] for entry in journal(run)}
        assert 10 <= len(finished) < 60
        assert process.returncode == (-9 if blow is signal.SIGKILL else 130)
        if blow is not signal.SIGKILL:
            assert f"the same command with --run {run}" in err
            assert "Traceback" not in err
        with (run / "responses.jsonl").open("ab") as file:
            # the half line that a kill in the middle of a write leaves
            file.write(b'{"sample_id": "r5')
        asked = len(server.questions)
        status, _, _ = evaluate(data, server.url, run, "--concurrency", "16")
        assert {f"r{text.split()[1]}" for text in server.questions[asked:]} == {
            f"r{i}" for i in range(60)
        } - finished
    assert status == 0
    assert Counter(entry["sample_id"] for entry in journal(run)) == Counter(
        {f"r{index}": 1 for index in range(60)}
    )
    report = report_of(run)
    assert (report["n"], report["scored"], report["metrics"]["tool_accuracy"]["value"]) == (
        60,
        60,
        1.0,
    )


def test_eval_server_that_dies_ends_the_run_early(tmp_path: Path) -> None:
    """One message, status 4, what was answered is kept; with the server back, at another port, the
    rest is asked."""
    data = write_rows(tmp_path / "rows.jsonl", 200)
    run = tmp_path / "run"
    with (
        serve(lambda body: right(body, delay=0.02)) as server,
        start(data, server.url, run, "--concurrency", "4") as process,
    ):
        wait_for(lambda: (run / "responses.jsonl").exists() and len(journal(run)) >= 20)
        server.stop()
        _, err = process.communicate(timeout=40)
    assert process.returncode == 4
    assert "is gone" in err
    assert f"--run {run}" in err
    kept = sum(not entry["error"] for entry in journal(run))
    assert 20 <= kept < 100
    assert f"{kept} of 200 are kept" in err
    with serve(right) as server:
        status, _, _ = evaluate(data, server.url, run)
        assert len(server.questions) == 200 - kept
    assert status == 0


def test_eval_finished_run_is_not_asked_again(tmp_path: Path) -> None:
    """The report comes from the journal, also without a server; a server with another model shows a
    wrong --run."""
    data = write_rows(tmp_path / "rows.jsonl", 3)
    run = tmp_path / "run"
    with serve(right) as server:
        evaluate(data, server.url, run)
        asked = len(server.requests)
        status, _, err = evaluate(data, server.url, run)
        assert (status, len(server.requests)) == (0, asked)
        assert "nothing is asked" in err
    assert evaluate(data, server.url, run)[0] == 0
    with serve(right, ("other",)) as server:
        status, _, err = evaluate(data, server.url, run)
    assert status == 2
    assert "other" in err


def test_eval_another_configuration_is_refused_by_name(tmp_path: Path) -> None:
    """A run is one experiment: the difference is named, and nothing is asked."""
    data = write_rows(tmp_path / "rows.jsonl", 3)
    with serve(right) as server:
        evaluate(data, server.url, tmp_path / "run")
        asked = len(server.requests)
        for flags, name in ((("--temperature", "1"), "temperature"), (("--limit", "2"), "limit")):
            status, _, err = evaluate(data, server.url, tmp_path / "run", *flags)
            assert (status, len(server.requests)) == (2, asked)
            assert f"begun with {name}" in err
        data.write_text(data.read_text(encoding="utf-8").replace("q ", "w "), encoding="utf-8")
        status, _, err = evaluate(data, server.url, tmp_path / "run")
    assert (status, len(server.requests)) == (2, asked)
    assert "was begun with other data than" in err


def test_eval_bad_input_is_reported_before_any_request(tmp_path: Path) -> None:
    """A broken row, a missing file, a wrong metric, task or gate: status 2, and the server hears
    nothing."""
    data = write_rows(tmp_path / "rows.jsonl", 3)
    broken = tmp_path / "broken.jsonl"
    broken.write_text(data.read_text(encoding="utf-8") + '{"messages": [\n', encoding="utf-8")
    with serve(right) as server:
        for file, flags, said in (
            (broken, (), f"{broken}:4"),
            (tmp_path / "none.jsonl", (), "none.jsonl"),
            (data, ("--gate", "accuracy>=0.5"), "no metric 'accuracy'"),
            (data, ("--gate", "high"), "METRIC>=X"),
            (data, ("--prompt", "none.txt"), "none.txt"),
        ):
            status, out, err = evaluate(file, server.url, tmp_path / "run", *flags)
            assert (status, out) == (2, "")
            assert said in err
            assert err.count("\n") == 1
        assert not server.requests
    assert not (tmp_path / "run").exists()


def test_eval_unusable_endpoint_is_status_4(tmp_path: Path) -> None:
    """A refused port, an unknown model, a refused key, a quota that is used up: one line each, and
    no score."""
    data = write_rows(tmp_path / "rows.jsonl", 3)
    status, _, err = evaluate(data, "http://127.0.0.1:9/v1", tmp_path / "run")
    assert status == 4
    assert "http://127.0.0.1:9/v1 cannot be reached" in err
    with serve(right) as server:
        status, _, err = evaluate(data, server.url, tmp_path / "run", "--model", "mine")
        assert (status, server.requests) == (4, [])
        assert "served here: tiny" in err
    assert not (tmp_path / "run").exists()
    with serve(lambda _: error(401, f"no such key {CANARY}")) as server:
        status, _, err = evaluate(data, server.url, tmp_path / "run401")
        assert status == 4
        assert CANARY not in err
    with serve(lambda _: error(402, "pay")) as server:
        status, _, err = evaluate(data, server.url, tmp_path / "run402")
    assert status == 4
    assert "no sample was scored" in err
    report = report_of(tmp_path / "run402")
    assert (report["skipped"], report["metrics"]) == (3, {})


def test_eval_gates_set_the_exit_status(tmp_path: Path) -> None:
    """0 passed, 1 failed, 3 while the interval straddles the bound."""
    data = write_rows(tmp_path / "rows.jsonl", 20)
    with serve(lambda body: right(body) if number(body) % 2 else message("no")) as server:
        for bound, expected in (("0.1", 0), ("0.5", 3), ("0.9", 1)):
            gate = f"tool_accuracy>={bound}"
            status, out, _ = evaluate(data, server.url, tmp_path / "run", "--gate", gate)
            assert status == expected
            assert f"gate {gate}: " in out


def test_eval_second_command_on_a_run_is_refused(tmp_path: Path) -> None:
    """The second is refused while the first is running."""
    data = write_rows(tmp_path / "rows.jsonl", 30)
    run = tmp_path / "run"
    with (
        serve(lambda body: right(body, delay=2)) as server,
        start(data, server.url, run, "--concurrency", "2") as process,
    ):
        wait_for((run / "responses.jsonl").exists)
        status, _, err = evaluate(data, server.url, run)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert status == 2
    assert "in use by another swiftkit" in err


def test_eval_full_disk_is_reported_and_the_run_goes_on_later(tmp_path: Path) -> None:
    """A journal that cannot grow ends the run with status 4; the half line it may hold does no
    harm."""
    data = write_rows(tmp_path / "rows.jsonl", 40)
    run = tmp_path / "run"
    with serve(right) as server:
        with start(data, server.url, run) as process:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (3000, 3000))  # bytes a file
            _, err = process.communicate(timeout=20)
        assert process.returncode == 4
        assert f"cannot write in {run}" in err
        assert "Traceback" not in err
        status, _, _ = evaluate(data, server.url, run)
        assert set(Counter(server.questions).values()) <= {1, 2}
    assert status == 0
    assert report_of(run)["scored"] == 40


def test_dry_run_asks_nothing_and_leaves_everything_as_it_was(tmp_path: Path) -> None:
    """It says how much a run would ask; a fault is said as a run says it."""
    data = write_rows(tmp_path / "rows.jsonl", 3)
    with serve(lambda body: right(body) if number(body) else error(400)) as server:
        status, out, err = evaluate(data, server.url, tmp_path / "run", "--dry-run", "--json")
        assert (status, out, server.requests) == (0, "", [])
        assert "3 to ask, 0 finished" in err
        assert not (tmp_path / "run").exists()
        (tmp_path / "run").mkdir()
        evaluate(data, server.url, tmp_path / "run", "--dry-run")
        assert list((tmp_path / "run").iterdir()) == []
        evaluate(data, server.url, tmp_path / "run")
        asked = len(server.requests)
        files = {file: file.read_bytes() for file in (tmp_path / "run").iterdir()}
        status, _, err = evaluate(data, server.url, tmp_path / "run", "--dry-run")
        assert (status, len(server.requests)) == (0, asked)
        assert "1 to ask, 2 finished" in err
        status, _, err = evaluate(
            data, server.url, tmp_path / "run", "--dry-run", "--max-tokens", "9"
        )
        assert (status, "was begun with max_tokens 512" in err) == (2, True)
        assert files == {file: file.read_bytes() for file in (tmp_path / "run").iterdir()}


def test_calls_in_texts_are_read_in_the_format_that_is_named(tmp_path: Path) -> None:
    """The endpoint's own calls count in any case; the report says how many answers were read how,
    and which were not."""
    data = write_rows(tmp_path / "rows.jsonl", 12)

    def answer(body: dict[str, Any]) -> Reply:
        call = ToolCall("f", {"x": number(body)})
        match number(body) % 4:
            case 0:
                return right(body)
            case 1:
                return message(load("hermes").render([call]))
            case 2:
                return message(load("mistral").render([call]))
        return message(f'<my_call>f {{"x": {number(body)}}}</my_call>')

    with serve(answer) as server:
        evaluate(data, server.url, tmp_path / "any")
        evaluate(data, server.url, tmp_path / "pinned", "--wire-format", "hermes")
        status, _, err = evaluate(data, server.url, tmp_path / "pinned", "--wire-format", "any")
        assert status == 2
        assert "begun with wire_format 'hermes', this command has 'any'" in err
        status, _, err = evaluate(data, server.url, tmp_path / "wrong", "--wire-format", "hermez")
        assert status == 2
        assert "no format (there is: any, apertus" in err
    any_format, pinned = report_of(tmp_path / "any"), report_of(tmp_path / "pinned")
    assert any_format["read_as"] == {"tool_calls": 3, "hermes": 3, "mistral": 3, "unread": 3}
    assert any_format["metrics"]["tool_accuracy"]["value"] == 0.75
    assert pinned["read_as"] == {"unread": 6, "tool_calls": 3, "hermes": 3}
    assert pinned["metrics"]["tool_accuracy"]["value"] == 0.5
    page = (tmp_path / "pinned/report.md").read_text(encoding="utf-8")
    assert "answers: 6 unread, 3 tool_calls, 3 hermes" in page
    assert "6 with call-like markup that was not read count as wrong" in page
