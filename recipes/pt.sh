#!/usr/bin/env bash
# Continued pre-training: plain text, every token is learnt, no questions and answers.
# Hardware: 4 GPUs of 80 GB (ZeRO-3: weights, gradients and optimizer shared out). On a CPU: the small variant below.
# Run:      bash recipes/pt.sh
# Override: bash recipes/pt.sh --dataset mine.jsonl --max_length 8192
# Small:    bash recipes/pt.sh recipes/tiny/pt.yaml
# Makes:    runs/pt/last-checkpoint (a whole model); next: bash recipes/lora_sft_qwen3.sh --model runs/pt/last-checkpoint
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
launch --gpus 4 --deepspeed zero3 swift pt "$here/pt.yaml" "$@"
