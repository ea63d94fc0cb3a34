"""Several machines: torchrun's variables, and Ray."""

from collections.abc import Iterator

from swiftkit.recipe.recipe import Fault, Recipe


def no_master(recipe: Recipe) -> Iterator[Fault]:
    """Several nodes without NODE_RANK or MASTER_ADDR: each waits for the others, or trains
    alone."""
    missing = [
        name
        for name in ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
        if not recipe.environment.get(name)
    ]
    if _nodes(recipe) > 1 and missing:
        message = f"NNODES={_nodes(recipe)} without {', '.join(missing)}"
        fix = "set NODE_RANK, 0 on the first node; the first one's MASTER_ADDR, and one MASTER_PORT, on every node"
        yield recipe.fail("NNODES", message, fix)


def node_numbers(recipe: Recipe) -> Iterator[Fault]:
    """NNODES that is no whole number, or NODE_RANK that is none of 0 to NNODES - 1."""
    count, rank = recipe.environment.get("NNODES", ""), recipe.environment.get("NODE_RANK", "")
    if _launched(recipe) and count and _nodes(recipe) < 1:
        yield recipe.fail(
            "NNODES", f"{count} is no whole number of nodes", "write NNODES=2; swift takes no range"
        )
    elif _nodes(recipe) >= 1 and rank and (not rank.isdecimal() or int(rank) >= _nodes(recipe)):
        message = (
            f"NODE_RANK={rank}, but with NNODES={count} the nodes are 0 to {_nodes(recipe) - 1}"
        )
        yield recipe.fail("NODE_RANK", message, "give each node another of these")


def node_alone(recipe: Recipe) -> Iterator[Fault]:
    """NODE_RANK or MASTER_ADDR without NNODES: each node trains alone, into the same folder."""
    if not _launched(recipe) or recipe.environment.get("NNODES"):
        return
    if recipe.environment.get("NODE_RANK", "0") != "0":
        message = f"NODE_RANK={recipe.environment['NODE_RANK']} without NNODES: each node would train alone"
        yield recipe.fail(
            "NODE_RANK", message, "set NNODES to the number of nodes, or unset NODE_RANK"
        )
    elif recipe.environment.get("MASTER_ADDR"):
        fix = "set NNODES and NODE_RANK, or unset MASTER_ADDR"
        yield recipe.warn(
            "MASTER_ADDR", "has no effect without NNODES: this node trains alone", fix
        )


def loopback_master(recipe: Recipe) -> Iterator[Fault]:
    """A MASTER_ADDR that means this machine on every machine."""
    address = recipe.environment.get("MASTER_ADDR", "")
    loopback = ("localhost", "::1", "0.0.0.0")  # noqa: S104 - compared with, not bound to
    if _nodes(recipe) > 1 and (address.startswith("127.") or address in loopback):
        message = f"{address} is this machine itself, on every node"
        yield recipe.warn(
            "MASTER_ADDR", message, "write the first node's address, unless this is a trial"
        )


def endless_wait(recipe: Recipe) -> Iterator[Fault]:
    """Several nodes with swift's ddp_timeout: one that is gone without a word is waited for 208
    days."""
    if _nodes(recipe) > 1 and not recipe.says("ddp_timeout"):
        message = "a node that is gone without a word is waited for 208 days"
        yield recipe.warn("ddp_timeout", message, "add --ddp_timeout 1800", ddp_timeout=["1800"])


def ray_ignored(recipe: Recipe) -> Iterator[Fault]:
    """use_ray where swift has no Ray mode: it trains as if the flag were not there."""
    if recipe.verb in ("rlhf", "pt") and recipe.true("use_ray"):
        message = f"swift {recipe.verb} has no Ray mode and would train without it"
        fix = "leave it out; GRPO and GKD: megatron rlhf --use_ray true, see recipes/ray"
        yield recipe.fail("use_ray", message, fix, use_ray=None)


def ray_without_groups(recipe: Recipe) -> Iterator[Fault]:
    """use_ray without device_groups, which tell Ray what to start."""
    if recipe.verb == "sft" and recipe.true("use_ray") and not recipe.says("device_groups"):
        groups = '{"nproc_per_node": 4, "default": {"device": "GPU", "ranks": 8, "workers": ["default"]}}'
        fix = f"add device_groups: '{groups}'"
        yield recipe.fail("use_ray", "needs device_groups", fix)


def _launched(recipe: Recipe) -> bool:
    """Whether swift starts torchrun, which reads these variables."""
    return recipe.trains or recipe.verb == "megatron"


def _nodes(recipe: Recipe) -> int:
    """NNODES of a training; 0 where that is not said, or no number."""
    count = recipe.environment.get("NNODES", "")
    return int(count) if _launched(recipe) and count.isdecimal() and len(count) < 6 else 0
