#!/usr/bin/env bash
# Reinforcement learning (GRPO) of gpt-oss-20b's tool calls: Harmony in and out, the reward is swiftkit's own scorer.
# Hardware: 4 GPUs of 80-96 GB (ZeRO-2: the whole model on each). On a CPU: the small variant below.
# Run:      bash recipes/grpo_gpt_oss.sh
# Override: bash recipes/grpo_gpt_oss.sh --model runs/lora_sft/merged --num_generations 16
# Small:    bash recipes/grpo_gpt_oss.sh recipes/tiny/grpo_gpt_oss.yaml
# Makes:    runs/grpo_gpt_oss/last-checkpoint (the adapter); next: bash recipes/export_merge.sh --adapters ...
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
# ZeRO-2: 42 GB of weights fit on each GPU; under ZeRO-3 every token that is generated would gather them
launch --gpus 4 --deepspeed zero2 swift rlhf "$here/grpo_gpt_oss.yaml" "$@"
