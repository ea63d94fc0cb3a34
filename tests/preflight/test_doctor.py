"""doctor: findings about this machine, quick, with a fix each, and without a secret."""

import json
import os
import socket
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import psutil  # noqa: F401 - swiftkit's own, which the machines of these tests lack
import pytest
from helpers.fake_nvidia_smi import write_nvidia_smi
from helpers.paths import ROOT

from swiftkit.findings import Finding, Level, failed
from swiftkit.preflight import doctor


class DoctorMachine:
    """A machine of a test: an empty PATH, home and list of packages, to be filled."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.programs, self.packages = folder / "bin", folder / "packages"
        for path in (self.programs, self.packages, folder / "home"):
            path.mkdir()
        monkeypatch.setattr(sys, "path", [str(self.packages)])
        monkeypatch.setattr(sys, "executable", str(self.programs / "python"))
        for name in list(os.environ):
            monkeypatch.delenv(name)
        monkeypatch.setenv("PATH", str(self.programs))
        monkeypatch.setenv("HOME", str(folder / "home"))
        monkeypatch.chdir(folder)

    def install(self, **versions: str) -> None:
        """Leave the metadata that pip leaves."""
        for name, version in versions.items():
            metadata = self.packages / f"{name}-{version}.dist-info" / "METADATA"
            metadata.parent.mkdir()
            text = f"Name: {name.replace('_', '-')}\nVersion: {version}\n"
            metadata.write_text(text, encoding="utf-8")

    def examine(self, folder: Path | None = None) -> dict[str, Finding]:
        """Return the findings by their names; all that are not ok say what to do."""
        findings = doctor.examine(folder)
        for finding in findings:
            assert finding.level is Level.OK or finding.fix, finding
        return {finding.name: finding for finding in findings}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DoctorMachine:
    return DoctorMachine(tmp_path, monkeypatch)


def test_examine_of_a_bare_machine_fails_for_what_training_needs(machine: DoctorMachine) -> None:
    """Each with the command to run; what serving or a dashboard needs is a warning."""
    findings = machine.examine()
    needed = {"ms-swift", *doctor.NEEDED, "swift command"}
    assert {name for name, finding in findings.items() if finding.level is Level.FAIL} == needed
    assert "pip install ms-swift==4.6.0" in findings["ms-swift"].fix
    assert findings["swanlab"].level is Level.WARN
    assert failed(list(findings.values()))


def test_examine_of_a_complete_machine_has_no_complaint(machine: DoctorMachine) -> None:
    """The tested versions, the command, a key."""
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    )
    machine.install(
        ms_swift="4.6.0", swanlab="0.10.3", **{name: pins[name] for name in doctor.NEEDED}
    )
    (machine.programs / "swift").touch()
    (Path.home() / ".swanlab").mkdir()
    (Path.home() / ".swanlab/.netrc").touch()
    findings = machine.examine(ROOT)
    complaints = {name for name, finding in findings.items() if finding.level is not Level.OK}
    assert complaints <= {
        "disk",
        f"port {doctor.SERVE_PORT}",
        "code isolation",
    }  # of the real machine
    assert findings["swanlab"].message == "0.10.3, cloud and local mode"


def test_examine_of_another_version_of_ms_swift_fails(machine: DoctorMachine) -> None:
    """The recipes lean on the behaviour of one version."""
    machine.install(ms_swift="3.7.0")
    assert machine.examine()["ms-swift"].level is Level.FAIL


def test_examine_of_another_version_of_torch_warns(machine: DoctorMachine) -> None:
    """The versions of constraints.txt are those that were tested."""
    machine.install(torch="1.0.0+cu11")
    findings = machine.examine()
    assert findings["torch"].level is Level.WARN
    assert findings["torch build"].message == "cu11"


def test_examine_of_a_gpu_with_a_cpu_build_of_torch_fails(machine: DoctorMachine) -> None:
    """The GPU is listed with its memory; the build is read without importing torch."""
    write_nvidia_smi(machine.programs)
    machine.install(torch="2.13.0+cpu")
    findings = machine.examine()
    assert findings["GPU 0"].message == "NVIDIA H200, 143771 MiB, 143000 MiB free, driver 570.1"
    assert findings["torch build"].level is Level.FAIL
    assert findings["deepspeed"].level is Level.WARN


def test_examine_of_a_broken_gpu_warns(machine: DoctorMachine) -> None:
    """Its own line, and what nvidia-smi says beside the table; unknown memory is no fault."""
    broken, shared = "NVIDIA H200, ERR!, ERR!, 9.0, 570.1", "NVIDIA GB10, [N/A], [N/A], 12.1, 580.1"
    write_nvidia_smi(machine.programs, [shared, broken, "GPU is lost"])
    findings = machine.examine()
    assert findings["GPU 0"].level is Level.OK
    assert "memory not known" in findings["GPU 0"].message
    for name, part in (("GPU 1", "ERR!"), ("GPU", "GPU is lost")):
        assert findings[name].level is Level.WARN
        assert part in findings[name].message


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is a Linux file system")
def test_examine_of_a_full_disk_fails(machine: DoctorMachine) -> None:
    """/proc has no room."""
    assert machine.examine(Path("/proc"))["disk"].level is Level.FAIL


def test_examine_with_the_port_in_use_warns(machine: DoctorMachine) -> None:
    """Training does not need it, so it fails nothing."""
    with closing(socket.socket()) as listener:
        with suppress(OSError):  # somebody else has it already, which is as good
            listener.bind(("127.0.0.1", doctor.SERVE_PORT))
            listener.listen()
        assert machine.examine()[f"port {doctor.SERVE_PORT}"].level is Level.WARN


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
