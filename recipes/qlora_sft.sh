#!/usr/bin/env bash
# QLoRA: the base model in 4 bits, an adapter beside it; an 8B model on one ordinary GPU.
# Hardware: 1 GPU of 24 GB; on several, a copy on each. On a CPU: the small variant below.
# Run:      bash recipes/qlora_sft.sh
# Override: bash recipes/qlora_sft.sh --dataset teacher.jsonl more.jsonl#500 --max_length 2048
# Small:    bash recipes/qlora_sft.sh recipes/tiny/qlora_sft.yaml
# Makes:    runs/qlora_sft/last-checkpoint (the adapter); next: bash recipes/export_merge.sh --adapters ...
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
# No DeepSpeed: little to shard, gradients and optimizer are the adapter's; and ZeRO-3 cannot shard 4-bit weights
launch --gpus 1 --gpu-memory 24 swift sft "$here/qlora_sft.yaml" "$@"
