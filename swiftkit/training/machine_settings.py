"""The variables and flags that this machine adds to a recipe's command.

A key of the YAML cannot be taken away by a later flag, so what depends on the machine stands in no
YAML: the flags go between the YAML and the user's, and the last one wins. A variable that the user
has set is handed on as it is. Nothing here reads swift's own flags.
"""

import math
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from swiftkit.errors import UsageError
from swiftkit.recipe.machine import ONE_A_GPU, free_port
from swiftkit.terminal import shorten
from swiftkit.training.shell_line import quote

TRAINING_VERBS = ("sft", "pt", "rlhf")
LIGER = ["--use_liger_kernel", "true"]
# Not in the YAML: where vLLM is not installed, swift refuses vllm_mode.
COLOCATED_VLLM = ["--use_vllm", "true", "--vllm_mode", "colocate"]
NODES_PORT = 29500  # torchrun's own; several machines could not know a port that one of them chose


class Work(NamedTuple):
    """A program (swift, megatron) and its verb; this machine's GPUs; nodes that train together."""

    program: str
    verb: str
    gpus: int
    nodes: int = 1

    @property
    def is_training(self) -> bool:
        return self.verb in TRAINING_VERBS


def count_gpus(environment: Mapping[str, str], visible: int) -> int:
    """Return how many GPUs swift may use: GPUS (else UsageError), or all that are visible."""
    wanted = wanted_gpus(environment)
    if not wanted:
        return visible
    if not re.fullmatch("[0-9]{1,5}", wanted):
        raise wrong_value("GPUS", wanted, "is not a number")
    return int(wanted)


def wanted_gpus(environment: Mapping[str, str]) -> str:
    """Return GPUS, empty where it is not set or blank."""
    return environment.get("GPUS", "").strip()


def count_nodes(environment: Mapping[str, str]) -> int:
    """Return how many machines train together: NNODES, else 1. Raises UsageError for another."""
    nodes = environment.get("NNODES", "").strip() or "1"
    if not re.fullmatch("[1-9][0-9]{0,4}", nodes):
        raise wrong_value("NNODES", nodes, "is no number of machines")
    return int(nodes)


def check_torchrun(work: Work, environment: Mapping[str, str]) -> None:
    """Raise UsageError for a variable with which torchrun would not start.

    swift starts it where NPROC_PER_NODE or NNODES is set, also to nothing (swift/cli/main.py).
    """
    uses_it = work.is_training or work.verb == "infer"
    if not uses_it or environment.keys().isdisjoint(("NPROC_PER_NODE", "NNODES")):
        return
    for name in ("NPROC_PER_NODE", "NNODES", "NODE_RANK", "MASTER_PORT"):
        value = environment.get(name, "0")
        if name == "NPROC_PER_NODE" and value.strip() in ONE_A_GPU:
            continue
        if not re.fullmatch("[0-9]{1,5}", value.strip()):
            raise wrong_value(name, value, "is no number, as torchrun needs: correct or unset it")


def stop_seconds(environment: Mapping[str, str]) -> float:
    """Return how long a stopped process may take to end: SWIFTKIT_STOP_SECONDS, else 20.

    Raises UsageError for what is no time; `inf` is for ever.
    """
    value = environment.get("SWIFTKIT_STOP_SECONDS", "").strip()
    try:
        seconds = float(value or 20)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise wrong_value("SWIFTKIT_STOP_SECONDS", value, "is no number of seconds")
    return seconds


def wrong_value(name: str, value: str, reason: str) -> UsageError:
    """Return the error of a variable, in one line whatever its value holds."""
    return UsageError(f"{name}={quote(shorten(value, 60))} {reason}")


def variables_for(work: Work, environment: Mapping[str, str]) -> dict[str, str]:
    """Return swift's variables, in DRY_RUN's order. Raises UsageError for a bad NPROC_PER_NODE."""
    per_node = environment.get("NPROC_PER_NODE", "").strip()
    if per_node in ONE_A_GPU:
        per_node = str(max(work.gpus, 1))
        environment = {**environment, "NPROC_PER_NODE": per_node}
    if per_node and not re.fullmatch("[1-9][0-9]{0,4}", per_node):
        raise wrong_value("NPROC_PER_NODE", per_node, "is no number of processes")
    processes = int(per_node or 1)
    if work.is_training and not per_node:
        processes = max(work.gpus, 1)
    defaults = {}
    if wanted_gpus(environment):  # a smaller number than the machine has must also hide the others
        defaults["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, range(work.gpus)))
    if per_node or processes > 1 or work.nodes > 1:
        defaults["NPROC_PER_NODE"] = str(processes)
        # On one machine a fixed port would make a second training fail.
        defaults["MASTER_PORT"] = str(NODES_PORT if work.nodes > 1 else free_port())
    if work.nodes > 1:
        for name in ("NNODES", "NODE_RANK", "MASTER_ADDR"):
            if environment.get(name):
                defaults[name] = environment[name]
    threads = max(count_cpus() // processes, 1)
    if work.gpus > 0:  # beside a GPU more of them only get in each other's way
        threads = min(threads, 8)
    defaults["OMP_NUM_THREADS"] = str(threads)
    # Threads that spin while they wait cost a factor of 50 on a busy machine.
    defaults["OMP_WAIT_POLICY"] = "passive"
    # On a node without internet ms-swift would ask the hub about a local model for 22-25 s.
    defaults["API_HTTP_CLIENT_MAX_RETRIES"] = "1"
    defaults["MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS"] = "1"
    return keep_set(defaults, environment)


def keep_set(defaults: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the defaults with the values that the user has set in their place, empty ones too."""
    return {name: environment.get(name, value) for name, value in defaults.items()}


def flags_for(work: Work, deepspeed: str, keeps_dtype: bool = False) -> list[str]:
    """Return swift's flags for this hardware; `deepspeed` is zero2, zero3, ... or none.

    `keeps_dtype` leaves a CPU the type of numbers that the user has chosen.
    """
    flags = []
    if work.nodes > 1:
        # swift would wait 208 days for a node that is gone; NCCL heeds this limit, in seconds.
        flags += ["--ddp_timeout", "1800"]
    if work.program == "megatron":
        return flags
    if work.gpus == 0:
        if work.is_training:
            # fp16 is said because float32 turns it on by default; without use_cpu several processes
            # train apart, unnoticed.
            flags += ["--use_cpu", "true", "--fp16", "false"]
        if work.verb != "export" and not keeps_dtype:
            flags += ["--torch_dtype", "float32"]
    elif work.is_training and work.gpus * work.nodes > 1 and deepspeed != "none":
        flags += ["--deepspeed", deepspeed]
    return flags


def count_cpus(quota_file: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return the cores that this process, and its container, may really use.

    A thread more than those is slower by a factor, not by a share.
    """
    cores = os.cpu_count() or 1
    if sys.platform == "linux":
        cores = len(os.sched_getaffinity(0))
    try:
        quota, period = quota_file.read_text().split()  # microseconds: "150000 100000"
        return min(cores, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no container; "max 100000"
        return cores
