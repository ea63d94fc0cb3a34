#!/usr/bin/env bash
# A reward model: one number, higher for the right call than for the wrong one. PPO needs it, merged.
# Hardware: 4 GPUs of 80 GB (an 8B model with LoRA, a copy on each). On a CPU: the small variant below.
# Run:      bash recipes/rm.sh
# Override: bash recipes/rm.sh --dataset mine.jsonl --learning_rate 5e-5
# Small:    bash recipes/rm.sh recipes/tiny/rm.yaml
# Makes:    runs/rm/last-checkpoint (the adapter); next: merge it (the line is in rm.yaml), then: bash recipes/ppo.sh
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
# ZeRO-2: 8B fits on each GPU; ZeRO-3 would gather its weights at every layer, for nothing
launch --gpus 4 --deepspeed zero2 swift rlhf "$here/rm.yaml" "$@"
