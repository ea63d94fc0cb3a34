#!/usr/bin/env bash
# CPO: pairs as for DPO, with the plain loss of the right answer in place of a reference model.
# Hardware: 4 GPUs of 80 GB (an 8B model with LoRA, a copy on each). On a CPU: the small variant below.
# Run:      bash recipes/cpo.sh
# Override: bash recipes/cpo.sh --model runs/lora_sft/merged --cpo_alpha 0.5
# Small:    bash recipes/cpo.sh recipes/tiny/cpo.yaml
# Makes:    runs/cpo/last-checkpoint (the adapter); next: bash recipes/export_merge.sh --adapters ...
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
# ZeRO-2: 8B fits on each GPU; ZeRO-3 would gather its weights at every layer, for nothing
launch --gpus 4 --deepspeed zero2 swift rlhf "$here/cpo.yaml" "$@"
