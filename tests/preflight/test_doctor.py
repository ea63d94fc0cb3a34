"""doctor: findings about this machine, quick, with a fix each, and without a secret."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.paths import ROOT

from swiftkit.findings import Finding, Level, failed
from swiftkit.preflight import doctor


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_every_complaint_ends_with_a_fix() -> None:
    """A finding that is not ok says what to do."""
    for finding in doctor.examine():
        assert finding.level is Level.OK or finding.fix, finding


def test_missing_packages_fail_with_the_command_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """ms-swift, torch and the other packages that training needs."""
    monkeypatch.setattr(
        doctor, "_version", lambda name: None if name in ("ms-swift", "torch") else "1.0"
    )
    found = by_name(doctor.examine())
    assert found["ms-swift"].level is Level.FAIL
    assert "pip install ms-swift==4.6.0" in found["ms-swift"].fix
    assert found["torch"].level is Level.FAIL
    assert failed(list(found.values()))


def test_another_version_of_ms_swift_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipes lean on the behaviour of one version."""
    monkeypatch.setattr(doctor, "_version", lambda name: "3.7.0" if name == "ms-swift" else "1.0")
    assert by_name(doctor.examine())["ms-swift"].level is Level.FAIL


def test_a_gpu_with_a_cpu_build_of_torch_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The GPU is listed with its memory; the build is read without importing torch."""
    fake = tmp_path / "nvidia-smi"
    fake.write_text(
        "#!/bin/sh\necho 'NVIDIA H200, 143771 MiB, 143000 MiB, 570.1'\n", encoding="utf-8"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(doctor, "_version", lambda name: "2.13.0+cpu" if name == "torch" else None)
    found = by_name(doctor.examine())
    assert found["GPU 0"].message == "NVIDIA H200, 143771 MiB, 143000 MiB free, driver 570.1"
    assert found["torch build"].level is Level.FAIL
    assert found["deepspeed"].level is Level.WARN


def test_a_busy_port_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training does not need it, so it fails nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setattr(doctor, "SERVE_PORT", listener.getsockname()[1])
        found = by_name(doctor.examine())
    assert found[f"port {doctor.SERVE_PORT}"].level is Level.WARN


def test_the_command_shows_no_key_and_imports_nothing_heavy() -> None:
    """Values of keys and passwords of proxies stay secret; --json is JSON."""
    secrets = {
        "OPENAI_API_KEY": "canary-1",
        "SWANLAB_API_KEY": "canary-2",
        "HTTP_PROXY": "http://me:canary-3@proxy:1",
    }
    environment = os.environ | secrets | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-X", "importtime", "-m", "swiftkit", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode in (0, 1)
    assert {"level", "name", "message", "fix"} == json.loads(done.stdout)[0].keys()
    assert "canary" not in done.stdout + done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"torch", "transformers", "swift", "aiohttp", "scipy", "numpy"}
