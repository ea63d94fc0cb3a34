#!/usr/bin/env bash
# Full fine-tuning of Qwen3-8B: every weight is trained, for new knowledge or a new language rather than a format.
# Hardware: 4 GPUs of 80 GB (ZeRO-3: weights, gradients and optimizer shared out). On a CPU: the small variant below.
# Run:      bash recipes/full_sft.sh
# Override: bash recipes/full_sft.sh --dataset mine.jsonl --learning_rate 5e-6
# Small:    bash recipes/full_sft.sh recipes/tiny/full_sft.yaml
# Makes:    runs/full_sft/last-checkpoint (a whole model); next: bash recipes/deploy.sh --model runs/full_sft/last-checkpoint
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
launch --gpus 4 --deepspeed zero3 swift sft "$here/full_sft.yaml" "$@"
