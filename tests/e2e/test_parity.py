"""`swiftkit parity` and `doctor` beside real servers: 200 rows of the demo's data, each prompt.

vLLM needs the environment of scripts/setup_vllm.sh, which SWIFTKIT_VLLM_VENV names.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.chat_templates import SETUP_FOLDER
from helpers.paths import ROOT
from helpers.prompt_conversations import model_folder
from helpers.real_servers import VLLM_ON_CPU, running, vllm_command

from swiftkit.cli.main import main
from swiftkit.preflight.parity.deployment import CONVERSATIONS

pytestmark = pytest.mark.e2e
TINY = ROOT / "recipes" / "tiny" / "qwen3"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make = [sys.executable, ROOT / "datasets_custom" / "demo_tools" / "make.py", folder]
    counts = ["--train", "200", "--eval", "20", "--pairs", "2", "--seed", "3"]
    subprocess.run([*make, *counts], check=True, capture_output=True)
    raw = [str(file) for file in folder.glob("train_*.jsonl")]
    assert (
        CliRunner().invoke(main, ["convert", *raw, "-o", str(folder / "rows.jsonl")]).exit_code == 0
    )
    return folder / "rows.jsonl"


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def check(model: Path, rows: Path, url: str) -> None:
    """Every prompt of 200 rows and of the built-in conversations is equal, by token ids."""
    result = run("parity", model, rows, "--base-url", url, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    [side] = report["sides"]
    assert report["rows"] == 200
    assert side["evidence"] == "ids"
    assert side["equal"] == side["compared"] == 234  # turns to be trained
    examined = run("doctor", "--model", model, "--base-url", url)
    assert examined.exit_code == 0, examined.output
    assert len(CONVERSATIONS) <= int(examined.output.split("prompts equal")[0].split()[-1])


def deployed(backend: str) -> list[Any]:
    recipe = ["bash", "recipes/deploy.sh", "recipes/tiny/deploy.yaml", "--model", TINY]
    return [*recipe, "--template_backend", backend, "--port"]


def test_swift_deploy_with_the_models_own_template(rows: Path, tmp_path: Path) -> None:
    with running(deployed("jinja"), tmp_path / "log") as address:
        check(TINY, rows, f"{address}/v1")


def test_swift_deploy_with_a_template_of_ms_swift_is_found_out(rows: Path, tmp_path: Path) -> None:
    with running(deployed("swift"), tmp_path / "log") as address:
        url = ("--base-url", f"{address}/v1")
        result = run("parity", TINY, rows, "--limit", "20", *url, "--json")
        examined = run("doctor", "--model", TINY, *url)
    assert result.exit_code == 1
    [side] = json.loads(result.stdout)["sides"]
    assert {cause["cause"] for cause in side["causes"]} == {"tools_block"}
    assert side["equal"] == 0
    assert examined.exit_code == 1
    assert "tools_block" in examined.output


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of vLLM's server with the tiny Qwen3 and its published template, and the folder."""
    template = SETUP_FOLDER / "qwen3.jinja"
    if not template.exists():
        pytest.skip("Qwen3's chat template is not here: run `bash scripts/setup.sh`")
    base = tmp_path_factory.mktemp("vllm")
    folder = model_folder(base / "qwen3", template.read_text(encoding="utf-8"))
    with running(vllm_command(folder), base / "server.log", VLLM_ON_CPU) as address:
        yield f"{address}/v1", folder


def test_vllm_with_the_published_template(vllm: tuple[str, Path], rows: Path) -> None:
    url, folder = vllm
    check(folder, rows, url)


def test_vllm_with_another_template_than_the_folder_of_the_training(
    vllm: tuple[str, Path], rows: Path, tmp_path: Path
) -> None:
    """A training folder with another revision, and one that was trained without thinking."""
    url, folder = vllm
    text = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    other = model_folder(tmp_path / "other", text.replace("# Tools\\n\\n", "# Tools\\n"))
    switched = model_folder(tmp_path / "switched", text)
    record = {"enable_thinking": False, "chat_template_sha256": "of another run"}
    (switched / "args.json").write_text(json.dumps(record))
    for model, causes in ((other, {"tools_block"}), (switched, {"thinking_switch"})):
        result = run("parity", model, rows, "--limit", "20", "--base-url", url, "--json")
        [side] = json.loads(result.stdout)["sides"]
        assert {cause["cause"] for cause in side["causes"]} <= causes | {"system_header"}, model
        assert result.exit_code == 1
