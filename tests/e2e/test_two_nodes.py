"""Two machines, played by two launchers on loopback: the same losses as one process, and a machine
that is lost.

torchrun, gloo and DeepSpeed are the real ones. What a GPU's NCCL does is not seen here.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import ROOT

from swiftkit.training.checkpoints import fault_of

TINY = "recipes/tiny/lora_sft_two_nodes.yaml"
PLUGIN = (
    "--external_plugins",
    "swiftkit/swift_plugins/native_template.py",
    "swiftkit/swift_plugins/deepspeed_on_cpu.py",
)
# 5e-7 was measured over six steps, with ZeRO-2, ZeRO-3 and DDP: sums in another order, in float32.
TOLERANCE = 1e-5
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        find_spec("deepspeed") is None, reason="deepspeed is not installed: pip install deepspeed"
    ),
]


class Cluster:
    """Starts the recipe once on each "machine"; `out` is what a shared disk would be."""

    def __init__(self, out: Path, data: Path, *flags: str, **more: str) -> None:
        self.out = out
        self._logs = [out.with_name(f"{out.name}.{rank}.log") for rank in (0, 1)]
        variables = {"NNODES": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()} | more
        self.nodes = [
            start(self._logs[rank], out, data, *flags, NODE_RANK=str(rank), **variables)
            for rank in (0, 1)
        ]

    def finish(self) -> tuple[list[int], list[str]]:
        """Exit status and output of each."""
        statuses = [node.wait(timeout=240) for node in self.nodes]
        return statuses, [log.read_text(encoding="utf-8", errors="replace") for log in self._logs]


def start(
    log: Path, out: Path, data: Path, *flags: str, **variables: str
) -> "subprocess.Popen[bytes]":
    command = [
        "bash",
        "recipes/lora_sft.sh",
        TINY,
        "--dataset",
        str(data),
        "--output_dir",
        str(out),
        *flags,
    ]
    with log.open("wb") as output:
        return subprocess.Popen(
            command, cwd=ROOT, env=os.environ | variables, stdout=output, stderr=output
        )


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def losses(out: Path) -> dict[int, float]:
    """step -> loss; a step that was logged twice, before and after a stop, counts as it was
    last."""
    lines = [
        json.loads(line)
        for line in (out / "logging.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    return {
        int(line["global_step/max_steps"].split("/")[0]): line["loss"]
        for line in lines
        if "loss" in line
    }


@pytest.fixture(scope="module")
def rows(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few rows: reading all 4,000 would take longer than the six steps."""
    path = tmp_path_factory.mktemp("rows") / "train.jsonl"
    lines = (demo / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:60]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def undisturbed(rows: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, float]:
    """One process with the same batch of four."""
    out = tmp_path_factory.mktemp("single") / "out"
    done = start(out.with_name("log"), out, rows, "--per_device_train_batch_size", "4")
    assert done.wait(timeout=240) == 0, out.with_name("log").read_text(encoding="utf-8")[-3000:]
    return losses(out)


def test_two_nodes_with_zero2_lose_nothing(
    rows: Path, undisturbed: dict[int, float], tmp_path: Path
) -> None:
    """Every step's loss is that of one process."""
    statuses, said = Cluster(tmp_path / "out", rows, "--deepspeed", "zero2", *PLUGIN).finish()
    assert statuses == [0, 0], said[0][-2000:] + said[1][-2000:]
    assert losses(tmp_path / "out") == pytest.approx(undisturbed, rel=TOLERANCE)


def test_a_lost_node_stops_the_other_and_the_run_resumes(
    rows: Path, undisturbed: dict[int, float], tmp_path: Path
) -> None:
    """With ZeRO-3: killed after a save, the other ends by itself and says why; then both go on to
    the same end."""
    zero3 = ("--deepspeed", "zero3", *PLUGIN)
    cluster = Cluster(tmp_path / "out", rows, *zero3)
    checkpoint = cluster.out / "checkpoint-2"
    wait_until_complete(checkpoint, cluster.nodes)
    cluster.nodes[1].kill()
    killed = time.monotonic()
    statuses, said = cluster.finish()
    print(f"the other node ended {time.monotonic() - killed:.0f} s after the first was killed")
    assert statuses == [1, -9], said[0][-3000:]
    assert "node 0 of 2 has failed" in said[0].splitlines()[-4]
    assert "RESUME=1" in said[0]
    before = losses(cluster.out)
    assert max(before) < 6
    assert before == pytest.approx({step: undisturbed[step] for step in before}, rel=TOLERANCE)

    again = Cluster(cluster.out, rows, *zero3, RESUME="1")
    statuses, said = again.finish()
    assert statuses == [0, 0], said[0][-2000:] + said[1][-2000:]
    assert f"going on from {checkpoint}" in said[0]
    assert losses(again.out) == pytest.approx(undisturbed, rel=TOLERANCE)


def wait_until_complete(checkpoint: Path, nodes: Sequence["subprocess.Popen[Any]"]) -> None:
    """Until every rank has saved: trainer_state.json may be there before another rank's files."""
    deadline = time.monotonic() + 240
    while fault_of(checkpoint):
        assert all(node.poll() is None for node in nodes), "a node ended before it saved"
        assert time.monotonic() < deadline, f"{checkpoint}: {fault_of(checkpoint)}"
        time.sleep(0.02)
