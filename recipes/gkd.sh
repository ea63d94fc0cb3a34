#!/usr/bin/env bash
# GKD: a student answers, and learns each token's probabilities from a larger teacher.
# Hardware: 4 GPUs of 80 GB (8B on each, a teacher of 32B shared out). On a CPU: the small variant below.
# Run:      bash recipes/gkd.sh
# Override: bash recipes/gkd.sh --teacher_model models/Qwen3-14B --lmbda 0.5
# Small:    bash recipes/gkd.sh recipes/tiny/gkd.yaml
# Makes:    runs/gkd/last-checkpoint (the adapter); next: bash recipes/export_merge.sh --adapters ...
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
# ZeRO-2 for the student; teacher_deepspeed in the YAML shares out the teacher
launch --gpus 4 --deepspeed zero2 swift rlhf "$here/gkd.yaml" "$@"
