"""Recipes for Kubernetes, Megatron-SWIFT and Ray mode, none of which can run here: their files and
what they start."""

import ast
import os
import shlex
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.paths import ROOT
from helpers.preflight_recipes import preflight
from helpers.recipe_nodes import LIMIT, NODE_SWIFT, NODES, node
from helpers.recipe_stage import Stage

from swiftkit.recipe.machine import Machine


def job_set() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "recipes/kubernetes/jobset.yaml").read_text(encoding="utf-8"))


def test_job_set_starts_as_many_pods_as_it_tells_torchrun() -> None:
    """All at once, each told its index; the address is the first pod's name in the set's own
    subdomain."""
    document = job_set()
    name, (job,) = document["metadata"]["name"], document["spec"]["replicatedJobs"]
    pods = job["template"]["spec"]
    (container,) = pods["template"]["spec"]["containers"]
    told = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert (pods["completionMode"], pods["backoffLimit"]) == ("Indexed", 0)
    assert str(pods["completions"]) == str(pods["parallelism"]) == told["NNODES"]
    assert told["MASTER_ADDR"] == f"{name}-{job['name']}-0-0.{name}"
    assert told["MASTER_PORT"] == str(container["ports"][0]["containerPort"])
    source = next(variable for variable in container["env"] if variable["name"] == "NODE_RANK")[
        "valueFrom"
    ]
    assert (
        source["fieldRef"]["fieldPath"]
        == "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    )
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pods["template"]["spec"]["volumes"]}


def test_command_of_the_job_set_is_a_recipe(stage: Stage) -> None:
    """Run as the container would run it, on the GPUs that it asks for."""
    pods = job_set()["spec"]["replicatedJobs"][0]["template"]["spec"]
    container = pods["template"]["spec"]["containers"][0]
    stage.gpus(int(container["resources"]["limits"]["nvidia.com/gpu"]))
    told = {variable["name"]: variable.get("value", "1") for variable in container["env"]}
    told["RESUME"] = ""  # nothing is there to go on from
    done = subprocess.run(
        container["command"], cwd=ROOT, env=stage.environment | told, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert stage.argv[:2] == ["sft", "recipes/lora_sft.yaml"]
    assert stage.swift_environment["NODE_RANK"] == "1"


@pytest.mark.skipif(
    "JOBSET_CRD" not in os.environ, reason="JOBSET_CRD names no copy of JobSet's published schema"
)
def test_job_set_keeps_to_the_published_schema() -> None:
    """jobset.x-k8s.io_jobsets.yaml of the JobSet project; a key that it does not know is a
    fault."""
    import jsonschema_rs

    definition = yaml.safe_load(Path(os.environ["JOBSET_CRD"]).read_text(encoding="utf-8"))
    version = next(one for one in definition["spec"]["versions"] if one["name"] == "v1alpha2")
    schema = closed(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    validator = jsonschema_rs.Draft7Validator(schema)
    assert [error.message for error in validator.iter_errors(job_set())] == []
    assert list(validator.iter_errors(job_set() | {"sepc": {}}))


def test_job_set_is_read_whole_by_kubeflows_model() -> None:
    """JobSet's and Kubernetes' types as Kubeflow publishes them: a key that they do not know is
    lost, a value of another type is refused."""
    reason = "kubeflow-trainer-api is not installed: bash scripts/test_everything.sh jobset"
    models = pytest.importorskip("kubeflow_trainer_api.models", reason=reason)
    read = models.JobsetV1alpha2JobSet.from_dict
    assert lost_keys(job_set(), read(job_set()).to_dict()) == []
    mistyped = job_set()
    mistyped["spec"]["replicatedJobs"][0]["template"]["spec"]["completoins"] = 2
    lost = lost_keys(mistyped, read(mistyped).to_dict())
    assert lost == ["/spec/replicatedJobs/0/template/spec/completoins"]
    with pytest.raises(ValueError, match="replicas"):
        read({"spec": {"replicatedJobs": [{"name": "node", "replicas": "many"}]}})


def lost_keys(document: Any, kept: Any, place: str = "") -> list[str]:
    """Places of a document whose value is another, or none, in what was kept of it."""
    if isinstance(document, list):
        document, kept = dict(enumerate(document)), dict(enumerate(kept))
    if not isinstance(document, dict):
        return [] if document == kept else [place]
    lost = []
    for key, value in document.items():
        lost += lost_keys(value, kept.get(key), f"{place}/{key}")
    return lost


def closed(schema: Any) -> Any:
    """Kubernetes' own schema as plain JSON Schema, without room for unknown keys."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    kept = {
        key: closed(value)
        for key, value in schema.items()
        if not key.startswith("x-") and key != "format"
    }
    is_closed = (
        kept.get("type") == "object" and "properties" in kept and "additionalProperties" not in kept
    )
    return kept | ({"additionalProperties": False} if is_closed else {})


def megatron_arguments(name: str) -> set[str]:
    """Fields of one of ms-swift's Megatron dataclasses, read without importing: megatron-core is
    not installed here."""
    spec = find_spec("swift")
    if spec is None or spec.origin is None:
        pytest.skip("ms-swift is not installed")
    folder = Path(spec.origin).parent
    files = [
        *(folder / "megatron/arguments").glob("*.py"),
        *(folder / "arguments/base_args").glob("*.py"),
    ]
    trees = [
        ast.parse(file.read_text(encoding="utf-8"))
        for file in [*files, folder / "ray_utils/arguments.py"]
    ]
    classes = {
        node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)
    }
    return fields_of(name, classes)


def fields_of(name: str, classes: dict[str, ast.ClassDef]) -> set[str]:
    if name not in classes:
        return set()
    own = {node.target.id for node in classes[name].body if isinstance(node, ast.AnnAssign)}  # type: ignore[union-attr]
    return own.union(
        *(fields_of(base.id, classes) for base in classes[name].bases if isinstance(base, ast.Name))
    )


def test_megatron_recipe_uses_flags_that_exist() -> None:
    """swift's own names (learning_rate, per_device_...) are none of Megatron's."""
    known = megatron_arguments("MegatronSftArguments")
    keys = set(
        yaml.safe_load((ROOT / "recipes/megatron/moe_sft.yaml").read_text(encoding="utf-8"))
    ) - {"ENV"}
    assert keys | {"ddp_timeout"} <= known
    assert "learning_rate" not in known


def test_ray_recipe_uses_flags_that_exist() -> None:
    """Those of Ray mode itself, and Megatron's for RLHF, at the top and in each role; batches
    divide."""
    settings = yaml.safe_load(
        (ROOT / "recipes/ray/grpo_tool_call.yaml").read_text(encoding="utf-8")
    )
    own = {"colocate_groups", "sleep_level", "nnodes", "train", "rollout"}
    roles = settings["train"].keys() | settings["rollout"].keys()
    assert own <= settings.keys()
    assert (settings.keys() - own) | (roles - {"gpus"}) <= megatron_arguments(
        "MegatronRLHFArguments"
    )
    # they take turns on the same ones
    assert settings["train"]["gpus"] == settings["rollout"]["gpus"]
    replicas = settings["train"]["gpus"] // settings["train"]["tensor_model_parallel_size"]
    assert settings["global_batch_size"] % (replicas * settings["micro_batch_size"]) == 0
    assert settings["global_batch_size"] % settings["num_generations"] == 0


def test_megatron_recipe_on_a_node(stage: Stage) -> None:
    """torchrun's variables, the limit, and none of the flags that only swift's own trainer
    knows."""
    stage.gpus(8)
    stage.program("megatron", NODE_SWIFT)
    result = stage.run(ROOT / "recipes/megatron/moe_sft.sh", "--lr", "5e-5", **NODES)
    assert result.returncode == 0, result.stderr
    environment, arguments = node(stage, 1)
    assert arguments == ["sft", str(ROOT / "recipes/megatron/moe_sft.yaml"), *LIMIT, "--lr", "5e-5"]
    assert (environment["NPROC_PER_NODE"], environment["MASTER_PORT"]) == ("8", "29500")
    assert (stage.folder / "preflight").read_text().split("\0")[0] == "megatron"


def test_megatron_recipe_without_gpus(stage: Stage) -> None:
    """What it needs and the command; it has no small variant to offer."""
    result = stage.run(ROOT / "recipes/megatron/moe_sft.sh")
    assert result.returncode == 2
    assert "DRY_RUN=1 bash recipes/megatron/moe_sft.sh" in result.stderr
    assert "tiny" not in result.stderr


def test_preflight_of_a_megatron_recipe(tmp_path: Path) -> None:
    """Its keys are not swift's and not judged; its nodes are."""
    path = tmp_path / "moe.yaml"
    path.write_text(
        "model: USER/NAME\ndataset: [USER/DATA]\nexpert_model_parallel_size: 8\nsave_safetensors: true\n"
    )
    nodes = {"NNODES": "2", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"}
    found = preflight(path, LIMIT, nodes, Machine(), "megatron")
    assert [fault.rule for fault in found] == ["no_master"]
    assert "without NODE_RANK" in str(found[0])


def test_ray_recipe_takes_a_yaml_and_no_flags(stage: Stage, tmp_path: Path) -> None:
    """ms-swift's Ray mode ignores flags in silence; torchrun's variables would start it many
    times."""
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
