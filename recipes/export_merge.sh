#!/usr/bin/env bash
# Merges a LoRA adapter into its base model: one folder that every server can load.
# Hardware: none needed; memory for the model's weights (gpt-oss-20b: 42 GB in GPU or main memory).
# Run:      bash recipes/export_merge.sh
# Override: bash recipes/export_merge.sh --adapters runs/demo/lora/last-checkpoint --output_dir runs/demo/merged
# Small:    bash recipes/export_merge.sh recipes/tiny/export_merge.yaml
# Makes:    runs/lora_sft/merged; next: bash recipes/deploy.sh
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
launch swift export "$here/export_merge.yaml" "$@"
