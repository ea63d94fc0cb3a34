#!/usr/bin/env bash
# LoRA fine-tuning of gpt-oss-20b on one node, watched in SwanLab.
# Hardware: 4 GPUs of 80-96 GB (ZeRO-3 over four, liger kernels). On a CPU: the small variant below.
# Run:      bash recipes/lora_sft.sh
# Override: bash recipes/lora_sft.sh --dataset mine.jsonl --learning_rate 5e-5
# Small:    bash recipes/lora_sft.sh recipes/tiny/lora_sft.yaml
# Makes:    runs/lora_sft/last-checkpoint (the adapter); next: bash recipes/export_merge.sh
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
launch --gpus 4 --deepspeed zero3 swift sft "$here/lora_sft.yaml" "$@"
