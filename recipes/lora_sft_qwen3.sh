#!/usr/bin/env bash
# LoRA fine-tuning of Qwen3-8B: tool calls in Hermes format, which every server reads.
# Hardware: 4 GPUs of 80 GB (a copy on each). On a CPU: the small variant below.
# Run:      bash recipes/lora_sft_qwen3.sh
# Override: bash recipes/lora_sft_qwen3.sh --dataset mine.jsonl --learning_rate 5e-5
# Small:    bash recipes/lora_sft_qwen3.sh recipes/tiny/lora_sft_qwen3.yaml
# Makes:    runs/lora_sft_qwen3/last-checkpoint (the adapter); next: bash recipes/export_merge.sh --adapters ...
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
# ZeRO-2: 8B fits on each GPU; ZeRO-3 would gather its weights at every layer, for nothing
launch --gpus 4 --deepspeed zero2 swift sft "$here/lora_sft_qwen3.yaml" "$@"
