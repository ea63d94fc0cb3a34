"""Several machines: torchrun's variables, and Ray."""

from swiftkit.recipe.recipe import Findings, Recipe, whole_number


def no_master(recipe: Recipe) -> Findings:
    """Several nodes need NODE_RANK, MASTER_ADDR and MASTER_PORT to find each other."""
    variables = ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
    missing = [name for name in variables if not recipe.environment.get(name)]
    nodes = _nodes(recipe)
    if nodes > 1 and missing:
        fix = "set NODE_RANK, 0 on the first node; the first one's MASTER_ADDR, and one"
        fix += " MASTER_PORT, on every node"
        yield recipe.fail("NNODES", f"NNODES={nodes} without {', '.join(missing)}", fix)


def node_numbers(recipe: Recipe) -> Findings:
    """NNODES is not a whole number, or NODE_RANK is not one of 0 to NNODES - 1."""
    count, rank = recipe.environment.get("NNODES", ""), recipe.environment.get("NODE_RANK", "")
    nodes = _nodes(recipe)
    if count and nodes < 1 and _uses_torchrun(recipe):
        fix = "write NNODES=2; swift takes no range"
        yield recipe.fail("NNODES", f"{count} is not a whole number of nodes", fix)
    elif nodes >= 1 and rank and whole_number(rank) not in range(nodes):
        message = f"NODE_RANK={rank}, but with NNODES={count} the nodes are 0 to {nodes - 1}"
        yield recipe.fail("NODE_RANK", message, "give each node another of these")


def node_alone(recipe: Recipe) -> Findings:
    """Without NNODES each node trains alone, into the same folder."""
    if not _uses_torchrun(recipe) or recipe.environment.get("NNODES"):
        return
    rank = recipe.environment.get("NODE_RANK", "0").strip()
    if rank != "0":
        message = f"NODE_RANK={rank} without NNODES: each node would train alone"
        fix = "set NNODES to the number of nodes, or unset NODE_RANK"
        yield recipe.fail("NODE_RANK", message, fix)
    elif recipe.environment.get("MASTER_ADDR"):
        message = "has no effect without NNODES: this node trains alone"
        yield recipe.warn("MASTER_ADDR", message, "set NNODES and NODE_RANK, or unset MASTER_ADDR")


def loopback_master(recipe: Recipe) -> Findings:
    """MASTER_ADDR means this machine itself, on every machine."""
    address = recipe.environment.get("MASTER_ADDR", "")
    loopback = ("localhost", "::1", "0.0.0.0")  # noqa: S104 - compared with, not bound to
    if _nodes(recipe) > 1 and (address.startswith("127.") or address in loopback):
        fix = "write the first node's address, unless this is a trial"
        yield recipe.warn("MASTER_ADDR", f"{address} is this machine itself, on every node", fix)


def endless_wait(recipe: Recipe) -> Findings:
    """swift's ddp_timeout waits 208 days for a node that has disappeared."""
    if _nodes(recipe) > 1 and not recipe.is_set("ddp_timeout"):
        message = "a node that has disappeared is waited for 208 days"
        yield recipe.warn("ddp_timeout", message, "add --ddp_timeout 1800", ddp_timeout=["1800"])


def ray_ignored(recipe: Recipe) -> Findings:
    """swift rlhf and pt have no Ray mode and train as if use_ray were not there."""
    if recipe.verb in ("rlhf", "pt") and recipe.get_bool("use_ray"):
        message = f"swift {recipe.verb} has no Ray mode and would train without it"
        fix = "leave it out; GRPO and GKD: megatron rlhf --use_ray true, see recipes/ray"
        yield recipe.fail("use_ray", message, fix, use_ray=None)


def ray_without_groups(recipe: Recipe) -> Findings:
    """use_ray needs device_groups, which tell Ray what to start."""
    if recipe.verb == "sft" and recipe.get_bool("use_ray") and not recipe.is_set("device_groups"):
        group = '"default": {"device": "GPU", "ranks": 8, "workers": ["default"]}'
        fix = f"add device_groups: '{{\"nproc_per_node\": 4, {group}}}'"
        yield recipe.fail("use_ray", "needs device_groups", fix)


def _uses_torchrun(recipe: Recipe) -> bool:
    """Return True if swift starts torchrun, which reads these variables."""
    return recipe.trains or recipe.verb == "megatron"


def _nodes(recipe: Recipe) -> int:
    """Return NNODES of a training; 0 where it is not set, or no number."""
    count = whole_number(recipe.environment.get("NNODES", ""))
    return count if count and _uses_torchrun(recipe) else 0
