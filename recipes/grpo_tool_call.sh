#!/usr/bin/env bash
# Reinforcement learning (GRPO) of tool calls: the reward is swiftkit's own scorer, the same that `swiftkit eval` reports.
# Hardware: 4 GPUs of 80 GB (an 8B model with LoRA, a copy on each). On a CPU: the small variant below.
# Run:      bash recipes/grpo_tool_call.sh
# Override: bash recipes/grpo_tool_call.sh --model runs/lora_sft/merged --num_generations 16
# Small:    bash recipes/grpo_tool_call.sh recipes/tiny/grpo_tool_call.yaml
# Makes:    runs/grpo_tool_call/last-checkpoint (the adapter); next: bash recipes/export_merge.sh --adapters ...
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
# ZeRO-2: 8B fits on each GPU; under ZeRO-3 every token that is generated would gather all weights
launch --gpus 4 --deepspeed zero2 --vllm swift rlhf "$here/grpo_tool_call.yaml" "$@"
