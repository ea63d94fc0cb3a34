"""A real server in a process of its own, for the length of a test."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from helpers.paths import ROOT

VLLM_ON_CPU = {
    "VLLM_PLUGINS": "none",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
}


def vllm_command(folder: Path, *more: str) -> list[Any]:
    """Return what starts vLLM with a model; the test is skipped without vLLM's environment."""
    venv = os.environ.get("SWIFTKIT_VLLM_VENV")
    if not venv:
        pytest.skip("vLLM was not asked: set SWIFTKIT_VLLM_VENV to what scripts/setup_vllm.sh made")
    # the `vllm` command of the CPU build fails: it asks for the metadata of another package
    command = [f"{venv}/bin/python", "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", str(folder), "--served-model-name", "tiny", "--enforce-eager"]
    command += ["--enable-auto-tool-choice", "--tool-call-parser", "hermes", *more]
    return [*command, "--max-model-len", "4096", "--host", "127.0.0.1", "--port"]


def litellm_command(folder: Path, model: str, url: str) -> list[Any]:
    """Return what starts LiteLLM's proxy before a server; the test is skipped without LiteLLM."""
    venv = os.environ.get("SWIFTKIT_LITELLM_VENV")
    if not venv:
        reason = "set SWIFTKIT_LITELLM_VENV to an environment with litellm[proxy]"
        pytest.skip(f"no LiteLLM proxy was asked: {reason}")
    behind = {"model": f"openai/{model}", "api_base": url, "api_key": "EMPTY"}
    config = folder / "litellm.yaml"  # JSON is YAML
    models = [{"model_name": model, "litellm_params": behind}]
    config.write_text(json.dumps({"model_list": models}))
    return [f"{venv}/bin/litellm", "--host", "127.0.0.1", "--config", config, "--port"]


@contextmanager
def running(
    command: Sequence[Any],
    log: Path,
    environment: Mapping[str, str] | None = None,
    health: str = "/health",
) -> Iterator[str]:
    """Start a command, with a free port behind it; yield the server's address once it is healthy."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("w") as out:
        server = subprocess.Popen(
            [*map(str, command), str(port)],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=out,
            stderr=out,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{address}{health}", server, log)
        yield address
    finally:
        # `swift` runs its command in a process of its own, and does not end it when it is ended
        family = (
            psutil.Process(server.pid).children(recursive=True) if server.poll() is None else []
        )
        server.terminate()
        server.wait(60)
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        psutil.wait_procs(family, 60)


def _wait(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - our own server
        except OSError:
            time.sleep(0.3)
        else:
            return
    pytest.fail(log.read_text()[-3000:])
