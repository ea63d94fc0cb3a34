"""The variables and flags that a machine adds to a recipe's command."""

import math
from pathlib import Path

import pytest

from swiftkit.errors import UsageError
from swiftkit.training.machine_settings import (
    Work,
    check_torchrun,
    count_cpus,
    count_gpus,
    count_nodes,
    flags_for,
    keep_set,
    stop_seconds,
    variables_for,
)

CPU = ["--use_cpu", "true", "--fp16", "false", "--torch_dtype", "float32"]
LIMIT = ["--ddp_timeout", "1800"]
ZERO2 = ["--deepspeed", "zero2"]
ALWAYS = {
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "API_HTTP_CLIENT_MAX_RETRIES",
    "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS",
}


@pytest.mark.parametrize(
    ("gpus", "count"), [("", 3), ("0", 0), ("2", 2), ("8", 8), ("008", 8), (" 2\n", 2), (" ", 3)]
)
def test_count_gpus_takes_the_variable_before_the_machine(gpus: str, count: int) -> None:
    """GPUS=8 on a machine with 3: somebody wants to see, or to try."""
    assert count_gpus({"GPUS": gpus}, 3) == count
    assert count_gpus({}, 3) == 3


@pytest.mark.parametrize(
    ("value", "seconds"), [("", 20), (" ", 20), ("0", 0), ("1.5", 1.5), ("inf", math.inf)]
)
def test_stop_seconds(value: str, seconds: float) -> None:
    assert stop_seconds({"SWIFTKIT_STOP_SECONDS": value}) == seconds
    assert stop_seconds({}) == 20


@pytest.mark.parametrize("value", ["word", "-1", "nan", "1,5", "²", "5 s"])
def test_stop_seconds_of_no_number_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match=r"^SWIFTKIT_STOP_SECONDS="):
        stop_seconds({"SWIFTKIT_STOP_SECONDS": value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("NPROC_PER_NODE", ""), ("NNODES", ""), ("NODE_RANK", "first"), ("MASTER_PORT", "a\nb")],
)
def test_variables_that_torchrun_refuses_are_named(name: str, value: str) -> None:
    """In one line. swift starts torchrun for these verbs, where one of two variables is set."""
    environment = {"NPROC_PER_NODE": "2", name: value}
    for verb in ("sft", "infer"):
        with pytest.raises(UsageError, match=f"^{name}=.*torchrun") as refusal:
            check_torchrun(Work("swift", verb, 0), environment)
        assert str(refusal.value).isprintable()
    check_torchrun(Work("swift", "export", 0), environment)
    check_torchrun(Work("swift", "sft", 0), {"NODE_RANK": "first", "MASTER_PORT": ""})


@pytest.mark.parametrize("value", ["four", "-1", "1.0", "a[$(touch pwned)]", "٣", "9" * 5000])
def test_count_gpus_of_no_number_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="is not a number"):
        count_gpus({"GPUS": value}, 3)


@pytest.mark.parametrize("value", ["two", "0", "-1", "1:4", "01", "100000", "٢", "1 2"])
def test_count_nodes_of_no_number_is_refused(value: str) -> None:
    """torchrun's 1:4 too: a recipe starts all of its machines."""
    with pytest.raises(UsageError, match="is no number of machines"):
        count_nodes({"NNODES": value})
    assert (count_nodes({"NNODES": ""}), count_nodes({"NNODES": "16"})) == (1, 16)
    assert (count_nodes({"NNODES": " "}), count_nodes({"NNODES": " 2\n"})) == (1, 2)


@pytest.mark.parametrize(
    ("work", "flags"),
    [
        (Work("swift", "sft", gpus=1), []),
        (Work("swift", "sft", gpus=4), ZERO2),
        (Work("swift", "sft", gpus=1, nodes=2), [*LIMIT, *ZERO2]),
        (Work("swift", "sft", gpus=0), CPU),
        (Work("swift", "rlhf", gpus=0, nodes=2), [*LIMIT, *CPU]),
        (Work("swift", "deploy", gpus=4), []),
        (Work("swift", "deploy", gpus=0), CPU[-2:]),
        (Work("swift", "export", gpus=0), []),
        (Work("megatron", "sft", gpus=8, nodes=2), LIMIT),
        (Work("megatron", "sft", gpus=0), []),
    ],
)
def test_flags_for_each_verb_and_machine(work: Work, flags: list[str]) -> None:
    """Each verb gets what it accepts; with one process, sharding only costs."""
    assert flags_for(work, "zero2") == flags


def test_flags_for_a_recipe_without_deepspeed() -> None:
    """Plain DDP or FSDP cannot be had by adding a flag."""
    assert flags_for(Work("swift", "sft", gpus=4), "none") == []


def test_variables_for_one_process_start_no_torchrun() -> None:
    """Neither for a server on several GPUs."""
    for work in (Work("swift", "sft", 0), Work("swift", "sft", 1), Work("swift", "deploy", 4)):
        assert variables_for(work, {}).keys() == ALWAYS


def test_variables_for_several_processes_hold_a_free_port() -> None:
    """A fixed one would make the second training on a machine fail."""
    variables = variables_for(Work("swift", "sft", gpus=4), {})
    assert variables.keys() == ALWAYS | {"NPROC_PER_NODE", "MASTER_PORT"}
    assert variables["NPROC_PER_NODE"] == "4"
    assert 1024 < int(variables["MASTER_PORT"]) < 65536


def test_variables_for_several_nodes_hold_one_port_and_the_place() -> None:
    """A chosen port would be known to nobody else; what is not set is left to preflight."""
    place = {"NNODES": "2", "NODE_RANK": "1"}
    variables = variables_for(Work("swift", "sft", gpus=1, nodes=2), place)
    assert (variables["NPROC_PER_NODE"], variables["MASTER_PORT"]) == ("1", "29500")
    assert {name: variables[name] for name in place} == place
    assert "MASTER_ADDR" not in variables


def test_variables_that_are_set_stay() -> None:
    """Also empty ones: MASTER_PORT= is somebody's choice."""
    chosen = {"NPROC_PER_NODE": "2", "MASTER_PORT": "", "OMP_NUM_THREADS": "3", "GPUS": "0"}
    chosen |= {"CUDA_VISIBLE_DEVICES": "5", "API_HTTP_CLIENT_MAX_RETRIES": "9"}
    variables = variables_for(Work("swift", "sft", gpus=0), chosen)
    assert {name: variables[name] for name in chosen if name != "GPUS"} == {
        name: value for name, value in chosen.items() if name != "GPUS"
    }
    assert keep_set({"A": "1", "B": "2"}, {"A": ""}) == {"A": "", "B": "2"}


@pytest.mark.parametrize(("gpus", "devices"), [(0, ""), (1, "0"), (3, "0,1,2")])
def test_variables_with_gpus_hide_the_rest(gpus: int, devices: str) -> None:
    """GPUS=1 of four must not leave swift the other three to spread the model over."""
    variables = variables_for(Work("swift", "sft", gpus), {"GPUS": str(gpus)})
    assert variables["CUDA_VISIBLE_DEVICES"] == devices


@pytest.mark.parametrize("value", ["0", "x", "1;touch pwned", "-2", "999999"])
def test_variables_for_no_number_of_processes_are_refused(value: str) -> None:
    with pytest.raises(UsageError, match="is no number of processes"):
        variables_for(Work("swift", "deploy", gpus=0), {"NPROC_PER_NODE": value})


@pytest.mark.parametrize("value", ["auto", " gpu"])
@pytest.mark.parametrize(("gpus", "processes"), [(4, "4"), (0, "1")])
def test_variables_for_a_process_each_gpu(value: str, gpus: int, processes: str) -> None:
    """torchrun's words mean the GPUs that GPUS leaves, not those of the machine."""
    environment = {"NPROC_PER_NODE": value}
    work = Work("swift", "sft", gpus)
    assert variables_for(work, environment)["NPROC_PER_NODE"] == processes
    check_torchrun(work, environment)


def test_variables_with_blanks_are_those_without() -> None:
    """GPUS=' 2' is two GPUs; a blank one is not set."""
    environment = {"GPUS": " 2", "NPROC_PER_NODE": " 2 "}
    variables = variables_for(Work("swift", "sft", 2), environment)
    assert variables["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert int(variables["NPROC_PER_NODE"]) == 2
    assert "CUDA_VISIBLE_DEVICES" not in variables_for(Work("swift", "sft", 2), {"GPUS": " "})


def test_variables_share_the_cores_between_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """At least one thread each, and at most eight beside a GPU."""
    monkeypatch.setattr("swiftkit.training.machine_settings.count_cpus", lambda: 64)
    for work, environment, threads in (
        (Work("swift", "sft", gpus=0), {}, "64"),
        (Work("swift", "sft", gpus=0), {"NPROC_PER_NODE": "4"}, "16"),
        (Work("swift", "sft", gpus=0), {"NPROC_PER_NODE": "1000"}, "1"),
        (Work("swift", "sft", gpus=1), {}, "8"),
        (Work("swift", "sft", gpus=16), {}, "4"),
    ):
        assert variables_for(work, environment)["OMP_NUM_THREADS"] == threads


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("50000 100000\n", 1), ("max 100000\n", None), ("9999999 100000\n", None), ("", None)],
)
def test_count_cpus_minds_the_containers_quota(
    tmp_path: Path, quota: str, cores: int | None
) -> None:
    """Half a core is one; without a quota, all that the process may use."""
    (tmp_path / "cpu.max").write_text(quota)
    unlimited = count_cpus(tmp_path / "none")
    assert unlimited >= 1
    assert count_cpus(tmp_path / "cpu.max") == (cores or unlimited)
