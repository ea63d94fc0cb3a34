"""Recipes on several machines: what torchrun is told, and how SLURM and Kubernetes start them.

SLURM's commands are played by scripts: it cannot be installed here.
"""

import ast
import os
import shlex
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from recipe_stage import ROOT, Stage
from test_recipe_signals import wait_until

from swiftkit.preflight import preflight
from swiftkit.preflight.machine import Machine

NODES = {"NNODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "10.0.0.1"}
LIMIT = ["--ddp_timeout", "1800"]
# Each "node" writes down its call; real ones would do so on machines of their own.
NODE_SWIFT = """#!/usr/bin/env bash
env >"$STAGE/node$NODE_RANK.environment"
printf '%s\\0' "$@" >"$STAGE/node$NODE_RANK.arguments"
exit "${SWIFT_STATUS:-0}"
"""
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
    """A port that each machine chose by itself would be known to nobody; what the user set stays."""
    stage.gpus(8)
    stage.run("lora_sft", small_yaml, **NODES)
    told = {name: stage.swift_environment[name] for name in ("NPROC_PER_NODE", "MASTER_PORT", *NODES)}
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
def test_wrong_number_of_nodes(stage: Stage, small_yaml: Path, count: str) -> None:
    """One line, and nothing of it is evaluated."""
    result = stage.run("lora_sft", small_yaml, **NODES | {"NNODES": count})
    assert (result.returncode, result.stderr) == (2, f"lora_sft.sh: NNODES={count} is no number of machines\n")
    assert not (stage.folder / "pwned").exists()


@pytest.mark.parametrize("missing", ["NODE_RANK", "MASTER_ADDR"])
def test_what_is_missing_is_named(stage: Stage, small_yaml: Path, missing: str) -> None:
    """By the real preflight, before swift starts."""
    stage.program("python", '#!/usr/bin/env bash\nexec "$REAL_PYTHON" "$@"\n')
    given = {name: value for name, value in NODES.items() if name != missing}
    result = stage.run("lora_sft", small_yaml, PYTHONPATH=str(ROOT), **given)
    assert result.returncode == 2
    assert f"NNODES=2 without {missing} (" in result.stderr
    assert not stage.swift_was_called


def test_last_words_of_a_node(stage: Stage, small_yaml: Path) -> None:
    """A failed node says that another may have gone first, and how to go on; a good or a stopped one says nothing."""
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
        assert process.wait(timeout=30) == 143
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


def node(stage: Stage, rank: int) -> tuple[dict[str, str], list[str]]:
    """(environment, arguments) of swift on a node."""
    lines = (stage.folder / f"node{rank}.environment").read_text().splitlines()
    arguments = (stage.folder / f"node{rank}.arguments").read_text().split("\0")[:-1]
    return dict(line.split("=", 1) for line in lines if "=" in line), arguments


def test_slurm_starts_a_recipe_on_each_node(slurm: Stage, small_yaml: Path) -> None:
    """Its place, the first node's address and one port; the flags arrive as typed."""
    awkward = ["--system", "a  b", "", "$(touch pwned)", "中文"]
    result = slurm.run(ROOT / "recipes/slurm/recipe.sbatch", "lora_sft", small_yaml, *awkward)
    assert result.returncode == 0, result.stderr
    for rank in (0, 1):
        environment, arguments = node(slurm, rank)
        told = {name: environment.get(name) for name in ("NNODES", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT", "RESUME")}
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
    result = slurm.run(ROOT / "recipes/slurm/recipe.sbatch", "lora_sft", small_yaml, SLURM_RESTART_COUNT="1")
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
    """SLURM's warning reaches the batch script, which asks for the queue; SLURM then ends the training by SIGTERM."""
    ready = 'touch "$STAGE/ready$NODE_RANK"'
    slurm.program("swift", f"#!/usr/bin/env bash\n{ready}\nuntil [[ -e $STAGE/end ]]; do sleep 0.1; done\nexit 5\n")
    with slurm.start([ROOT / "recipes/slurm/recipe.sbatch", "lora_sft", small_yaml]) as process:
        wait_until(lambda: all((slurm.folder / f"ready{rank}").exists() for rank in (0, 1)), 60)
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda: "requeue 70123" in (slurm.folder / "scontrol").read_text())
        assert process.poll() is None
        (slurm.folder / "end").touch()
        assert process.wait(timeout=60) == 5


def job_set() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "recipes/kubernetes/jobset.yaml").read_text(encoding="utf-8"))


def test_job_set_starts_as_many_pods_as_it_tells_torchrun() -> None:
    """All at once, each told its index; the address is the first pod's name in the set's own subdomain."""
    document = job_set()
    name, (job,) = document["metadata"]["name"], document["spec"]["replicatedJobs"]
    pods = job["template"]["spec"]
    (container,) = pods["template"]["spec"]["containers"]
    told = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert (pods["completionMode"], pods["backoffLimit"]) == ("Indexed", 0)
    assert str(pods["completions"]) == str(pods["parallelism"]) == told["NNODES"]
    assert told["MASTER_ADDR"] == f"{name}-{job['name']}-0-0.{name}"
    assert told["MASTER_PORT"] == str(container["ports"][0]["containerPort"])
    source = next(variable for variable in container["env"] if variable["name"] == "NODE_RANK")["valueFrom"]
    assert source["fieldRef"]["fieldPath"] == "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pods["template"]["spec"]["volumes"]}


def test_command_of_the_job_set_is_a_recipe(stage: Stage) -> None:
    """Run as the container would run it, on the GPUs that it asks for."""
    pods = job_set()["spec"]["replicatedJobs"][0]["template"]["spec"]
    container = pods["template"]["spec"]["containers"][0]
    stage.gpus(int(container["resources"]["limits"]["nvidia.com/gpu"]))
    told = {variable["name"]: variable.get("value", "1") for variable in container["env"]}
    told["RESUME"] = ""  # nothing is there to go on from
    done = subprocess.run(container["command"], cwd=ROOT, env=stage.environment | told, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert stage.argv[:2] == ["sft", "recipes/lora_sft.yaml"]
    assert stage.swift_environment["NODE_RANK"] == "1"


@pytest.mark.skipif("JOBSET_CRD" not in os.environ, reason="JOBSET_CRD names no copy of JobSet's published schema")
def test_job_set_keeps_to_the_published_schema() -> None:
    """jobset.x-k8s.io_jobsets.yaml of the JobSet project; a key that it does not know is a fault."""
    import jsonschema_rs

    definition = yaml.safe_load(Path(os.environ["JOBSET_CRD"]).read_text(encoding="utf-8"))
    version = next(one for one in definition["spec"]["versions"] if one["name"] == "v1alpha2")
    schema = closed(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    validator = jsonschema_rs.Draft7Validator(schema)
    assert [error.message for error in validator.iter_errors(job_set())] == []
    assert list(validator.iter_errors(job_set() | {"sepc": {}}))


def closed(schema: Any) -> Any:
    """Kubernetes' own schema as plain JSON Schema, without room for unknown keys."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    kept = {key: closed(value) for key, value in schema.items() if not key.startswith("x-") and key != "format"}
    is_closed = kept.get("type") == "object" and "properties" in kept and "additionalProperties" not in kept
    return kept | ({"additionalProperties": False} if is_closed else {})


def megatron_arguments(name: str) -> set[str]:
    """Fields of one of ms-swift's Megatron dataclasses, read without importing: megatron-core is not installed here."""
    spec = find_spec("swift")
    if spec is None or spec.origin is None:
        pytest.skip("ms-swift is not installed")
    folder = Path(spec.origin).parent
    files = [*(folder / "megatron/arguments").glob("*.py"), *(folder / "arguments/base_args").glob("*.py")]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in [*files, folder / "ray_utils/arguments.py"]]
    classes = {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}
    return fields_of(name, classes)


def fields_of(name: str, classes: dict[str, ast.ClassDef]) -> set[str]:
    if name not in classes:
        return set()
    own = {node.target.id for node in classes[name].body if isinstance(node, ast.AnnAssign)}  # type: ignore[union-attr]
    return own.union(*(fields_of(base.id, classes) for base in classes[name].bases if isinstance(base, ast.Name)))


def test_megatron_recipe_uses_flags_that_exist() -> None:
    """swift's own names (learning_rate, per_device_...) are none of Megatron's."""
    known = megatron_arguments("MegatronSftArguments")
    keys = set(yaml.safe_load((ROOT / "recipes/megatron/moe_sft.yaml").read_text(encoding="utf-8"))) - {"ENV"}
    assert keys | {"ddp_timeout"} <= known
    assert "learning_rate" not in known


def test_ray_recipe_uses_flags_that_exist() -> None:
    """Those of Ray mode itself, and Megatron's for RLHF, at the top and in each role; batches divide."""
    settings = yaml.safe_load((ROOT / "recipes/ray/grpo_tool_call.yaml").read_text(encoding="utf-8"))
    own = {"colocate_groups", "sleep_level", "nnodes", "train", "rollout"}
    roles = settings["train"].keys() | settings["rollout"].keys()
    assert own <= settings.keys()
    assert (settings.keys() - own) | (roles - {"gpus"}) <= megatron_arguments("MegatronRLHFArguments")
    assert settings["train"]["gpus"] == settings["rollout"]["gpus"]  # they take turns on the same ones
    replicas = settings["train"]["gpus"] // settings["train"]["tensor_model_parallel_size"]
    assert settings["global_batch_size"] % (replicas * settings["micro_batch_size"]) == 0
    assert settings["global_batch_size"] % settings["num_generations"] == 0


def test_megatron_recipe_on_a_node(stage: Stage) -> None:
    """torchrun's variables, the limit, and none of the flags that only swift's own trainer knows."""
    stage.gpus(8)
    stage.program("megatron", NODE_SWIFT)
    result = stage.run(ROOT / "recipes/megatron/moe_sft.sh", "--lr", "5e-5", **NODES)
    assert result.returncode == 0, result.stderr
    environment, arguments = node(stage, 1)
    assert arguments == ["sft", str(ROOT / "recipes/megatron/moe_sft.yaml"), *LIMIT, "--lr", "5e-5"]
    assert (environment["NPROC_PER_NODE"], environment["MASTER_PORT"]) == ("8", "29500")
    assert (stage.folder / "preflight").read_text().split("\0")[:2] == ["--verb", "megatron"]


def test_megatron_recipe_without_gpus(stage: Stage) -> None:
    """What it needs and the command; it has no small variant to offer."""
    result = stage.run(ROOT / "recipes/megatron/moe_sft.sh")
    assert result.returncode == 2
    assert "DRY_RUN=1 bash recipes/megatron/moe_sft.sh" in result.stderr
    assert "tiny" not in result.stderr


def test_preflight_of_a_megatron_recipe(tmp_path: Path) -> None:
    """Its keys are not swift's and not judged; its nodes are."""
    path = tmp_path / "moe.yaml"
    path.write_text("model: USER/NAME\ndataset: [USER/DATA]\nexpert_model_parallel_size: 8\nsave_safetensors: true\n")
    nodes = {"NNODES": "2", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"}
    found = preflight(path, LIMIT, nodes, Machine(), "megatron")
    assert [fault.rule for fault in found] == ["no_master"]
    assert "without NODE_RANK" in str(found[0])


def test_ray_recipe_takes_a_yaml_and_no_flags(stage: Stage, tmp_path: Path) -> None:
    """ms-swift's Ray mode ignores flags in silence; torchrun's variables would start it many times."""
    script = ROOT / "recipes/ray/grpo_tool_call.sh"
    dry = stage.run(script, DRY_RUN="1", NPROC_PER_NODE="8")
    config = shlex.split(dry.stdout)
    assert config[1:] == ["rlhf", "--use_ray", "true", "--config", str(script.with_suffix(".yaml"))]
    for arguments in (["--lr", "1e-5"], [str(script.with_suffix(".yaml")), "--lr", "1e-5"]):
        refused = stage.run(script, *arguments)
        assert (refused.returncode, "ignores flags" in refused.stderr) == (2, True)
    modules = tmp_path / "modules"
    for name in ("ray", "vllm", "megatron/core", "mcore_bridge"):
        (modules / name).mkdir(parents=True)
        (modules / name / "__init__.py").touch()
    (modules / "vllm/__init__.py").write_text("raise ImportError\n")
    paths = {"PYTHONPATH": f"{modules}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    assert "vllm is not installed" in stage.run(script, **paths).stderr
    (modules / "vllm/__init__.py").write_text("")
    stage.program("megatron", NODE_SWIFT.replace("$NODE_RANK", "1"))
    assert stage.run(script, NPROC_PER_NODE="8", **paths).returncode == 0
    environment, arguments = node(stage, 1)
    assert arguments == config[1:]
    assert "NPROC_PER_NODE" not in environment
