#!/usr/bin/env bash
# A vLLM server that generates the rollouts of GRPO on GPUs of its own, while other GPUs train.
# Hardware: 1 GPU of 80 GB or more, beside those that train; needs vLLM beside ms-swift. It has no small variant.
# Run:      CUDA_VISIBLE_DEVICES=0 bash recipes/rollout.sh
# Override: CUDA_VISIBLE_DEVICES=0,1 bash recipes/rollout.sh --vllm_data_parallel_size 2 --port 8001
# Makes:    a server at http://127.0.0.1:8000; next, on the other GPUs: the line in rollout.yaml
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
launch --gpus 1 swift rollout "$here/rollout.yaml" "$@"
