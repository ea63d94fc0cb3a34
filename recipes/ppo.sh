#!/usr/bin/env bash
# PPO: the model answers, a reward model (rm.sh, merged) scores, answers that score higher are made likelier.
# Hardware: 4 GPUs of 80 GB (policy, reward and value model on each). On a CPU: the small variant below.
# Run:      bash recipes/ppo.sh
# Override: bash recipes/ppo.sh --reward_model runs/rm/merged --kl_coef 0.1
# Small:    bash recipes/ppo.sh recipes/tiny/ppo.yaml
# Makes:    runs/ppo/last-checkpoint (the adapter); next: bash recipes/export_merge.sh --adapters ...
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
# ZeRO-2: the models fit on each GPU; under ZeRO-3 every token that is generated would gather all weights
launch --gpus 4 --deepspeed zero2 swift rlhf "$here/ppo.yaml" "$@"
