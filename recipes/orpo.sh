#!/usr/bin/env bash
# ORPO: learns right answers and turns from wrong ones in one stage; no fine-tuning before it.
# Hardware: 4 GPUs of 80 GB (an 8B model with LoRA, a copy on each). On a CPU: the small variant below.
# Run:      bash recipes/orpo.sh
# Override: bash recipes/orpo.sh --dataset mine.jsonl --num_train_epochs 1
# Small:    bash recipes/orpo.sh recipes/tiny/orpo.yaml
# Makes:    runs/orpo/last-checkpoint (the adapter); next: bash recipes/export_merge.sh --adapters ...
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
# ZeRO-2: 8B fits on each GPU; ZeRO-3 would gather its weights at every layer, for nothing
launch --gpus 4 --deepspeed zero2 swift rlhf "$here/orpo.yaml" "$@"
