"""Recipes on several machines: what torchrun is told, what a lost node says, and how SLURM starts
them.

SLURM's commands are played by scripts: it cannot be installed here.
"""

import shlex
import signal
from pathlib import Path

import pytest
from helpers.paths import ROOT
from helpers.recipe_nodes import LIMIT, NODE_SWIFT, NODES, node
from helpers.recipe_stage import Stage, wait_until

SLURM = {
    "scontrol": """#!/usr/bin/env bash
echo "$*" >>"$STAGE/scontrol"
if [[ $2 == hostnames ]]; then printf 'node-a\\nnode-b\\n'; fi
""",
    "srun": """#!/usr/bin/env bash
while [[ $1 == --* ]]; do shift; done
for ((node = 0; node < SLURM_JOB_NUM_NODES; node++)); do SLURM_NODEID=$node "$@" & done
status=0
for ((node = 0; node < SLURM_JOB_NUM_NODES; node++)); do wait -n || status=$?; done
exit "$status"
""",
}


def test_all_nodes_meet_at_one_port(stage: Stage, small_yaml: Path) -> None:
    """A port that each machine chose by itself would be known to nobody; what the user set
    stays."""
    stage.gpus(8)
    stage.run("lora_sft", small_yaml, **NODES)
    told = {
        name: stage.swift_environment[name] for name in ("NPROC_PER_NODE", "MASTER_PORT", *NODES)
    }
    assert told == NODES | {"NPROC_PER_NODE": "8", "MASTER_PORT": "29500"}
    stage.run("lora_sft", small_yaml, MASTER_PORT="23456", **NODES)
    assert stage.swift_environment["MASTER_PORT"] == "23456"


def test_nodes_with_one_gpu_each_are_sharded(stage: Stage, small_yaml: Path) -> None:
    """DeepSpeed counts the GPUs of all machines; and nobody is waited for without end."""
    stage.gpus(1)
    stage.run("lora_sft", small_yaml, **NODES)
    assert stage.argv[2:] == [*LIMIT, "--deepspeed", "zero3"]
    stage.run("lora_sft", small_yaml, "--fsdp", "fsdp2", DEEPSPEED="none", **NODES)
    assert stage.argv[2:] == [*LIMIT, "--fsdp", "fsdp2"]


def test_gpus_of_all_nodes_count(stage: Stage) -> None:
    """A recipe for four GPUs does not complain about two machines with two."""
    stage.gpus(2)
    assert "may run out of memory" not in stage.run("lora_sft", **NODES).stderr
    assert "may run out of memory" in stage.run("lora_sft").stderr


def test_dry_run_of_a_node_can_be_pasted(stage: Stage, small_yaml: Path) -> None:
    """The line holds the node's place."""
    words = shlex.split(stage.run("lora_sft", small_yaml, DRY_RUN="1", **NODES).stdout)
    assert {f"{name}={value}" for name, value in NODES.items()} <= set(words)


@pytest.mark.parametrize("count", ["two", "0", "-1", "1:4", "a[$(touch pwned)]"])
def test_wrong_number_of_nodes_is_one_line(stage: Stage, small_yaml: Path, count: str) -> None:
    """One line, and nothing of it is evaluated."""
    result = stage.run("lora_sft", small_yaml, **NODES | {"NNODES": count})
    assert (result.returncode, result.stderr) == (
        2,
        f"lora_sft.sh: NNODES={shlex.quote(count)} is no number of machines\n",
    )
    assert not (stage.folder / "pwned").exists()


@pytest.mark.parametrize("missing", ["NODE_RANK", "MASTER_ADDR"])
def test_node_without_its_place_is_refused_by_preflight(
    stage: Stage, small_yaml: Path, missing: str
) -> None:
    """By the real preflight, before swift starts."""
    stage.program("python", '#!/usr/bin/env bash\nexec "$REAL_PYTHON" "$@"\n')
    given = {name: value for name, value in NODES.items() if name != missing}
    result = stage.run("lora_sft", small_yaml, PYTHONPATH=str(ROOT), **given)
    assert result.returncode == 2
    assert f"NNODES=2 without {missing} (" in result.stderr
    assert not stage.swift_was_called


def test_failed_node_says_that_another_may_have_gone_first(stage: Stage, small_yaml: Path) -> None:
    """A failed node says that another may have gone first, and how to go on; a good or a stopped
    one says nothing."""
    stage.program("swift", NODE_SWIFT)
    failed = stage.run("lora_sft", small_yaml, SWIFT_STATUS="3", **NODES)
    assert failed.returncode == 3
    for part in ("node 1 of 2 has failed", "closed by peer", "10.0.0.1:29500", "RESUME=1"):
        assert part in failed.stderr
    assert "has failed" not in stage.run("lora_sft", small_yaml, **NODES).stderr
    assert "has failed" not in stage.run("lora_sft", small_yaml, SWIFT_STATUS="3").stderr
    stage.program("swift", '#!/usr/bin/env bash\ntouch "$STAGE/ready"\nexec sleep 60\n')
    with stage.start(["lora_sft", small_yaml], **NODES) as process:
        wait_until((stage.folder / "ready").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 143
        assert "has failed" not in process.stderr.read()


@pytest.fixture
def slurm(stage: Stage) -> Stage:
    """A job of two nodes with one GPU each."""
    stage.gpus(1)
    stage.program("swift", NODE_SWIFT)
    for name, text in SLURM.items():
        stage.program(name, text)
    job = {"SLURM_JOB_ID": "70123", "SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_NODELIST": "node-[a-b]"}
    stage.environment |= job | {"SLURM_SUBMIT_DIR": str(ROOT)}
    return stage


def test_slurm_starts_a_recipe_on_each_node(slurm: Stage, small_yaml: Path) -> None:
    """Its place, the first node's address and one port; the flags arrive as typed."""
    awkward = ["--system", "a  b", "", "$(touch pwned)", "中文"]
    result = slurm.run(ROOT / "recipes/slurm/recipe.sbatch", "lora_sft", small_yaml, *awkward)
    assert result.returncode == 0, result.stderr
    for rank in (0, 1):
        environment, arguments = node(slurm, rank)
        told = {
            name: environment.get(name)
            for name in ("NNODES", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT", "RESUME")
        }
        wanted = {
            "NNODES": "2",
            "NODE_RANK": str(rank),
            "MASTER_ADDR": "node-a",
            "MASTER_PORT": "20123",
            "RESUME": None,
        }
        assert told == wanted
        assert arguments == ["sft", str(small_yaml), *LIMIT, "--deepspeed", "zero3", *awkward]
    assert not (ROOT / "pwned").exists()


def test_requeued_job_resumes(slurm: Stage, small_yaml: Path) -> None:
    """SLURM counts how often a job was started again."""
    result = slurm.run(
        ROOT / "recipes/slurm/recipe.sbatch", "lora_sft", small_yaml, SLURM_RESTART_COUNT="1"
    )
    assert result.returncode == 0, result.stderr
    assert node(slurm, 0)[0]["RESUME"] == node(slurm, 1)[0]["RESUME"] == "1"


def test_slurm_job_fails_as_its_nodes_do(slurm: Stage, small_yaml: Path) -> None:
    """The job's status is the training's; a recipe that is not there is one line."""
    script = ROOT / "recipes/slurm/recipe.sbatch"
    assert slurm.run(script, "lora_sft", small_yaml, SWIFT_STATUS="7").returncode == 7
    result = slurm.run(script, "lora_stf")
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
    assert "no recipe 'lora_stf'" in result.stderr


def test_job_at_the_end_of_its_time_is_queued_again(slurm: Stage, small_yaml: Path) -> None:
    """SLURM's warning reaches the batch script, which asks for the queue; SLURM then ends the
    training by SIGTERM."""
    ready = 'touch "$STAGE/ready$NODE_RANK"'
    slurm.program(
        "swift",
        f"#!/usr/bin/env bash\n{ready}\nuntil [[ -e $STAGE/end ]]; do sleep 0.1; done\nexit 5\n",
    )
    with slurm.start([ROOT / "recipes/slurm/recipe.sbatch", "lora_sft", small_yaml]) as process:
        wait_until(lambda: all((slurm.folder / f"ready{rank}").exists() for rank in (0, 1)))
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda: "requeue 70123" in (slurm.folder / "scontrol").read_text())
        assert process.poll() is None
        (slurm.folder / "end").touch()
        assert process.wait(timeout=60) == 5


def test_job_says_what_it_is_without_sbatch(stage: Stage) -> None:
    """The comment at its head, without what is meant for SLURM."""
    script = ROOT / "recipes/slurm/recipe.sbatch"
    result = stage.run(script, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Any training recipe on any number of nodes")
    assert "job-name" not in result.stdout
    assert "start it with sbatch" in stage.run(script, "lora_sft").stderr
