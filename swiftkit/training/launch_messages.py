"""Messages for a recipe whose machine does not suffice, or whose other machine is gone."""

from collections.abc import Mapping
from pathlib import Path

from swiftkit.training.machine_settings import NODES_PORT


def missing_gpus(script: str, file: str, gpus: int, gpu_memory: int, problem: str) -> str:
    """Return what the recipe `script` needs for its YAML `file`, and what runs here instead.

    `problem` is why no GPU is seen, if that is known.
    """
    recipe = f"recipes/{script.rpartition('recipes/')[2]}"  # as it is typed in the project's folder
    amount = "1 GPU" if gpus == 1 else f"{gpus} GPUs"
    text = (
        f"this recipe needs {amount} of {gpu_memory} GB or more; this machine shows none"
        f"{f' ({problem})' if problem else ''}.\n"
        f"It also needs the model and the training rows that {file} names.\n"
        f"The command it would run:                   DRY_RUN=1 bash {recipe}"
    )
    small = Path("tiny", f"{Path(script).stem}.yaml")
    if (Path(script).parent / small).is_file():
        text += (
            f"\nThe same recipe, small, on this machine:    bash {recipe} recipes/{small}\n"
            "    (its data is made by: bash scripts/demo.sh)\n"
            f"本机没有 GPU。完整训练需要 {gpus} 张 {gpu_memory} GB 以上的显卡；"
            "上面最后一条命令可以在 CPU 上跑同一流程的小模型。"
        )
    return text


def lost_node(script: str, nodes: int, environment: Mapping[str, str]) -> str:
    """Return what is said when one of several nodes has failed."""
    address = environment.get("MASTER_ADDR", "")
    port = environment.get("MASTER_PORT") or NODES_PORT
    return (
        f"{Path(script).name}: node {environment.get('NODE_RANK', '')} of {nodes} has failed. Where"
        ' the errors above say "closed by peer", "reset by peer", "timed out" or\n'
        f'"waiting for clients", another node went first, or never came to {address}:{port}:'
        " read its log too.\n"
        "When that is mended, give the same command on every node, with RESUME=1:"
        " it goes on from the last checkpoint.\n"
        "本节点因错误停止；若上面出现上述字样，多半是别的节点先退出，请查看它的日志。"
        "修复后在每个节点上加 RESUME=1 重新运行，从最后的检查点继续。"
    )
