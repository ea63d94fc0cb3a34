#!/usr/bin/env bash
# Reinforcement learning (GRPO) of whole conversations: the model's calls are run between its turns, by your own functions.
# Hardware: 4 GPUs of 80 GB (an 8B model with LoRA, a copy on each). On a CPU: the small variant below, without vLLM.
# Run:      bash recipes/grpo_multi_turn.sh
# Override: SWIFTKIT_TOOLS=my_tools.py bash recipes/grpo_multi_turn.sh --dataset data/grpo.jsonl --max_turns 6
# Small:    bash recipes/grpo_multi_turn.sh recipes/tiny/grpo_multi_turn.yaml
# Makes:    runs/grpo_multi_turn/last-checkpoint (the adapter); next: bash recipes/export_merge.sh --adapters ...
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
# ZeRO-2: 8B fits on each GPU; under ZeRO-3 every token that is generated would gather all weights
launch --gpus 4 --deepspeed zero2 --vllm swift rlhf "$here/grpo_multi_turn.yaml" "$@"
