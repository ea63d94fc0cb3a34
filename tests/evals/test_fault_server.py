"""Every behaviour of the shared fault server in one run: each sample ends in the state that it
should, and nothing ends the run."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.eval_runs import journal
from helpers.fault_server import fault_server

from swiftkit.client.client import Endpoint
from swiftkit.evals.run import EvalOptions, evaluate

# read as the answer that they are
ANSWERED = """
    ok list listout listnull tcempty think thinkclose rc ctype ctypehtml gzip bogusenc usagebad
    usagenull usagefloat usageneg bom surr nul finnum 201 trail hdrhuge chunked nolen s_plain
""".split()
STREAMED = "s_ok s_nodone s_crlf s_split s_nospace s_comment s_after_done s_n2 s_rfirst".split()
WRONG = "wrong ansi multi badargs good1 nullid notype dupid emptyargs tcdictargs null".split()
CUT = "length lenempty thinkopen rconly".split()
# an error each time; asked again where it may pass
FAILED = """
    400 403 404 408 413 418 422 500 502 503 529 600 204 206 429huge 429inf garbage half shape_list
    shape_null shape_str empty emptybody errin200 errplus or_err nomsg msgnull num dict badgzip
    redir redirhost redir302 nan latin two deep hdrhuge2 rstbefore closebefore rstafter halfclose
    badchunk nochunkend nolencut badhttp bigerr s_nofin s_nofin_done s_err s_cut s_cutline
    s_errevent s_empty s_onlydone stall stallbody
""".split()
LASTING = set("400 403 404 413 418 422 600 204 206 429huge 429inf redir redirhost redir302".split())


@pytest.fixture(scope="module")
def fault_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with fault_server(tmp_path_factory.mktemp("faults") / "log") as url:
        yield url


@pytest.mark.parametrize("stream", [False, True])
def test_each_fault_ends_in_its_state(fault_url: str, tmp_path: Path, stream: bool) -> None:
    """What passes is asked again and answered; what lasts is an error with a reason."""
    once = [f"once-{mode}" for mode in FAILED if mode not in LASTING]
    modes = [*ANSWERED, *STREAMED, *WRONG, *CUT, *FAILED, *once, "402", "filter"]
    rows = []
    for number, mode in enumerate(modes):
        question = f"{stream}{number} mode={mode}"
        rows.append({"id": mode, "question": question, "answer": "42"})
        # between two faults a good answer, or so many of them mean that the server is gone
        calm = {"id": f"calm{number}", "question": f"{stream}c{number} mode=ok", "answer": "42"}
        rows.append(calm)
    data, run = tmp_path / "rows.jsonl", tmp_path / "run"
    data.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    endpoint = Endpoint(fault_url, timeout=1, concurrency=16, first_wait=0.002, stream=stream)
    report = evaluate(EvalOptions("gsm8k", data, endpoint, run=run))
    lines = [json.loads(line) for line in (run / "scores.jsonl").read_bytes().splitlines()]
    scores = {line["id"]: line for line in lines}
    errors = {entry["sample_id"]: entry["error"] for entry in journal(run) if entry["error"]}
    assert report.n == len(rows) == len(scores) + len(errors)
    assert (report.errors, report.skipped) == (len(errors) - 1, 1)
    right = {name for name, line in scores.items() if line["exact"]} - set(CUT)
    expected = {*ANSWERED, *STREAMED, *once, *(f"calm{number}" for number in range(len(modes)))}
    assert right == expected
    assert {name for name, line in scores.items() if line["ended"] == "cut"} == set(CUT)
    assert (report.cut, report.filtered, report.empty) == (len(CUT), 1, 1)
    assert scores.keys() - right == {*WRONG, *CUT, "filter"}
    assert errors.keys() == {*FAILED, "402"}
    assert all(
        error.startswith(("HTTP ", "no ", "connection ", "skipped: HTTP"))
        for error in errors.values()
    )
