#!/usr/bin/env bash
# SimPO: pairs as for DPO, but by the mean log probability of an answer, without a reference model.
# Hardware: 4 GPUs of 80 GB (an 8B model with LoRA, a copy on each). On a CPU: the small variant below.
# Run:      bash recipes/simpo.sh
# Override: bash recipes/simpo.sh --model runs/lora_sft/merged --simpo_gamma 1.5
# Small:    bash recipes/simpo.sh recipes/tiny/simpo.yaml
# Makes:    runs/simpo/last-checkpoint (the adapter); next: bash recipes/export_merge.sh --adapters ...
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
# ZeRO-2: 8B fits on each GPU; ZeRO-3 would gather its weights at every layer, for nothing
launch --gpus 4 --deepspeed zero2 swift rlhf "$here/simpo.yaml" "$@"
