"""Look at this machine and say what is missing for training, serving and evaluating, with the fix.

Nothing heavy is imported: versions come from package metadata, GPUs from nvidia-smi, so that the
answer is there within a second. Keys are looked at, never shown.
"""

import importlib.metadata
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from swiftkit import __version__
from swiftkit.findings import Finding, Level

OK, WARN, FAIL = Level.OK, Level.WARN, Level.FAIL
MS_SWIFT = "4.6.0"  # the version whose behaviour the recipes and plugins rely on
NEEDED = ("torch", "transformers", "modelscope", "click", "openai", "aiohttp")
GPU_ONLY = ("deepspeed", "liger-kernel", "triton")
SERVE_PORT = 8000
_SETUP = "run `bash scripts/setup.sh`"
_NETWORK = (
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
    "USE_HF",
    "HF_ENDPOINT",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
)


def examine(folder: Path | None = None) -> list[Finding]:
    """All findings; `folder` (the working directory by default) is where outputs would be
    written."""
    gpus = _gpu_lines()
    checks = (
        _python(),
        _packages(),
        _torch(gpus),
        _gpus(gpus),
        _gpu_packages(gpus),
        _swift_command(),
    )
    rest = (_disk(folder or Path.cwd()), _port(), _network(), _keys(), _swanlab())
    return [finding for check in (*checks, *rest) for finding in check]


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    old = sys.version_info < (3, 11)
    yield Finding(
        FAIL if old else OK, "Python", version, "swiftkit needs 3.11 or newer" if old else ""
    )
    yield Finding(OK, "swiftkit", __version__)


def _packages() -> Iterator[Finding]:
    pins = _pins()
    found = _version("ms-swift")
    if found == MS_SWIFT:
        yield Finding(OK, "ms-swift", found)
    else:
        yield Finding(
            FAIL,
            "ms-swift",
            found or "not installed",
            f"pip install ms-swift=={MS_SWIFT}, or {_SETUP}",
        )
    for name in NEEDED:
        found = _version(name)
        if found is None:
            yield Finding(FAIL, name, "not installed", _SETUP)
        elif name in pins and found.split("+")[0] != pins[name]:
            yield Finding(
                WARN,
                name,
                f"{found}, but {pins[name]} was tested",
                f"pip install {name}=={pins[name]}",
            )
        else:
            yield Finding(OK, name, found)


def _torch(gpus: list[str]) -> Iterator[Finding]:
    """The build, read from the version's local part (+cpu, +cu128) or the CUDA packages beside
    it."""
    found = _version("torch")
    if found is None:
        return  # said already
    local = found.partition("+")[2]
    if local == "cpu" and gpus:
        yield Finding(
            FAIL,
            "torch build",
            "CPU only, but there is a GPU",
            "pip install the CUDA build of torch",
        )
    else:
        cuda = local.startswith("cu") or any(
            _version(f"nvidia-cuda-runtime{tail}") for tail in ("", "-cu12", "-cu13")
        )
        yield Finding(OK, "torch build", local or ("CUDA" if cuda else "CPU"))


def _gpus(gpus: list[str]) -> Iterator[Finding]:
    for number, line in enumerate(gpus):
        yield Finding(OK, f"GPU {number}", line)
    if not gpus:
        yield Finding(OK, "GPU", "none: recipes run on the CPU, with tiny models only")


def _gpu_packages(gpus: list[str]) -> Iterator[Finding]:
    for name in GPU_ONLY:
        found = _version(name)
        if found is None and gpus:
            yield Finding(
                WARN,
                name,
                "not installed, so multi-GPU recipes are slower or cannot run",
                "pip install 'swiftkit[gpu]'",
            )
        else:
            yield Finding(OK, name, found or "not installed; not needed without a GPU")


def _swift_command() -> Iterator[Finding]:
    beside = Path(sys.executable).with_name("swift")
    found = shutil.which("swift") or (str(beside) if beside.exists() else None)
    yield Finding(
        OK if found else FAIL,
        "swift command",
        found or "not found",
        "" if found else f"activate the environment, or {_SETUP}",
    )


def _disk(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free / 1e9
    level = FAIL if free < 1 else WARN if free < 20 else OK
    yield Finding(
        level,
        "disk",
        f"{free:.0f} GB free in {folder}",
        "" if level is OK else "free some, or set --output_dir elsewhere",
    )


def _port() -> Iterator[Finding]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", SERVE_PORT))
        except OSError:
            fix = f"stop what listens there, or serve with `--port {SERVE_PORT + 1}`"
            yield Finding(WARN, f"port {SERVE_PORT}", "in use", fix)
        else:
            yield Finding(OK, f"port {SERVE_PORT}", "free for `swift deploy`")


def _network() -> Iterator[Finding]:
    found = {name: os.environ[name] for name in _NETWORK if os.environ.get(name)}
    shown = ", ".join(f"{name}={_without_password(value)}" for name, value in found.items())
    yield Finding(OK, "network environment", shown or "no offline switch, no proxy")


def _keys() -> Iterator[Finding]:
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "MODELSCOPE_API_TOKEN", "SWANLAB_API_KEY"):
        yield Finding(OK, name, "set" if os.environ.get(name) else "not set")


def _swanlab() -> Iterator[Finding]:
    found = _version("swanlab")
    logged_in = (
        bool(os.environ.get("SWANLAB_API_KEY")) or (Path.home() / ".swanlab" / ".netrc").exists()
    )
    if found is None:
        yield Finding(
            WARN, "swanlab", "not installed", f"{_SETUP}, or train with `--report_to none`"
        )
    elif logged_in:
        yield Finding(OK, "swanlab", f"{found}, cloud and local mode")
    else:
        fix = "train with `--swanlab_mode local`, or set SWANLAB_API_KEY"
        yield Finding(
            WARN,
            "swanlab",
            f"{found}, no key: cloud mode would stop a run after the model was loaded",
            fix,
        )


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _pins() -> dict[str, str]:
    """name -> version of the constraints file, where swiftkit runs from its repository."""
    file = Path(__file__).parents[2] / "constraints.txt"
    if not file.exists():
        return {}
    lines = file.read_text(encoding="utf-8").splitlines()
    pairs = (re.match(r"\s*([\w.-]+)\s*==\s*([\w.]+)", line) for line in lines)
    return {match[1].lower().replace("_", "-"): match[2] for match in pairs if match}


def _gpu_lines() -> list[str]:
    """'NVIDIA H200, 143771 MiB, 143000 MiB free, driver 570' a GPU; empty without nvidia-smi."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    query = "--query-gpu=name,memory.total,memory.free,driver_version"
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            [command, query, "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    rows = [line.split(", ") for line in done.stdout.splitlines() if done.returncode == 0]
    return [f"{row[0]}, {row[1]}, {row[2]} free, driver {row[3]}" for row in rows if len(row) == 4]


def _without_password(value: str) -> str:
    return re.sub(r"//[^/@]+@", "//***@", value)
