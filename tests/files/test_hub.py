"""Data sets by their name on a hub: the real libraries against a hub on loopback."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from helpers.paths import ROOT

from swiftkit.errors import DataError
from swiftkit.files.hub import data_path

FILES = {
    "openai/gsm8k": {
        "main/test-0.jsonl": b'{"question": "1+1?", "answer": "2"}\n',
        "main/train-0.jsonl": b"{}\n",
    },
    "some/many": {"a.jsonl": b"{}\n", "b.jsonl": b"{}\n", "possible_answer/a.jsonl": b"{}\n"},
    "some/pictures": {"README.md": b"# pictures\n"},
}
SHA = "0" * 39 + "1"


class Hub(BaseHTTPRequestHandler):
    """As much of Hugging Face's hub as its library asks for a data set."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        name = "/".join(path.removeprefix("/api").removeprefix("/datasets/").split("/")[:2])
        if name not in FILES:
            self.reply(404, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
        elif "/tree/" in path:
            files = FILES[name].items()
            tree = [
                {"type": "file", "path": file, "size": len(text), "oid": file}
                for file, text in files
            ]
            self.reply(200, json.dumps(tree).encode(), {})
        elif path.startswith("/api/"):
            self.reply(200, json.dumps({"id": name, "sha": SHA}).encode(), {})
        else:
            content = FILES[name][path.split(f"/{SHA}/")[1]]
            tag = hashlib.sha256(content).hexdigest()
            self.reply(200, content, {"ETag": f'"{tag}"', "X-Repo-Commit": SHA})

    do_HEAD = do_GET  # noqa: N815

    def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not on the screen."""


@pytest.fixture
def hugging_face() -> Iterator[ThreadingHTTPServer]:
    pytest.importorskip("huggingface_hub")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


SCRIPT = """
import sys
from swiftkit.errors import DataError
from swiftkit.files.hub import data_path
for typed in sys.argv[1:]:
    try:
        print(data_path(typed))
    except DataError as error:
        print(error.code, error)
"""


def paths(folder: Path, server: ThreadingHTTPServer, *typed: str) -> list[str]:
    """The paths that a process finds, or its error; the library reads its settings when it is imported."""
    environment = os.environ | {
        "USE_HF": "1", "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HOME": str(folder / "home"),
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    command = [sys.executable, "-c", SCRIPT, *typed]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True
    ).stdout.splitlines()


def test_files_of_data_sets_are_fetched(hugging_face: ThreadingHTTPServer, tmp_path: Path) -> None:
    """By the data set's name, where one file is the test split; by the file's name or a pattern;
    BFCL's answers come with the questions; what was fetched is found again when the hub is gone."""
    typed = [
        "openai/gsm8k",
        "openai/gsm8k:main/test-0.jsonl",
        "HF::openai/gsm8k:*/test*",
        "some/many:a.jsonl",
    ]
    *found, questions = map(Path, paths(tmp_path, hugging_face, *typed))
    assert [file.read_bytes() for file in found] == [FILES["openai/gsm8k"]["main/test-0.jsonl"]] * 3
    assert (questions.parent / "possible_answer/a.jsonl").is_file()
    hugging_face.shutdown()
    hugging_face.server_close()
    assert paths(tmp_path, hugging_face, "openai/gsm8k:main/test-0.jsonl") == [str(found[0])]


def test_what_a_hub_does_not_have_is_said(
    hugging_face: ThreadingHTTPServer, tmp_path: Path
) -> None:
    """With the next step."""
    many, none, pattern, unknown = paths(
        tmp_path, hugging_face, "some/many", "some/pictures", "openai/gsm8k:main/x*", "no/such"
    )
    assert "many_files" in many
    assert "which file? a.jsonl, b.jsonl (name one: --data NAME:FILE)" in many
    assert "some/pictures on Hugging Face: no data file" in none
    assert "no file main/x*" in pattern
    assert "no/such: no such file here, and Hugging Face did not give it: " in unknown


@pytest.mark.parametrize(
    "typed", ["raw/eval.jsonl", "eval.jsonl", "here/x", "../x/y", "/no/such", "a/b/c", "a/.."]
)
def test_a_path_is_not_taken_for_a_name(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked of a network for a mistyped path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert data_path(typed) == Path(typed)


def test_modelscope_is_the_hub_without_use_hf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its library is asked, and what it says of a hub that nobody serves is one line with the way
    out."""
    pytest.importorskip("modelscope")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("USE_HF", raising=False)
    monkeypatch.setenv("MODELSCOPE_DOMAIN", "127.0.0.1:9")
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    with pytest.raises(DataError, match="ModelScope did not give it") as caught:
        data_path("AI-ModelScope/gsm8k")
    assert "USE_HF=1" in caught.value.fix
