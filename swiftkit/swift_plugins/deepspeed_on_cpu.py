r"""DeepSpeed between processes on the CPU: to try and to test ZeRO-2 and ZeRO-3 without a GPU.

    bash recipes/lora_sft.sh SMALL.yaml --deepspeed zero3 \
        --external_plugins swiftkit/swift_plugins/deepspeed_on_cpu.py

ZeRO-3 shards the weights while they are loaded, so the processes must know each other before; with
`--use_cpu` nothing connects them. DeepSpeed would also compile a kernel for inference's
all-reduce within one machine, which training never calls: four minutes on two busy cores, and a C++
compiler. And `--ddp_timeout` has no effect on the CPU.
"""

import argparse
from datetime import timedelta

import deepspeed

_parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
_parser.add_argument("--ddp_timeout", type=int, default=1800)
_seconds = _parser.parse_known_args()[0].ddp_timeout

deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
deepspeed.init_distributed("gloo", timeout=timedelta(seconds=_seconds))
