"""Recipes as several machines start them."""

from helpers.recipe_stage import Stage

NODES = {"NNODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "10.0.0.1"}
LIMIT = ["--ddp_timeout", "1800"]
# Each "node" writes down its call; real ones would do so on machines of their own.
NODE_SWIFT = """#!/usr/bin/env bash
env >"$STAGE/node$NODE_RANK.environment"
printf '%s\\0' "$@" >"$STAGE/node$NODE_RANK.arguments"
exit "${SWIFT_STATUS:-0}"
"""


def node(stage: Stage, rank: int) -> tuple[dict[str, str], list[str]]:
    """(environment, arguments) of swift on a node."""
    lines = (stage.folder / f"node{rank}.environment").read_text().splitlines()
    arguments = (stage.folder / f"node{rank}.arguments").read_text().split("\0")[:-1]
    return dict(line.split("=", 1) for line in lines if "=" in line), arguments
