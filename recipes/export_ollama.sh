#!/usr/bin/env bash
# Writes the Modelfile with which Ollama takes a merged model in. It copies no weights, and knows no tools (see the YAML).
# Hardware: none needed; seconds.
# Run:      bash recipes/export_ollama.sh
# Override: bash recipes/export_ollama.sh --model runs/mine/merged --output_dir runs/mine/ollama
# Small:    bash recipes/export_ollama.sh recipes/tiny/export_ollama.yaml
# Makes:    runs/lora_sft_qwen3/ollama/Modelfile; next: ollama create swiftkit -f runs/lora_sft_qwen3/ollama/Modelfile
# shellcheck source=recipes/lib.sh
. "$(dirname "$0")/lib.sh"
launch swift export "$here/export_ollama.yaml" "$@"
