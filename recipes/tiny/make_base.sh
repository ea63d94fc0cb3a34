#!/usr/bin/env bash
# Makes recipes/tiny/qwen3, the base model that the demo and the tests start from, from nothing.
# Hardware: two CPU cores, three quarters of an hour.
# Run:      bash recipes/tiny/make_base.sh
# Result:   recipes/tiny/qwen3 (2.4 MB, bf16); it is shipped, so nobody needs to run this
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${SWIFTKIT_VENV:-.venv}/bin/python
folder=runs/tiny_base

"$python" recipes/tiny/make_qwen3.py make "$folder"
# First to copy, then to choose: a model that cannot copy yet has nothing to choose for.
bash recipes/lora_sft.sh recipes/tiny/make_base.yaml --model "$folder/random" --dataset "$folder/copying.jsonl" --output_dir "$folder/copies"
bash recipes/lora_sft.sh recipes/tiny/make_base.yaml --model "$folder/copies/last-checkpoint" --dataset "$folder/choosing.jsonl" \
    --output_dir "$folder/chooses" --max_steps 1000 --learning_rate 2e-3
"$python" recipes/tiny/make_qwen3.py shrink "$folder/chooses/last-checkpoint" recipes/tiny/qwen3
