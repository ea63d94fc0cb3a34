"""What one sample does ends no run: exceptions of scorers and environments, a single refusal."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.eval_runs import evaluate, journal, number, report_of, right, write_rows
from helpers.servers import Reply, error, message, serve

from swiftkit.client.client import Endpoint
from swiftkit.environments.rollout import Episode
from swiftkit.errors import EndpointError
from swiftkit.evals import run as evaluate_module
from swiftkit.evals.compare import compare
from swiftkit.evals.grade import grade
from swiftkit.evals.refusals import Refusals
from swiftkit.evals.report.report import EvalReport
from swiftkit.evals.score_file import make_score_report, pair_files
from swiftkit.evals.tasks import tool_call
from swiftkit.records import Response, Sample, Score


class UntellableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


FAULTS = (OverflowError("too large"), RecursionError(), MemoryError(), UntellableError(), KeyError)


def breaking(sample: Sample, response: Response) -> Score:
    """Score, but for the first samples, on which it breaks."""
    index = int(sample.id[1:])
    if index < len(FAULTS):
        raise FAULTS[index]
    return tool_call.score(sample, response)


def run_eval(data: Path, url: str, run: Path, **more: Any) -> EvalReport:
    endpoint = Endpoint(url, timeout=5, concurrency=4, first_wait=0.001)
    options = evaluate_module.EvalOptions("tool-call", data, endpoint, run=run, **more)
    return evaluate_module.evaluate(options)


def test_scorer_that_breaks_costs_its_own_samples_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their answers are kept and not asked again; with the scorer mended `grade` scores them."""
    data, run = write_rows(tmp_path / "rows.jsonl", 20), tmp_path / "run"
    broken = dataclasses.replace(tool_call.TASK, score=breaking)
    with serve(right) as server:
        run_eval(data, server.url, tmp_path / "good")
        with monkeypatch.context() as patch:
            patch.setattr(tool_call, "TASK", broken)
            for _ in range(2):
                report = run_eval(data, server.url, run)
                assert (report.scored, report.errors, report.scorer_errors) == (15, 5, 5)
            graded = grade(run)
            assert (graded.scored, graded.scorer_errors) == (15, 5)
            assert compare(tmp_path / "good", run).paired == 15
            asked = len(server.questions)
        assert asked == 40
        said = capsys.readouterr().err
        assert f"5 answers of {run} have no score" in said
        assert (
            "warning: sample r0: the scorer failed: OverflowError: too large (test_sample" in said
        )
        page = (run / "report.md").read_text(encoding="utf-8")
        assert "5 answers have no score: the scorer failed" in page
        assert "(5 of the scorer)" in page
        assert "the scorer failed: UntellableError (" in page
        assert all(not entry["error"] for entry in journal(run))
        mended = grade(run)
        assert (mended.scored, mended.errors, mended.scorer_errors) == (20, 0, 0)
        assert len(server.questions) == asked


def test_retry_errors_asks_again_what_the_scorer_failed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On demand: a model's odd answer may be another next time."""
    data, run = write_rows(tmp_path / "rows.jsonl", 8), tmp_path / "run"
    monkeypatch.setattr(tool_call, "TASK", dataclasses.replace(tool_call.TASK, score=breaking))
    with serve(right) as server:
        run_eval(data, server.url, run)
        retry = evaluate_module.Retry(frozenset({"errors"}))
        report = run_eval(data, server.url, run, retry=retry)
        assert len(server.questions) == 8 + 5
    assert (report.scored, report.scorer_errors) == (3, 5)


def test_scorer_that_breaks_on_a_completion_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`swiftkit score` counts it as an error of that completion."""
    data = write_rows(tmp_path / "rows.jsonl", 8)
    file = tmp_path / "answers.jsonl"
    lines = [json.dumps({"id": f"r{index}", "completion": "no"}) for index in range(8)]
    file.write_text("\n".join(lines), encoding="utf-8")
    score = tool_call.score

    def score_or_break(sample: Sample, response: Response) -> Score:
        if sample.id == "r3":
            raise RecursionError("deep")
        return score(sample, response)

    monkeypatch.setattr(tool_call, "score", score_or_break)
    report = make_score_report(data, pair_files(data, file))
    assert (report.scored, report.errors, report.scorer_errors) == (7, 1, 1)
    assert report.exit_status == 1


@pytest.mark.parametrize("part", ["episode", "judge"])
def test_environment_or_judge_that_breaks_is_an_error_of_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """It is asked again when the run is resumed."""
    data, run = write_rows(tmp_path / "rows.jsonl", 12), tmp_path / "run"

    def episode(sample: Sample) -> Episode | None:
        if sample.id == "r3":
            raise ZeroDivisionError("no world")
        return None

    async def judge(sample: Sample, response: Response) -> Response:
        if sample.id == "r3":
            raise EndpointError("the judge's key")
        if sample.id == "r4":
            raise ZeroDivisionError("no verdict")
        return response

    broken = {"episode": episode} if part == "episode" else {"judge": judge}
    with serve(right) as server:
        with monkeypatch.context() as patch:
            patch.setattr(tool_call, "TASK", dataclasses.replace(tool_call.TASK, **broken))
            report = run_eval(data, server.url, run)
        failed = [entry for entry in journal(run) if entry["error"]]
        assert report.errors == len(failed) == (1 if part == "episode" else 2)
        assert any("ZeroDivisionError" in entry["error"] for entry in failed)
        assert run_eval(data, server.url, run).scored == 12


def test_single_403_is_an_error_of_its_sample(tmp_path: Path) -> None:
    """A firewall dislikes one text, also the first; the run goes on, and it is asked again."""
    data, run = write_rows(tmp_path / "rows.jsonl", 60), tmp_path / "run"
    page = Reply(b"<html>Attention Required!</html>", 403, {"Content-Type": "text/html"})
    for _ in range(2):
        with serve(lambda body: page if number(body) in (0, 30) else right(body)) as server:
            status, _, _ = evaluate(data, server.url, run, "--concurrency", "2")
            assert {"q 0", "q 30"} <= set(server.questions)
        report = report_of(run)
        assert (status, report["scored"], report["errors"]) == (1, 58, 2)


@pytest.mark.parametrize("status", [400, 422])
def test_equal_refusals_end_the_run_early(tmp_path: Path, status: int) -> None:
    """The reason is said; a few were asked alone, and some from elsewhere in the data."""
    data = write_rows(tmp_path / "rows.jsonl", 400)
    ids = iter(range(10**12, 10**13))
    with serve(
        lambda _: error(status, f"tools are not served (request id: {next(ids)})")
    ) as server:
        exit_status, _, err = evaluate(data, server.url, tmp_path / "run", "--concurrency", "16")
        assert len(server.questions) <= 16 + 16 + 3
        assert {"q 399"} < set(server.questions)
    assert exit_status == 4
    assert f"and none was answered: HTTP {status}: tools are not served" in err


def first_refused(body: dict[str, Any]) -> Reply:
    return error(400, "no") if number(body) < 40 else right(body)


def too_long(body: dict[str, Any]) -> Reply:
    return error(400, f"{number(body)} tokens are too many") if number(body) < 90 else message("")


@pytest.mark.parametrize(("script", "refused"), [(first_refused, 40), (too_long, 90)])
def test_refusals_that_are_not_all_do_not_end_the_run(
    tmp_path: Path, script: Callable[[dict[str, Any]], Reply], refused: int
) -> None:
    """Questions elsewhere in the data are answered, or each is refused for its own reason."""
    data, run = write_rows(tmp_path / "rows.jsonl", 100), tmp_path / "run"
    with serve(script) as server:
        status, _, _ = evaluate(data, server.url, run, "--concurrency", "4")
    report = report_of(run)
    assert (report["scored"], report["errors"]) == (100 - refused, refused)
    assert status == 1


@pytest.fixture
def equal() -> Refusals:
    refusals = Refusals()
    for _ in range(16):
        assert not refusals.are_all_equal
        refusals.count("HTTP 400: no tools")
    return refusals


@pytest.mark.parametrize("error", ["", "HTTP 500: x", "HTTP 400: other"])
def test_refusals_are_counted_in_a_row(equal: Refusals, error: str) -> None:
    """Anything else ends the row; after an answer there is none any more."""
    assert equal.are_all_equal
    equal.count(error)
    assert not equal.are_all_equal
    for _ in range(16):
        equal.count("HTTP 400: no tools")
    assert equal.are_all_equal == bool(error)
