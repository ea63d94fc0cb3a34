#!/usr/bin/env bash
# KTO: answers with a verdict each, good or bad, need not come in pairs.
# Hardware: 4 GPUs of 80 GB (an 8B model with LoRA, a copy on each). On a CPU: the small variant below.
# Run:      bash recipes/kto.sh
# Override: bash recipes/kto.sh --dataset mine.jsonl --undesirable_weight 0.5
# Small:    bash recipes/kto.sh recipes/tiny/kto.yaml
# Makes:    runs/kto/last-checkpoint (the adapter); next: bash recipes/export_merge.sh --adapters ...
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
# ZeRO-2: 8B fits on each GPU; ZeRO-3 would gather its weights at every layer, for nothing
launch --gpus 4 --deepspeed zero2 swift rlhf "$here/kto.yaml" "$@"
