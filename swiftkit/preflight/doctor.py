"""Look at this machine and say what is missing for training, serving and evaluating, with the fix.

Nothing heavy is imported: versions come from package metadata, GPUs from nvidia-smi, so that the
answer is there within a second. Keys are looked at, never shown.
"""

import os
import platform
import re
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from swiftkit import __version__
from swiftkit.findings import Finding, Level
from swiftkit.recipe.machine import Gpu, has_swanlab_key, package_version, read_gpus
from swiftkit.sandbox import isolation_advice

OK, WARN, FAIL = Level.OK, Level.WARN, Level.FAIL
MS_SWIFT = "4.6.0"  # the version whose behaviour the recipes and plugins rely on
NEEDED = ("torch", "transformers", "modelscope", "click", "openai", "aiohttp")
GPU_ONLY = ("deepspeed", "liger-kernel", "triton")
SERVE_PORT = 8000
_SETUP = "run `bash scripts/setup.sh`"
_MEND_GPU = "mend it, or name the others in CUDA_VISIBLE_DEVICES"
_CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
_PIN = re.compile(r"^([\w.-]+)==([\w.]+)", re.MULTILINE)
_PASSWORD = re.compile(r"//[^/@]+@")
_KEYS = ("OPENAI_API_KEY", "HF_TOKEN", "MODELSCOPE_API_TOKEN", "SWANLAB_API_KEY")
_NETWORK = (
    "HF_HUB_OFFLINE TRANSFORMERS_OFFLINE USE_HF HF_ENDPOINT HTTPS_PROXY HTTP_PROXY NO_PROXY"
).split()


def examine(folder: Path | None = None) -> list[Finding]:
    """Return all findings about this machine.

    `folder` is where outputs would be written; the working directory by default.
    """
    return [
        *_packages(),
        *_gpus(*read_gpus()),
        *_swift_command(),
        *_disk(folder or Path.cwd()),
        *_port(),
        *_environment(),
        *_swanlab(),
        _isolation(),
    ]


def _packages() -> Iterator[Finding]:
    yield Finding(OK, "Python", platform.python_version())
    yield Finding(OK, "swiftkit", __version__)
    version = package_version("ms-swift")
    if version == MS_SWIFT:
        yield Finding(OK, "ms-swift", version)
    else:
        fix = f"pip install ms-swift=={MS_SWIFT}, or {_SETUP}"
        yield Finding(FAIL, "ms-swift", version or "not installed", fix)
    # Where swiftkit runs from its repository.
    pins = dict(_PIN.findall(_CONSTRAINTS.read_text())) if _CONSTRAINTS.is_file() else {}
    for name in NEEDED:
        version, tested = package_version(name), pins.get(name)
        if not version:
            yield Finding(FAIL, name, "not installed", _SETUP)
        elif tested and version.partition("+")[0] != tested:
            message = f"{version}, but {tested} was tested"
            yield Finding(WARN, name, message, f"pip install {name}=={tested}")
        else:
            yield Finding(OK, name, version)


def _gpus(gpus: Sequence[Gpu], problem: str) -> Iterator[Finding]:
    """The GPUs, the build of torch, and the packages that only a GPU needs."""
    torch = package_version("torch")
    build = torch.partition("+")[2]  # the version's local part: cpu, cu128
    if build == "cpu" and gpus:
        message = "CPU only, but there is a GPU"
        yield Finding(FAIL, "torch build", message, "pip install the CUDA build of torch")
    elif torch:
        runtimes = ("nvidia-cuda-runtime", "nvidia-cuda-runtime-cu12", "nvidia-cuda-runtime-cu13")
        has_cuda = any(map(package_version, runtimes))
        yield Finding(OK, "torch build", build or ("CUDA" if has_cuda else "CPU"))
    yield from _devices(gpus, problem)
    for name in GPU_ONLY:
        version = package_version(name)
        if gpus and not version:
            message = "not installed, so multi-GPU recipes are slower or cannot run"
            yield Finding(WARN, name, message, "pip install 'swiftkit[gpu]'")
        else:
            yield Finding(OK, name, version or "not installed; not needed without a GPU")


def _devices(gpus: Sequence[Gpu], problem: str) -> Iterator[Finding]:
    for number, gpu in enumerate(gpus):
        memory = "memory not known"
        if gpu.total_memory:
            memory = f"{gpu.total_memory >> 20} MiB, {gpu.free_memory >> 20} MiB free"
        if gpu.fault:
            yield Finding(WARN, f"GPU {number}", gpu.fault, _MEND_GPU)
        else:
            yield Finding(OK, f"GPU {number}", f"{gpu.name}, {memory}, driver {gpu.driver}")
    if gpus and problem:
        yield Finding(WARN, "GPU", problem, _MEND_GPU)
    elif problem:
        fix = "mend the driver, or start the container with its GPUs; GPUS=0: the CPU is meant"
        yield Finding(WARN, "GPU", f"none is seen: {problem}", fix)
    elif not gpus:
        yield Finding(OK, "GPU", "none: recipes run on the CPU, with tiny models only")


def _swift_command() -> Iterator[Finding]:
    beside_python = Path(sys.executable).with_name("swift")
    path = shutil.which("swift")
    if path or beside_python.exists():
        yield Finding(OK, "swift command", path or str(beside_python))
    else:
        yield Finding(FAIL, "swift command", "not found", f"activate the environment, or {_SETUP}")


def _disk(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free / 1e9
    message = f"{free:.0f} GB free in {folder}"
    if free >= 20:
        yield Finding(OK, "disk", message)
    else:
        fix = "free some, or set --output_dir elsewhere"
        yield Finding(FAIL if free < 1 else WARN, "disk", message, fix)


def _port() -> Iterator[Finding]:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", SERVE_PORT))
        except OSError:
            fix = f"stop what listens there, or serve with `--port {SERVE_PORT + 1}`"
            yield Finding(WARN, f"port {SERVE_PORT}", "in use", fix)
        else:
            yield Finding(OK, f"port {SERVE_PORT}", "free for `swift deploy`")


def _environment() -> Iterator[Finding]:
    settings = []
    for name in _NETWORK:
        if os.environ.get(name):
            settings.append(f"{name}={_PASSWORD.sub('//***@', os.environ[name])}")
    message = ", ".join(settings) or "no offline switch, no proxy"
    yield Finding(OK, "network environment", message)
    for name in _KEYS:
        yield Finding(OK, name, "set" if os.environ.get(name) else "not set")


def _swanlab() -> Iterator[Finding]:
    version = package_version("swanlab")
    if not version:
        fix = f"{_SETUP}, or train with `--report_to none`"
        yield Finding(WARN, "swanlab", "not installed", fix)
    elif has_swanlab_key(os.environ):
        yield Finding(OK, "swanlab", f"{version}, cloud and local mode")
    else:
        message = f"{version}, no key: cloud mode would stop a run after the model was loaded"
        fix = "train with `--swanlab_mode local`, or set SWANLAB_API_KEY"
        yield Finding(WARN, "swanlab", message, fix)


def _isolation() -> Finding:
    """What holds model-written code on this machine (docs/sandbox.md), tried with some programs."""
    isolation, reason, fix = isolation_advice.examine()
    if not isolation:
        return Finding(WARN, "code isolation", f"none: {reason}", fix)
    if fix:
        return Finding(WARN, "code isolation", f"{isolation}; not more: {reason}", fix)
    return Finding(OK, "code isolation", isolation)
