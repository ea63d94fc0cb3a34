#!/usr/bin/env bash
# LoRA fine-tuning of a mixture of experts with Megatron-SWIFT: the experts are spread over the GPUs instead of gathered.
# Hardware: 2 nodes with 8 GPUs of 80 GB. Not run here: it needs megatron-core, mcore-bridge, transformer-engine and a GPU.
# Run:      NNODES=2 NODE_RANK=0 MASTER_ADDR=ADDRESS bash recipes/megatron/moe_sft.sh     NODE_RANK=1 on the other node
# Override: bash recipes/megatron/moe_sft.sh --dataset mine.jsonl --expert_model_parallel_size 4
# Result:   runs/moe_sft/checkpoint-N, an adapter in Hugging Face's format; next: bash recipes/export_merge.sh
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/../lib.sh"
launch --gpus 8 megatron sft "$here/moe_sft.yaml" "$@"
