"""`swiftkit tools` on published OpenAPI documents and MCP servers, as scripts/setup_mcp.sh installs
them; SWIFTKIT_MCP_VENV names the folder, .venv_mcp if it is not set."""

import asyncio
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.mcp_servers import PEERS, config

from swiftkit.cli.main import main
from swiftkit.client.mcp import McpConnection
from swiftkit.client.mcp_config import server_from
from swiftkit.openapi.openai_rules import faults

PACKAGES, MODULES = PEERS / "lib", PEERS / "lib" / "node" / "node_modules"
NODE = PEERS / "bin" / "node"
# operations, tools; the rest is skipped for the type "bytes", which JSON Schema has not
DOCUMENTS = {
    "python*/site-packages/jupyter_server/services/api/api.yaml": (32, 32),  # Swagger 2.0
    "python*/site-packages/mlserver/rest/openapi/dataplane.json": (15, 7),  # 3.0
    "node/node_modules/@blockfrost/openapi/openapi.yaml": (129, 129),  # 3.0
    "node/node_modules/@figma/rest-api-spec/openapi/openapi.yaml": (54, 54),  # 3.1
    "python*/site-packages/airflow/api_fastapi/core_api/openapi/v2-rest-api-generated.yaml": (128, 128),  # 3.1
}  # fmt: skip
# tools; a call, and what stands in its result. FOLDER is a folder with a git repository.
SERVERS: dict[str, tuple[int, str, dict[str, Any], str]] = {
    "filesystem": (14, "list_directory", {"path": "FOLDER"}, "[FILE] a.txt"),
    "memory": (9, "read_graph", {}, "entities"),
    "everything": (13, "echo", {"message": "hello"}, "hello"),
    "time": (2, "convert_time", {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}, "+9.0h"),
    "git": (12, "git_status", {"repo_path": "FOLDER"}, "a.txt"),
}  # fmt: skip


def tools(source: Path, output: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the report and the tools, which are legal but for long descriptions."""
    arguments = ["tools", str(source), "-o", str(output), "--json"]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    report = json.loads(result.stdout)
    made = json.loads(output.read_text(encoding="utf-8"))
    codes = {code for tool in made for code, _ in faults(tool)}
    assert codes <= {"long_description"}
    assert report["operations"] == len(made) + len(report["skipped"])
    return report, made


@pytest.mark.parametrize("name", DOCUMENTS)
def test_published_document(tmp_path: Path, name: str) -> None:
    found = list(PACKAGES.glob(name))
    if not found:
        pytest.skip(f"{name} is not there: bash scripts/setup_mcp.sh installs it")
    report, made = tools(found[0], tmp_path / "out.json")
    assert (report["operations"], len(made)) == DOCUMENTS[name]


def settings_of(name: str, folder: Path) -> dict[str, Any]:
    if name in ("time", "git"):
        more = ["--repository", str(folder)] if name == "git" else []
        program = PEERS / "bin" / "python"
        return {"command": str(program), "args": ["-m", f"mcp_server_{name}", *more]}
    script = MODULES / "@modelcontextprotocol" / f"server-{name}" / "dist" / "index.js"
    more = {"filesystem": [str(folder)], "everything": ["stdio"]}.get(name, [])
    node = str(NODE) if NODE.exists() else shutil.which("node") or "node"
    memory = {"MEMORY_FILE_PATH": str(folder / "memory.json")}
    return {"command": node, "args": [str(script), *more], "env": memory}


@pytest.mark.parametrize("name", SERVERS)
def test_published_server(tmp_path: Path, name: str) -> None:
    """Its tools are listed and legal, and one is called."""
    number, tool, arguments, answer = SERVERS[name]
    folder = tmp_path / "folder"
    settings = settings_of(name, folder)
    installed = settings["args"][0] if settings["args"][0] != "-m" else settings["command"]
    if not Path(installed).exists():
        pytest.skip(f"the server {name} is not there: bash scripts/setup_mcp.sh installs it")
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    report, made = tools(config(tmp_path, **{name: settings}), tmp_path / "out.json")
    assert (len(made), report["skipped"]) == (number, [])
    given = {word: str(folder) if value == "FOLDER" else value for word, value in arguments.items()}

    async def call() -> tuple[Any, float]:
        async with McpConnection(server_from(name, settings, tmp_path)) as connection:
            start = time.monotonic()
            return await connection.call(tool, given), time.monotonic() - start

    outcome, seconds = asyncio.run(call())
    assert (outcome.is_error, outcome.error) == (False, "")
    assert answer in outcome.text
    print(
        f"{name}: {number} tools listed in {report['servers'][0]['seconds']} s, a call {seconds:.3f} s"
    )
