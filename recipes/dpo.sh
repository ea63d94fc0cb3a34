#!/usr/bin/env bash
# DPO: right calls are made likelier than wrong ones, near the model that it starts from; without a reward model.
# Hardware: 4 GPUs of 80 GB (an 8B model with LoRA, a copy on each). On a CPU: the small variant below.
# Run:      bash recipes/dpo.sh
# Override: bash recipes/dpo.sh --model runs/lora_sft/merged --beta 0.3
# Small:    bash recipes/dpo.sh recipes/tiny/dpo.yaml
# Makes:    runs/dpo/last-checkpoint (the adapter); next: bash recipes/export_merge.sh --adapters ...
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
# ZeRO-2: 8B fits on each GPU; ZeRO-3 would gather its weights at every layer, for nothing
launch --gpus 4 --deepspeed zero2 swift rlhf "$here/dpo.yaml" "$@"
