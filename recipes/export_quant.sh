#!/usr/bin/env bash
# Quantizes a merged model: 4 bits a weight instead of 16, or 8 for fp8. Four methods, a YAML each.
# Hardware: none for bnb; for gptq, awq and fp8 one GPU that holds the model in 16 bits. What each needs stands in its YAML.
# Run:      bash recipes/export_quant.sh
# Override: bash recipes/export_quant.sh recipes/export_quant_awq.yaml --model runs/mine/merged --output_dir runs/mine/awq
# Small:    bash recipes/export_quant.sh recipes/tiny/export_quant.yaml
# Makes:    runs/lora_sft_qwen3/bnb4 (a whole model); next: bash recipes/deploy.sh --model runs/lora_sft_qwen3/bnb4
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
launch swift export "$here/export_quant.yaml" "$@"
