#!/usr/bin/env bash
# Makes recipes/tiny/qwen3 or recipes/tiny/gpt_oss, a base model that the demo and the tests start from, from nothing.
# (gpt_oss begins as a graft of qwen3, so it takes fewer steps.)
# Hardware: two CPU cores; three quarters of an hour for qwen3, twenty minutes for gpt_oss.
# Run:      bash recipes/tiny/make_base.sh qwen3|gpt_oss
# Result:   recipes/tiny/qwen3 (2.2 MB, bf16), recipes/tiny/gpt_oss (4.7 MB); they are shipped, so nobody needs to run this
set -euo pipefail
# shellcheck source=recipes/usage.sh
source "$(dirname "$0")/../usage.sh"
cd "$(dirname "$0")/../.."
python=${SWIFTKIT_VENV:-.venv}/bin/python
family=${1-}
case $family in
    qwen3)
        few=""
        flags=(--model_type qwen3 --template qwen3_nothinking)
        copy=(--max_steps 4000 --learning_rate 3e-3)
        choose=(--max_steps 1000 --learning_rate 2e-3)
        ;;
    gpt_oss)
        few="#8000" # more than its steps ask for
        flags=(--model_type gpt_oss --template gpt_oss --external_plugins swiftkit/swift_plugins/harmony_template.py)
        copy=(--max_steps 250 --learning_rate 1.5e-3 --warmup_steps 30)
        choose=(--max_steps 450 --learning_rate 1.5e-3 --warmup_steps 30)
        export SWIFTKIT_HARMONY_DATE=2026-01-15 # else every day's model would be another one
        ;;
    *)
        echo "make_base.sh: which one? bash recipes/tiny/make_base.sh qwen3|gpt_oss" >&2
        exit 2
        ;;
esac
folder=runs/tiny_base/$family

train() { # MODEL DATASET OUT FLAGS...
    bash recipes/lora_sft.sh recipes/tiny/make_base.yaml --model "$folder/$1" --dataset "$folder/$2" --output_dir "$folder/$3" \
        "${flags[@]}" "${@:4}"
}

"$python" recipes/tiny/make_base.py make "$family" "$folder"
# First to copy, then to choose: a model that cannot copy yet has nothing to choose for.
train random "copying.jsonl$few" copies "${copy[@]}"
train copies/last-checkpoint "choosing.jsonl$few" chooses "${choose[@]}"
"$python" recipes/tiny/make_base.py shrink "$folder/chooses/last-checkpoint" "recipes/tiny/$family"
